"""``weft compute render | approve | reject``: a scene becomes pictures, on many machines or on this one."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from weftwork.cli.screen import paint, print_json, print_next, progress, reporting, say

if TYPE_CHECKING:
    from weftwork.compute.render.errand import Event
    from weftwork.compute.render.journal import Plan
    from weftwork.compute.render.requester import RenderClient, Result
    from weftwork.compute.render.scene import Scene

Scene_ = Annotated[str, typer.Argument(metavar="SCENE", help="A .xml, .py or .blend file (docs/render.md).")]
Frames = Annotated[str | None, typer.Option(help="Which frames: 1-10, or 1,4,7-9; all of them if absent.")]
Out = Annotated[str, typer.Option(help="Folder for the pictures, and for what a killed render goes on from.")]
Render_ = Annotated[str, typer.Argument(metavar="RENDER", help="Its folder, or its id.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one object.")]
_SHOWN = ("assigned", "cheat", "lost", "rejected", "paid", "frame", "paused", "unsaid")


def render(
    scene: Scene_,
    frames: Frames = None,
    tier: Annotated[str, typer.Option(help="economy, priority or trusted.")] = "economy",
    out: Out = "render",
    spp: Annotated[int | None, typer.Option(min=1, help="Samples a pixel; the scene's if absent.")] = None,
    size: Annotated[str | None, typer.Option(metavar="WxH", help="Pixels; the scene's if absent.")] = None,
    length: Annotated[
        int | None, typer.Option(min=1, help="Frames of the whole animation, where the scene says none.")
    ] = None,
    tile: Annotated[int, typer.Option(min=8, max=4096, help="Pixels of a tile's side.")] = 64,
    hold: Annotated[
        str | None, typer.Option(metavar="WEFT", help="What it may spend; the estimate if absent.")
    ] = None,
    check: Annotated[str, typer.Option(metavar="PERCENT", help="Tiles to render again here.")] = "10%",
    nodes: Annotated[int, typer.Option(min=1, help="Nodes that work at once, at most.")] = 16,
    approve: Annotated[str, typer.Option(help="auto pays what passes the check; ask shows it.")] = "auto",
    exr: Annotated[bool, typer.Option("--exr", help="Write OpenEXR beside each PNG.")] = False,
    burn: Annotated[bool, typer.Option("--burn", help="Pay by burning, after docs/bme.md.")] = False,
    estimate: Annotated[bool, typer.Option("--estimate", help="Say what it would cost, and stop.")] = False,
    local: Annotated[bool, typer.Option("--local", help="Render on this machine alone.")] = False,
    threads: Annotated[int, typer.Option(min=1, help="Threads of the renderer on this machine.")] = 1,
    as_json: AsJson = False,
) -> None:
    """Render SCENE on the network's nodes: estimate, hold, tiles, check, pay, pictures.

    The same command goes on with a render that was stopped; nothing is paid twice.
    """
    with reporting(as_json):
        from weftwork.compute.render.local import require_renderer
        from weftwork.compute.render.scene import read_scene

        width, height = _read_size(size)
        found, files = read_scene(scene, width=width, height=height, spp=spp, frames=length)
        numbers = read_frames(frames, found.frames)
        require_renderer(found.kind)
        if local:
            _render_here(found, files, numbers, Path(out), tile, exr, threads, as_json)
            return
        options = _read_options(check, nodes, approve, exr=exr, burn=burn, threads=threads)
        order: dict[str, Any] = {"frames": numbers, "tier": tier, "tile_size": tile, "hold": _read_hold(hold)}
        show = Show(quiet=as_json)

        async def work() -> tuple[Plan, Result | None]:
            from weftwork.network.artist import note_render, open_artist
            from weftwork.network.rent import find_home

            home = find_home()
            async with open_artist(Path(out), home, tell=show, **options) as client:
                show.client = client
                with progress("rendering a few tiles here, to say what it will cost"):
                    plan = await client.order(found, files, **order)
                note_render(home, client)
                if not as_json:
                    say_estimate(plan, client.journal.hold, client.journal.spent)
                return plan, None if estimate else await client.run()

        plan, result = asyncio.run(work())
    _tell_end(plan, result, scene, out, as_json)


def approve(render: Render_, frames: Frames = None, as_json: AsJson = False) -> None:
    """Pay the frames of RENDER that wait for it, fetch their pixels, and write them."""
    _judge(render, frames, as_json, reject=None)


def reject(
    render: Render_,
    frames: Frames = None,
    why: Annotated[str, typer.Option(help="Why, for the ledger's hash of it.")] = "rejected by hand",
    as_json: AsJson = False,
) -> None:
    """Refuse the frames of RENDER that wait: the money comes back, and other nodes render them."""
    _judge(render, frames, as_json, reject=why)


def _judge(render: str, frames: str | None, as_json: bool, *, reject: str | None) -> None:
    with reporting(as_json):
        show = Show(quiet=as_json)

        async def work() -> tuple[Plan, Result, Path]:
            from weftwork.network.artist import find_render, open_artist
            from weftwork.network.rent import find_home

            home = find_home()
            out = find_render(home, render)
            formats = ("png", "exr") if any(out.glob("*.exr")) else ("png",)
            async with open_artist(out, home, tell=show, auto=False, formats=formats) as client:
                show.client = client
                plan = client.journal.plan
                chosen = read_frames(frames, plan.scene.frames) if frames else None
                if reject is None:
                    return plan, await client.approve(chosen), out
                return plan, await client.reject(chosen, reject), out

        plan, result, out = asyncio.run(work())
    _tell_end(plan, result, "SCENE", str(out), as_json)


def read_frames(text: str | None, length: int) -> list[int]:
    """``1-10`` or ``1,4,7-9`` as numbers, each once, in order; raises BadInput outside 1 to ``length``."""
    from weftwork.errors import BadInput

    if text is None:
        return list(range(1, length + 1))
    out: set[int] = set()
    for part in text.split(","):
        match = re.fullmatch(r"\s*(\d{1,6})(?:-(\d{1,6}))?\s*", part)
        if match is None:
            raise BadInput("frames are numbers and ranges", value=text[:80], hint="--frames 1-10 or 1,4,7-9")
        low, high = int(match[1]), int(match[2] or match[1])
        if not 1 <= low <= high <= length:
            raise BadInput(
                f"the scene has frames 1 to {length}",
                value=part[:40],
                hint="--length says how many an animation has, where its scene does not",
            )
        out.update(range(low, high + 1))
    return sorted(out)


def _read_size(text: str | None) -> tuple[int | None, int | None]:
    from weftwork.errors import BadInput

    if text is None:
        return None, None
    match = re.fullmatch(r"(\d{1,5})[x×](\d{1,5})", text.strip())
    if match is None:
        raise BadInput("a size is width and height in pixels", value=text[:40], hint="--size 640x360")
    return int(match[1]), int(match[2])


def _read_hold(text: str | None) -> int | None:
    from weftwork.units import Wad

    return None if text is None else int(Wad.parse(text))


def _read_options(check: str, nodes: int, approve: str, **given: Any) -> dict[str, Any]:
    from weftwork.compute.render.errand import Terms
    from weftwork.errors import BadInput

    match = re.fullmatch(r"(\d{1,3})(?:\.(\d{1,2}))?\s*%?", check.strip())
    bps = int(match[1]) * 100 + int((match[2] or "0").ljust(2, "0")) if match else -1
    if not 0 <= bps <= 10_000:
        raise BadInput("a check is a share of the tiles", value=check[:40], hint="--check 10%")
    if approve not in ("auto", "ask"):
        raise BadInput("work is approved auto or ask", value=approve[:40], hint="--approve ask")
    return {
        "terms": Terms(check_bps=bps),
        "nodes": nodes,
        "auto": approve == "auto",
        "formats": ("png", "exr") if given["exr"] else ("png",),
        "burns": given["burn"],
        "threads": given["threads"],
    }


class Show:
    """What happens, for people: the picture that grows where there is a terminal, a line for each step."""

    def __init__(self, quiet: bool = False) -> None:
        from weftwork.compute.render.terminal import LivePicture

        self.quiet, self.live = quiet, LivePicture()
        self.client: RenderClient | None = None

    def __call__(self, event: Event) -> None:
        """Shows one event."""
        if self.quiet:
            return
        if event.kind == "tile" and self.client is not None:
            self.live.show(self.client.gallery.frame(event.facts["frame"]))
        elif event.kind in _SHOWN:
            word = {"cheat": "red", "lost": "yellow", "paused": "yellow", "frame": "green"}
            node = str(event.facts.get("node", ""))
            name = f"  {node[:10]}" if node else ""
            say(f"{paint(event.kind, word.get(event.kind, 'dim')):<9} {event.text}{name}")


def say_estimate(plan: Plan, hold: int, spent: int) -> None:
    """What a render is reckoned to cost, before it starts."""
    from weftwork.units import Wad

    obh = f"{plan.micro_obh / 1_000_000:,.3f}".rstrip("0").rstrip(".")
    euros = f"{plan.euros / 10**18:,.6f}".rstrip("0").rstrip(".")
    tier = f"{plan.tier}: {plan.obh_per_euro} OBh for a euro"
    say(f"render    {str(plan.render)[:18]}  {len(plan.frames)} frames, {tier}")
    say(f"estimate  {obh} OBh, {euros} euros, {Wad(plan.tokens).format(9)} WEFT")
    say(f"hold      {Wad(hold).format(9)} WEFT, {Wad(spent).format(9)} of it spent")


def _tell_end(plan: Plan, result: Result | None, scene: str, out: str, as_json: bool) -> None:
    from weftwork.units import Wad

    again = f"weft compute render {scene} --out {out}"
    if as_json:
        told: dict[str, Any] = {"render": str(plan.render), "estimate": plan.to_json()}
        if result is not None:
            told |= {
                "state": result.state,
                "paths": [str(path) for path in result.paths],
                "spent": str(result.spent),
                "hold": str(result.hold),
                "waiting": result.waiting,
                "review": list(result.review),
            }
        print_json(told)
        return
    if result is None:
        print_next(again)
        return
    for path in result.paths:
        print(paint(str(path), "bold"))
    print(f"spent {Wad(result.spent).format(9)} WEFT")
    if result.state == "done":
        print_next(f"weft trace {_first_receipt(out) or 'RECEIPT'}")
    elif result.state == "review":
        shown = ", ".join(str(number) for number in result.review)
        print(f"frames {shown} wait for you: see {out}/preview-{result.review[0]:04d}.png")
        print(f"or: weft compute reject {out} --frames {result.review[0]}")
        print_next(f"weft compute approve {out}")
    else:
        print(f"{result.waiting} bundles wait for a node" if scene == "SCENE" else "the hold is used up")
        enough = Wad(max(2 * result.hold, result.spent + 2 * plan.tokens)).format(9).replace(",", "")
        more = "" if scene == "SCENE" else f" --hold {enough}"
        print_next(again + more)


def _first_receipt(out: str) -> str | None:
    """A receipt of the render, short, to begin a trace with."""
    from weftwork.network.rent import find_home
    from weftwork.store import Store

    mark = Path(out) / ".weft" / "store"
    try:
        with Store(find_home().store_path(mark.read_text())) as store:
            found = store.by_kind("receipt", 1)
            return str(found[0].id)[:18] if found else None
    except Exception:
        return None


def _render_here(
    scene: Scene,
    files: dict[str, bytes],
    frames: Sequence[int],
    out: Path,
    tile: int,
    exr: bool,
    threads: int,
    as_json: bool,
) -> None:
    """The scene on this machine alone: no network, no money."""
    from weftwork.compute.render.asset import AssetStore
    from weftwork.compute.render.local import render_local
    from weftwork.compute.render.terminal import LivePicture

    store, live = AssetStore(out / ".weft" / "assets"), LivePicture()
    store.put_all(files.values())
    paths = asyncio.run(
        render_local(
            scene,
            store,
            out,
            frames,
            threads=threads,
            tile_size=tile,
            formats=("png", "exr") if exr else ("png",),
            plain=True,
            on_tile=None if as_json else lambda result, frame: live.show(frame),
        )
    )
    if as_json:
        print_json({"state": "done", "paths": [str(path) for path in paths]})
        return
    for path in paths:
        print(paint(str(path), "bold"))
    print_next("weft up, then the same without --local")
