"""A bundle: the tiles that one node renders for one payment, and the records that go to and fro for them.

    manifest = Manifest(render, scene, tiles, spp, "economy", number=1, attempt=0)
    manifest.words                       what the job on the ledger says of it, for good
    order = write_order(manifest, 0, …)  a signed Request for its first tile
    deliverable(receipts)                what its node hands in: the Merkle root of its receipts

A tile's Receipt carries the Keccak-256 of its pixels as its output, without a salt: nobody guesses a picture.
So the ledger commits a node to all pixels of a bundle before anybody says which of them are checked.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, Self

from weftwork.compute.render.scene import MAX_SPP, Scene
from weftwork.compute.render.tile import Tile, tile_seed
from weftwork.errors import BadAnswer, BadInput, BadSignature, WeftError
from weftwork.records import Domain, Receipt, Request, Signed
from weftwork.spec.merkle import hash_leaf, merkle_root
from weftwork.units import Digest, keccak, salt_content

MAX_TILES = 4_096
"""Tiles of the largest bundle."""
_FIELDS = {"render", "scene", "tiles", "spp", "tier", "number", "attempt"}


class Signer(Protocol):
    """An account: ``ledger.key.Account`` is one."""

    address: str

    def sign_hash(self, digest: bytes) -> bytes:
        """The 65-byte signature (r, s, v) of a 32-byte digest."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a bundle is: tiles of ``scene`` at ``spp`` samples a pixel, seeded by the id of the ``render``.

    ``number`` counts a render's bundles from 0, ``attempt`` how often this one was given out before.
    """

    render: Digest
    scene: Scene
    tiles: tuple[Tile, ...]
    spp: int
    tier: str
    number: int
    attempt: int = 0

    def __post_init__(self) -> None:
        if not 1 <= len(self.tiles) <= MAX_TILES or len(set(self.tiles)) != len(self.tiles):
            raise BadInput(f"a bundle has 1 to {MAX_TILES} tiles, each once", value=len(self.tiles))
        for value, high in ((self.spp, MAX_SPP), (self.number, 2**31), (self.attempt, 2**31)):
            if type(value) is not int or not 0 <= value <= high:
                raise BadInput("the numbers of a bundle are whole", value=repr(value)[:40])
        if self.spp < 1 or not isinstance(self.tier, str) or len(self.tier) > 32:
            raise BadInput("a bundle has samples and a tier", value=self.spp)
        for tile in self.tiles:
            inside = tile.x + tile.width <= self.scene.width and tile.y + tile.height <= self.scene.height
            if not inside or not 1 <= tile.frame <= self.scene.frames:
                raise BadInput("a tile does not lie in the scene", value=str(tile.to_json()))

    @property
    def digest(self) -> Digest:
        """Keccak-256 of the manifest's JSON with sorted keys."""
        return Digest.of(self.text)

    @property
    def text(self) -> bytes:
        """Its JSON with sorted keys, of which the digest is."""
        return _canonical(self.to_json())

    @property
    def words(self) -> str:
        """The description of its job on the ledger."""
        return write_words(self.digest)

    @property
    def samples(self) -> int:
        """Samples in all: pixels times samples a pixel."""
        return self.spp * sum(tile.pixels for tile in self.tiles)

    def seed(self, index: int) -> int:
        """The seed of its tile ``index``: the same on every node and in every attempt."""
        tile = self.tiles[index]
        return tile_seed(self.render, tile.frame, tile)

    def price(self, index: int, budget: int) -> int:
        """A tile's part of the bundle's budget, rounded down."""
        return budget * self.spp * self.tiles[index].pixels // self.samples

    def to_json(self) -> dict[str, Any]:
        """A plain object."""
        return {
            "render": str(self.render),
            "scene": self.scene.to_json(),
            "tiles": [tile.to_json() for tile in self.tiles],
            "spp": self.spp,
            "tier": self.tier,
            "number": self.number,
            "attempt": self.attempt,
        }

    @classmethod
    def from_json(cls, data: Any) -> Self:
        """The inverse of :meth:`to_json`; BadInput, BadScene or BadAsset for anything else."""
        if not isinstance(data, dict) or set(data) != _FIELDS or not isinstance(data["tiles"], list):
            raise BadInput(f"a bundle is an object of {', '.join(sorted(_FIELDS))}", value=repr(data)[:80])
        if not isinstance(data["render"], str) or len(data["tiles"]) > MAX_TILES:
            raise BadInput("a bundle has the id of its render, and not too many tiles")
        return cls(
            Digest(data["render"]),
            Scene.from_json(data["scene"]),
            tuple(Tile.from_json(tile) for tile in data["tiles"]),
            data["spp"],
            data["tier"],
            data["number"],
            data["attempt"],
        )


def write_words(bundle: Digest) -> str:
    """What the job of a bundle says on the ledger that it is for."""
    return f"weft render {bundle}"


def _canonical(data: Any) -> bytes:
    return json.dumps(data, sort_keys=True, separators=(",", ":")).encode()


def order_text(manifest: Manifest, job: int, index: int) -> str:
    """What a tile's Request is about, as JSON: job, bundle, scene, frame and rectangle, seed, samples."""
    order = {
        "job": job,
        "bundle": str(manifest.digest),
        "scene": str(manifest.scene.digest),
        "tile": manifest.tiles[index].to_json(),
        "seed": manifest.seed(index),
        "spp": manifest.spp,
    }
    return _canonical(order).decode()


@dataclass(frozen=True, slots=True)
class Order:
    """A signed Request for one tile, with the text and salt behind its content."""

    request: Signed[Request]
    salt: bytes
    text: str

    def to_json(self) -> dict[str, Any]:
        """A plain object."""
        return {"request": self.request.to_json(), "salt": self.salt.hex(), "text": self.text}

    @classmethod
    def from_json(cls, data: Any) -> Self:
        """The inverse of :meth:`to_json`; :class:`BadInput` where the text is not that of the content."""
        try:
            request, text = Signed.from_json(data["request"]), str(data["text"])
            salt = bytes.fromhex(data["salt"])
        except (KeyError, TypeError, ValueError) as error:
            raise BadInput("an order has a request, a text and its salt", value=repr(data)[:80]) from error
        if not isinstance(request.record, Request) or len(salt) != 16:
            raise BadInput("an order is for a Request, with a salt of 16 bytes")
        if salt_content(text.encode(), salt)[0] != request.record.content:
            raise BadInput("the text is not what the request's content commits to", value=text[:80])
        return cls(request, salt, text)

    @property
    def place(self) -> tuple[int, str, tuple[int, ...]]:
        """Job, bundle and tile that it is for."""
        try:
            told = json.loads(self.text)
            job, bundle, tile = told["job"], told["bundle"], Tile.from_json(told["tile"])
            return int(job), str(bundle), tuple(tile.to_json())
        except (ValueError, KeyError, TypeError) as error:
            raise BadInput("the order's text names a job and a tile", value=self.text[:80]) from error


def write_order(
    manifest: Manifest,
    job: int,
    index: int,
    *,
    account: Signer,
    domain: Domain,
    subnet: int,
    budget: int,
    secret: bytes,
    time: int,
    lifetime: int,
) -> Order:
    """The order for tile ``index``: made of what is kept, so that it has the same id whenever it is made."""
    text = order_text(manifest, job, index)
    mark = secret + manifest.digest + job.to_bytes(32, "big") + index.to_bytes(4, "big")
    digest, salt = salt_content(text.encode(), keccak(b"salt" + mark)[:16])
    request = Request(
        account.address,
        subnet,
        digest,
        manifest.price(index, budget),
        time,
        time + lifetime,
        Digest.of(b"nonce" + mark),
    )
    return Order(Signed(request, account.sign_hash(request.digest(domain))), salt, text)


def write_receipt(
    order: Order, pixels: Digest, build: str, samples: int, *, account: Signer, domain: Domain, time: int
) -> Signed[Receipt]:
    """The node's word for a tile: the digest of its pixels, the renderer's build, what it costs."""
    record = Receipt(
        request=order.request.id,
        worker=account.address,
        output=pixels,
        engine=name_build(build),
        input_tokens=0,
        output_tokens=samples,
        price=order.request.record.max_price,
        sequence=0,
        final=True,
        time=time,
    )
    return Signed(record, account.sign_hash(record.digest(domain)))


def name_build(build: str) -> Digest:
    """The digest under which a receipt names the build of a renderer."""
    return Digest.of(build.encode())


def check_receipt(
    receipt: Signed[Any], order: Order, worker: str, build: str, domain: Domain
) -> Signed[Receipt]:
    """The receipt, where ``worker`` signed it for this order at the price agreed; else :class:`BadAnswer`."""
    record = receipt.record
    if not isinstance(record, Receipt):
        raise BadAnswer("a tile is answered with a receipt", value=record.kind)
    try:
        receipt.require_signer(domain, worker)
    except BadSignature as error:
        raise BadAnswer(error.sentence, value=error.value) from error
    asked = order.request
    told = (record.request, record.worker.lower(), record.price, record.sequence, record.final, record.engine)
    if told != (asked.id, worker.lower(), asked.record.max_price, 0, True, name_build(build)):
        raise BadAnswer("the receipt is not for what was ordered", value=str(record.id))
    return receipt


def deliverable(receipts: Sequence[bytes]) -> Digest:
    """What is handed in for a bundle: the Merkle root of its receipts' ids, in the manifest's order."""
    return merkle_root([hash_leaf(bytes(name)) for name in receipts])


def explain(error: BaseException) -> str:
    """An error in one line, for events and evidence."""
    return error.sentence if isinstance(error, WeftError) else f"{type(error).__name__}: {error}"
