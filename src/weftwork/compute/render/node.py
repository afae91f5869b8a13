"""A node of the render subnet: renders the tiles of funded bundles, signs receipts, hands in, is paid.

POST /v1/bundle           {"job", "manifest"}: take a funded bundle; the answer names the files missing
PUT  /v1/asset/DIGEST     a file of its scene, once; GET shows it to checkers
POST /v1/tile             a signed order; answered with a receipt and a watermarked preview
GET  /v1/bundle/JOB       how far it is; ``?wait=SECONDS`` until something happened
GET  /v1/pixels/RECEIPT   pixels: of a few tiles once the bundle is handed in, of all once it is approved
POST /v1/evidence         {"job"}: manifest, orders and receipts of a bundle, for its client and for checkers
POST /v1/challenge        {"seed", "spp"}: the benchmark; {"seed", "tile"} shows one of its tiles
GET  /v1/describe         wallet, tiers, speed, terms

All but the last and the third from the end are signed calls; a tile's order is itself a signed Request.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from base64 import b64encode
from collections.abc import Awaitable, Callable, Collection, Iterable
from typing import TYPE_CHECKING, Any

from weftwork.compute.render.bundle import Manifest, Order, order_text, write_receipt
from weftwork.compute.render.challenge import Challenge
from weftwork.compute.render.delivery import Delivery
from weftwork.compute.render.entrance import NodeApp
from weftwork.compute.render.holding import Held, Holding
from weftwork.compute.render.local import list_kinds
from weftwork.compute.render.tile import Tile
from weftwork.compute.render.worker import TileResult
from weftwork.errors import BadInput, Busy, DeadlinePassed, NotFound, Refused, Replayed, WeftError
from weftwork.records import Domains
from weftwork.spec.tier import PRESETS
from weftwork.units import BPS, Digest
from weftwork.wire.envelope import ReplayCache, check_call
from weftwork.wire.limits import Limits
from weftwork.wire.server import HttpRequest, HttpResponse, Running, serve

if TYPE_CHECKING:
    from weftwork.compute.render.escrow import Escrow
    from weftwork.compute.render.repute import Repute
    from weftwork.compute.render.scene import SceneKind
    from weftwork.compute.render.shelf import Shelf
    from weftwork.compute.render.workshop import Workshop
    from weftwork.store import Store

MAX_UPLOAD = 256 * 1024 * 1024
"""Bytes of the largest file that a node takes over HTTP."""
SHOWN_BPS = 2_500
"""The share of a bundle's tiles that its client sees unmarked before it approves: to check them."""
FLOOR = 200_000
"""The least standing, in millionths, of a creator that is worked for."""
QUEUE = 16
"""Tiles that wait here at most."""
MAX_SPP = 128
"""Samples a pixel that a challenge may ask for."""
SPEED_SECONDS = 3.0
"""How long who asks for a node's speed waits while it is being measured."""
Wallets = Callable[[], Awaitable[Collection[str]]]


class RenderNode:
    """One node; ``app`` serves it, ``holding`` is what it works on, ``delivery`` its side of the ledger."""

    def __init__(
        self,
        account: Any,
        escrow: Escrow,
        repute: Repute,
        store: Store,
        workshop: Workshop,
        shelf: Shelf,
        domains: Domains,
        *,
        subnet: int,
        checkers: Wallets,
        watchers: Wallets | None = None,
        tiers: Iterable[str] = tuple(PRESETS["render"]),
        kinds: Iterable[SceneKind] | None = None,
        milli_ob: int = 0,
        measure: Callable[[], Awaitable[int]] | None = None,
        shown_bps: int = SHOWN_BPS,
        floor: int = FLOOR,
        now: Callable[[], float] = time.time,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        limits: Limits | None = None,
        hosts: Iterable[str] = (),
        name: str = "node",
    ) -> None:
        """``checkers`` gives the wallets of the subnet's validators, who see what is handed in; ``watchers``
        those that may set challenges and see nothing else; ``kinds`` of scene are taken (None: all that what
        is installed here renders); ``milli_ob`` is this machine's measured speed, or 0 and ``measure`` finds
        it when somebody first asks for it."""
        self.account, self.escrow, self.repute = account, escrow, repute
        self.workshop, self.shelf, self.subnet = workshop, shelf, subnet
        self.tiers, self.milli_ob, self.shown_bps, self.floor = tuple(tiers), milli_ob, shown_bps, floor
        self.kinds = list_kinds() if kinds is None else tuple(kinds)
        self.store = store
        self.holding = Holding(store)
        self.running: Running | None = None
        self._domain = domains.of("receipt")
        self._checkers, self._watchers, self._now = checkers, watchers, now
        self._seen = ReplayCache()
        self._doing: dict[tuple[int, int], asyncio.Task[None]] = {}
        self._challenged: tuple[Digest, list[TileResult]] | None = None
        self._challenging = asyncio.Lock()
        self._measure = measure
        self._measuring: asyncio.Task[int] | None = None
        limits = limits or Limits(body_bytes=MAX_UPLOAD, body_seconds=300.0)
        self.app = NodeApp(name, wants=self.holding.lacks, limits=limits, hosts=hosts)
        self.delivery = Delivery(self.holding, escrow, repute, self.app.log, sleep)
        self._route()

    def _route(self) -> None:
        app = self.app
        app.post("/v1/bundle")(self.take_bundle)
        app.get("/v1/bundle/{job}")(self.show_bundle)
        app.route("PUT", "/v1/asset/{digest}")(self.take_asset)
        app.get("/v1/asset/{digest}")(self.show_asset)
        app.post("/v1/tile")(self.render_tile)
        app.get("/v1/pixels/{receipt}")(self.show_pixels)
        app.post("/v1/evidence")(self.show_evidence)
        app.post("/v1/challenge")(self.answer_challenge)
        app.get("/v1/describe")(self.describe)
        app.metrics.gauge("node_rendering", lambda: len(self._doing))

    @property
    def is_busy(self) -> bool:
        """Whether it renders for a requester now."""
        return bool(self._doing)

    # Life

    async def start(self, host: str = "127.0.0.1", port: int = 0, *, care: float | None = 5.0) -> Running:
        """Serves, and hands in what was whole when it stopped; ``care``: seconds between looks at jobs."""
        self.running = await serve(self.app, host, port)
        self.delivery.start(care)
        return self.running

    async def stop(self) -> None:
        """Stops serving; bundles stay in the store, and go on when it starts again."""
        if self.running is not None:
            await self.running.stop()
        tasks = [*self._doing.values(), *([self._measuring] if self._measuring else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self.delivery.stop()
        await self.workshop.aclose()
        await self.store.flushed()

    # Bundles

    async def take_bundle(self, request: HttpRequest) -> Any:
        """POST /v1/bundle: checked with the ledger once, and kept."""
        client = self._caller(request)
        body = request.object()
        job = _read_job(body.get("job"))
        manifest = Manifest.from_json(body.get("manifest"))
        held = self.holding.get(job)
        if held is None:
            held = await self._admit(job, manifest, client)
        elif held.client != client or held.manifest.digest != manifest.digest:
            raise Refused("that job is for another bundle", value=job)
        missing = self.workshop.assets.missing(manifest.scene.assets.values())
        return {"missing": missing, "done": sorted(held.receipts), "phase": held.phase}

    async def _admit(self, job: int, manifest: Manifest, client: str) -> Held:
        if manifest.tier not in self.tiers:
            raise Refused(f"this node takes {', '.join(self.tiers)}", value=manifest.tier)
        if manifest.scene.kind not in self.kinds:
            raise Refused(f"this node renders {', '.join(self.kinds)}", value=manifest.scene.kind)
        found = await asyncio.to_thread(self.escrow.check, job, manifest.words)
        if found.client.lower() != client.lower():
            raise Refused("the job was funded by another", value=client)
        standing = await asyncio.to_thread(self._creator, client)
        if standing < self.floor:
            raise Refused("this creator rejected too much good work", value=standing)
        held = self.holding.take(job, manifest, client, found.budget)
        await self.store.flushed()
        self.app.metrics.count("node_bundles")
        return held

    def _creator(self, client: str) -> int:
        return self.repute.standing(self.repute.agent_of(client))

    async def show_bundle(self, request: HttpRequest) -> Any:
        """GET /v1/bundle/JOB: tiles done, phase, what was handed in."""
        held = self.holding.find(_read_job(request.params["job"]))
        wait = request.args.get("wait", "0")
        seconds = min(float(wait), 25.0) if wait.replace(".", "", 1).isdigit() else 0.0
        if held.phase == "taken" and seconds:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(held.moved.wait(), seconds)
        return {
            "done": len(held.receipts),
            "tiles": len(held.manifest.tiles),
            "phase": held.phase,
            "root": str(held.root) if held.whole else None,
            "trouble": held.trouble,
        }

    async def take_asset(self, request: HttpRequest) -> Any:
        """PUT /v1/asset/DIGEST: of a scene that the caller has funded work for."""
        client, digest = self._caller(request), request.params["digest"]
        if not self.holding.wants(client, digest):
            raise Refused("that file belongs to no scene that you have work for here", value=digest[:80])
        await asyncio.to_thread(self.workshop.assets.put, request.body, digest)
        return {"digest": digest}

    async def show_asset(self, request: HttpRequest) -> Any:
        """GET /v1/asset/DIGEST: for checkers."""
        await self._require_checker(self._caller(request))
        return HttpResponse(await asyncio.to_thread(self.workshop.assets.get, request.params["digest"]))

    # Tiles

    async def render_tile(self, request: HttpRequest) -> Any:
        """POST /v1/tile: the same order again gets the same receipt, and costs nothing."""
        order = Order.from_json(request.object())
        request.thread = str(order.request.id)
        job, bundle, tile = order.place
        held = self.holding.find(job)
        index = next((i for i, one in enumerate(held.manifest.tiles) if tuple(one.to_json()) == tile), -1)
        if (
            index < 0
            or bundle != str(held.manifest.digest)
            or order.text != order_text(held.manifest, job, index)
        ):
            raise BadInput("the order is not for a tile of its job", value=order.text[:80])
        self._check_order(order, held, index)
        if index not in held.receipts:
            await self._render_once(order, held, index)
        name = held.receipts[index]
        receipt = self.holding.receipt(name)
        if receipt.record.request != order.request.id:
            raise Replayed("that tile was rendered for another order", value=str(name))
        pixels = await asyncio.to_thread(self.shelf.get, receipt.record.output)
        preview = _draw_preview(held.manifest.tiles[index], pixels) if pixels is not None else None
        return {"receipt": receipt.to_json(), "build": held.builds[index], "preview": preview}

    def _check_order(self, order: Order, held: Held, index: int) -> None:
        record = order.request.record
        order.request.require_signer(self._domain, held.client)
        if record.requester.lower() != held.client.lower() or record.subnet != self.subnet:
            raise BadInput("the order is of another requester, or of another subnet", value=record.subnet)
        if record.max_price != held.manifest.price(index, held.budget):
            raise BadInput("the order has another price than its part of the budget", value=record.max_price)
        if index not in held.receipts and record.expiry < self._now():
            raise DeadlinePassed("the order has expired", value=record.expiry)
        if held.phase == "refused":
            raise Refused("the bundle was given up", value=held.job)

    async def _render_once(self, order: Order, held: Held, index: int) -> None:
        """Renders a tile; who asks for one that is being rendered waits for that."""
        key = (held.job, index)
        task = self._doing.get(key)
        if task is None:
            if len(self._doing) >= QUEUE:
                raise Busy("as many tiles as are taken wait here", value=QUEUE)
            task = asyncio.ensure_future(self._render(order, held, index))
            self._doing[key] = task
            task.add_done_callback(lambda done: self._doing.pop(key, None))
        await asyncio.shield(task)

    async def _render(self, order: Order, held: Held, index: int) -> None:
        manifest = held.manifest
        result = await self.make_tile(manifest, index)
        await asyncio.to_thread(self.shelf.put, result.digest, result.pixels)
        samples = manifest.spp * result.tile.pixels
        receipt = write_receipt(
            order,
            result.digest,
            result.build,
            samples,
            account=self.account,
            domain=self._domain,
            time=int(self._now()),
        )
        self.holding.add(held, index, order, receipt, result.build)
        await self.store.flushed()
        self.app.metrics.count("node_tiles")
        self.app.metrics.count("node_samples", samples)
        if held.whole:
            self.delivery.deliver(held)
        else:
            held.wake()

    async def make_tile(self, manifest: Manifest, index: int) -> TileResult:
        """Tile ``index`` of a bundle, rendered; what a dishonest node would do otherwise."""
        return await self.workshop.render(
            manifest.scene, manifest.tiles[index], manifest.seed(index), manifest.spp
        )

    async def show_pixels(self, request: HttpRequest) -> Any:
        """GET /v1/pixels/RECEIPT: 32-bit floats [height, width, 3]."""
        caller = self._caller(request)
        held, index = self.holding.find_receipt(Digest(request.params["receipt"]))
        if caller.lower() == held.client.lower():
            await self._check_shown(held, index)
        else:
            await self._require_checker(caller)
            await self._catch_up(held)
            if held.phase == "taken":
                raise Refused("the bundle is not handed in yet", value=held.job)
        pixels = await asyncio.to_thread(
            self.shelf.get, self.holding.receipt(held.receipts[index]).record.output
        )
        if pixels is None:
            raise NotFound("the pixels are no longer here", value=held.job)
        return HttpResponse(pixels)

    async def _catch_up(self, held: Held) -> None:
        """Asks the ledger how a bundle stands: others may know before this node does."""
        if held.whole and held.phase in ("taken", "submitted"):
            await self.delivery.look(held)

    async def _check_shown(self, held: Held, index: int) -> None:
        """Whether the client may see a tile as it is: after it approved, or among the few to check before."""
        await self._catch_up(held)
        if held.phase == "paid" or index in held.shown:
            return
        allowed = max(1, -(-len(held.manifest.tiles) * self.shown_bps // BPS))
        if held.phase != "submitted" or len(held.shown) >= allowed:
            raise Refused(
                "pixels are shown once the bundle is approved",
                value=held.job,
                hint=f"{allowed} tiles of it are shown before, once it is handed in",
            )
        self.holding.show(held, index)

    async def show_evidence(self, request: HttpRequest) -> Any:
        """POST /v1/evidence {"job"}: all that a bundle's deliverable commits to."""
        caller = self._caller(request)
        held = self.holding.find(_read_job(request.object().get("job")))
        if caller.lower() != held.client.lower():
            await self._require_checker(caller)
        rows = []
        for index, name in sorted(held.receipts.items()):
            receipt = self.holding.receipt(name)
            order = self.holding.order(receipt.record.request)
            rows.append({"order": order.to_json(), "receipt": receipt.to_json(), "build": held.builds[index]})
        return {"manifest": held.manifest.to_json(), "tiles": rows, "phase": held.phase}

    # Speed

    async def answer_challenge(self, request: HttpRequest) -> Any:
        """POST /v1/challenge: from checkers, from watchers, and from those who have work here."""
        caller = self._caller(request)
        if not any(held.client == caller for held in self.holding) and not await self._is_watcher(caller):
            await self._require_checker(caller)
        body = request.object()
        if "tile" in body:
            return self._show_challenge(body)
        challenge = Challenge.from_json(body)
        if challenge.spp > MAX_SPP:
            raise BadInput(f"a challenge here has at most {MAX_SPP} samples a pixel", value=challenge.spp)
        if self._challenging.locked():
            raise Busy("another challenge is being answered", value=1)
        async with self._challenging:
            results = await self.workshop.answer(challenge)
            self._challenged = (challenge.seed, results)
        return {"digests": [str(result.digest) for result in results]}

    def _show_challenge(self, body: dict[str, Any]) -> HttpResponse:
        tile = Tile.from_json(body["tile"])
        if self._challenged is not None and str(self._challenged[0]) == body.get("seed"):
            for result in self._challenged[1]:
                if result.tile == tile:
                    return HttpResponse(result.pixels, headers={"x-weft-build": result.build[:300]})
        raise NotFound("no such challenge was answered last", value=str(body.get("seed"))[:80])

    async def describe(self, request: HttpRequest) -> Any:
        """GET /v1/describe."""
        return {
            "role": "node",
            "wallet": self.account.address,
            "subnet": self.subnet,
            "tiers": list(self.tiers),
            "kinds": list(self.kinds),
            "milli_ob": await self._find_speed(),
            "shown_bps": self.shown_bps,
            "max_upload": MAX_UPLOAD,
        }

    async def _find_speed(self) -> int:
        """Thousandths of an OB; 0 where they are still being measured, or cannot be."""
        if not self.milli_ob and self._measure is not None:
            if self._measuring is None:
                self._measuring = asyncio.ensure_future(self._measure())
            measuring = self._measuring
            await asyncio.wait({measuring}, timeout=SPEED_SECONDS)
            if measuring.done() and self._measuring is measuring:
                self._measuring = None
                try:
                    self.milli_ob = measuring.result()
                except WeftError as error:
                    self.app.log.warning("its speed is not known", code=error.code, error=error.sentence)
        return self.milli_ob

    # Who calls

    def _caller(self, request: HttpRequest) -> str:
        """Whoever signed this call."""
        return check_call(
            request.headers,
            request.method,
            request.target,
            request.body,
            self.account.address,
            self._domain,
            self._seen,
            now=int(self._now()),
        )

    async def _is_watcher(self, caller: str) -> bool:
        known = [] if self._watchers is None else await self._watchers()
        return caller.lower() in {wallet.lower() for wallet in known}

    async def _require_checker(self, caller: str) -> None:
        if caller.lower() not in {wallet.lower() for wallet in await self._checkers()}:
            raise Refused("that is shown to the subnet's checkers, and to whom it belongs", value=caller)


def _read_job(value: Any) -> int:
    if isinstance(value, str) and value.isdigit() and len(value) <= 18:
        value = int(value)
    if type(value) is not int or not 0 < value < 2**60:
        raise BadInput("a job is a whole number", value=repr(value)[:40])
    return value


def _draw_preview(tile: Tile, pixels: bytes) -> dict[str, Any]:
    """A tile's preview with its watermark: 8-bit sRGB, row by row, in base64."""
    from weftwork.compute.render.frame import read_pixels
    from weftwork.compute.render.preview import make_preview

    drawn = make_preview(read_pixels(tile, pixels))
    return {"width": drawn.shape[1], "height": drawn.shape[0], "rgb": b64encode(drawn.tobytes()).decode()}
