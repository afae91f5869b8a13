"""A node as a requester or a checker sees it: signed calls, answers checked before they are believed."""

# ruff: noqa: ASYNC109  (a timeout is a caller's business)

from __future__ import annotations

import asyncio
from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic_core import from_json, to_json

from weftwork.compute.render.bundle import Manifest, Order, check_receipt, deliverable, order_text
from weftwork.compute.render.challenge import Challenge
from weftwork.compute.render.tile import Tile
from weftwork.compute.render.worker import TileResult
from weftwork.errors import BadAnswer, BadInput, BadReply, Busy, Refused, Unreachable
from weftwork.records import Domain, Receipt, Signed
from weftwork.units import WAD, Digest
from weftwork.wire.envelope import sign_call

if TYPE_CHECKING:
    from weftwork.compute.render.escrow import JobState
    from weftwork.wire.client import Client

COLLATERAL = 50 * WAD
"""The least collateral, wad, with which a node gets work and weight; a wrong tile costs a part of it."""
UPLOAD_SECONDS = 600.0
PAUSE = 0.5
"""Seconds before a node that did not answer is asked once more."""

Row = tuple[Order, Signed[Receipt], str]
"""A tile's order, its receipt, and the build that made it."""


@dataclass(frozen=True, slots=True)
class NodeSeat:
    """A node of the render subnet as the ledger has it; ``standing`` in millionths, amounts in wad.

    ``collateral`` stands for it; ``pledge`` can be slashed, also what was asked back and is not paid out yet.
    """

    uid: int
    agent: int
    wallet: str
    endpoint: str
    standing: int = 1_000_000
    milli_ob: int = 0
    collateral: int = 0
    pledge: int = 0


def list_by_wallet(seats: Iterable[NodeSeat]) -> dict[str, NodeSeat]:
    """Nodes by wallet; of a wallet that has several agents the one that has most to lose."""
    return {seat.wallet: seat for seat in sorted(seats, key=lambda one: (one.pledge, one.uid))}


@dataclass(frozen=True, slots=True)
class TileAnswer:
    """A node's answer to an order: its receipt, the build it names, a preview (width, height, 8-bit RGB)."""

    receipt: Signed[Receipt]
    build: str
    preview: tuple[int, int, bytes] | None


class NodePeer:
    """Calls one node, signed by ``account``."""

    def __init__(
        self, http: Client, account: Any, domain: Domain, seat: NodeSeat, now: Callable[[], float]
    ) -> None:
        self.http, self.account, self.domain, self.seat = http, account, domain, seat
        self._now = now

    async def call(
        self,
        method: str,
        path: str,
        body: bytes = b"",
        *,
        timeout: float = 60.0,
        max_bytes: int | None = None,
        signed: bool = True,
    ) -> Any:
        """The reply to a call; :class:`Refused` with the node's code as its value, Unreachable, TimedOut."""
        headers = {"content-type": "application/json"} if method == "POST" else {}
        if signed:
            headers |= sign_call(
                self.account, method, path, body, self.seat.wallet, self.domain, now=int(self._now())
            )
        url = self.seat.endpoint + path
        reply = await self.http.request(
            method, url, body=body, headers=headers, timeout=timeout, max_bytes=max_bytes
        )
        if reply.status == 200:
            return reply
        try:
            told = from_json(reply.body)["error"]
            code, sentence = str(told["code"])[:80], str(told["message"])[:300]
        except (ValueError, KeyError, TypeError):
            code, sentence = str(reply.status), f"the node answered {reply.status}"
        if reply.status == 429 or code == Busy.code:
            raise Busy(sentence, value=code)
        raise Refused(f"the node refused: {sentence}", value=code)

    async def ask(self, method: str, path: str, obj: Any = None, **options: Any) -> dict[str, Any]:
        """A call whose reply is a JSON object; :class:`BadReply` where it is none."""
        reply = await self.call(method, path, b"" if obj is None else to_json(obj), **options)
        try:
            told = from_json(reply.body, allow_inf_nan=False)
        except ValueError as error:
            raise BadReply("the node's reply is not JSON", value=self.seat.endpoint) from error
        if not isinstance(told, dict):
            raise BadReply("the node's reply is no object", value=self.seat.endpoint)
        return told

    async def describe(self) -> dict[str, Any]:
        """Its terms; :class:`BadReply` where another answers at its endpoint."""
        told = await self.ask("GET", "/v1/describe", timeout=5.0, signed=False)
        if str(told.get("wallet")).lower() != self.seat.wallet.lower():
            raise BadReply("another answers at the node's endpoint", value=self.seat.endpoint)
        return told

    async def offer(self, job: int, manifest: Manifest, read: Callable[[str], bytes]) -> set[int]:
        """Hands a funded bundle over, with the files that it lacks; the tiles rendered already."""
        body = {"job": job, "manifest": manifest.to_json()}
        told = await self.ask("POST", "/v1/bundle", body)
        for digest in _read_list(told.get("missing")):
            if digest not in manifest.scene.assets.values():
                raise BadReply("the node asks for files that are not the scene's", value=str(digest)[:80])
            content = await asyncio.to_thread(read, digest)
            await self.call("PUT", f"/v1/asset/{digest}", content, timeout=UPLOAD_SECONDS)
        return {index for index in _read_list(told.get("done")) if isinstance(index, int)}

    async def render(self, order: Order, *, timeout: float) -> TileAnswer:
        """The answer to an order, asked for again once where the connection broke: it costs nothing.

        :class:`BadAnswer` where the receipt does not prove what it says.
        """
        for last in (False, True):
            try:
                told = await self.ask("POST", "/v1/tile", order.to_json(), timeout=timeout, signed=False)
                break
            except (Unreachable, Busy):
                if last:
                    raise
                await asyncio.sleep(PAUSE)
        build = str(told.get("build", ""))[:300]
        try:
            receipt = Signed.from_json(told["receipt"])
        except KeyError as error:
            raise BadAnswer("a tile is answered with a receipt") from error
        checked = check_receipt(receipt, order, self.seat.wallet, build, self.domain)
        return TileAnswer(checked, build, _read_preview(told.get("preview")))

    async def follow(self, job: int, wait: float = 20.0) -> dict[str, Any]:
        """How far a bundle is, once something happened to it or after ``wait`` seconds."""
        return await self.ask("GET", f"/v1/bundle/{job}?wait={wait:g}", timeout=wait + 10.0, signed=False)

    async def pixels(self, receipt: Signed[Receipt], tile: Tile, *, timeout: float = 60.0) -> bytes:
        """A tile's pixels; :class:`BadAnswer` where they are not those that the receipt signs."""
        size = tile.pixels * 12
        path = f"/v1/pixels/{receipt.id}"
        reply = await self.call("GET", path, timeout=timeout, max_bytes=size + 65_536)
        content = bytes(reply.body)
        if len(content) != size or Digest.of(content) != receipt.record.output:
            raise BadAnswer("the pixels are not those that the receipt signs", value=str(receipt.id))
        return content

    async def asset(self, digest: str, most: int) -> bytes:
        """A file of a scene, for checkers; the caller checks it against its digest."""
        reply = await self.call("GET", f"/v1/asset/{digest}", timeout=UPLOAD_SECONDS, max_bytes=most)
        return bytes(reply.body)

    async def evidence(self, job: int) -> dict[str, Any]:
        """Manifest, orders and receipts of a bundle, for its client and for checkers."""
        return await self.ask("POST", "/v1/evidence", {"job": job})

    async def show_bundle(self, found: JobState) -> tuple[Manifest, list[Row]]:
        """What a node shows of a job; :class:`BadAnswer` where it is not what the ledger commits it to."""
        told = await self.evidence(found.id)
        try:
            manifest = Manifest.from_json(told.get("manifest"))
            if manifest.words != found.words:
                raise BadAnswer("the node shows another bundle than the job's", value=found.id)
            rows = self._read_rows(told.get("tiles"), manifest, found)
        except BadInput as error:
            raise BadAnswer(
                f"the node's evidence cannot be read: {error.sentence}", value=found.id
            ) from error
        if deliverable([receipt.id for _, receipt, _ in rows]) != found.deliverable:
            raise BadAnswer("the node shows other receipts than it handed in", value=found.id)
        return manifest, rows

    def _read_rows(self, rows: Any, manifest: Manifest, found: JobState) -> list[Row]:
        """Order, receipt and build of every tile; :class:`BadAnswer` where one is not what it should be."""
        if not isinstance(rows, list) or len(rows) != len(manifest.tiles):
            raise BadAnswer("the node does not show all receipts of its bundle", value=found.id)
        out = []
        for index, row in enumerate(rows):
            try:
                order, receipt = Order.from_json(row["order"]), Signed.from_json(row["receipt"])
                build = str(row["build"])[:300]
            except (KeyError, TypeError) as error:
                raise BadAnswer("a row of the evidence is not whole", value=index) from error
            if order.text != order_text(manifest, found.id, index):
                raise BadAnswer("an order is for another tile", value=index)
            order.request.require_signer(self.domain, found.client)
            out.append((order, check_receipt(receipt, order, self.seat.wallet, build, self.domain), build))
        return out

    async def challenge(self, challenge: Challenge, *, timeout: float = 120.0) -> list[Digest]:
        """The digests that answer a benchmark challenge."""
        told = await self.ask("POST", "/v1/challenge", challenge.to_json(), timeout=timeout)
        return [Digest(str(digest)) for digest in _read_list(told.get("digests"))]

    async def show(self, challenge: Challenge, tile: Tile) -> TileResult:
        """A tile of the challenge that it answered last."""
        body = to_json({"seed": str(challenge.seed), "tile": tile.to_json()})
        reply = await self.call("POST", "/v1/challenge", body)
        pixels = bytes(reply.body)
        return TileResult(tile, pixels, Digest.of(pixels), 0.0, reply.headers.get("x-weft-build", ""))


def _read_list(value: Any) -> Iterable[Any]:
    if not isinstance(value, list) or len(value) > 100_000:
        raise BadReply("the node's reply lacks a list", value=repr(value)[:80])
    return value


def _read_preview(value: Any) -> tuple[int, int, bytes] | None:
    """A preview as it was sent; None for one that is not whole: it only adorns."""
    try:
        width, height, pixels = int(value["width"]), int(value["height"]), b64decode(value["rgb"])
    except (TypeError, KeyError, ValueError, Base64Error):
        return None
    good = 0 < width <= 4_096 and 0 < height <= 4_096 and len(pixels) == width * height * 3
    return (width, height, pixels) if good else None
