"""A tile's thread is recomputed from order to payment, and the record that was changed is named."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.stage import needs_mitsuba, needs_sandbox
from harness.studio import Studio

from weftwork.closing.chance import PPM
from weftwork.network.devnet import Devnet
from weftwork.network.home import Home
from weftwork.network.thread import Thread, draw_thread, gather, read_talk
from weftwork.network.verify import Check, verify_thread
from weftwork.records import Record

pytestmark = [needs_mitsuba, needs_sandbox]


@dataclass
class Told:
    """A thread as it would be written to a file, and how it is verified."""

    data: dict[str, Any]
    verify: Callable[[Thread], list[Check]]

    def failed(self, change: Callable[[dict[str, Any]], None]) -> set[tuple[str, str]]:
        """The failed checks, as (check, record), once something was changed."""
        copy = json.loads(json.dumps(self.data))
        change(copy)
        return {(one.name, one.id) for one in self.verify(Thread.from_json(copy)) if one.ok is False}


async def test_thread_of_a_tile_is_verified_and_the_least_change_is_named(tmp_path: Path) -> None:
    studio = Studio(tmp_path)
    home = Home(tmp_path / "home")
    studio.net = net = Devnet(home, tempo=400, commit_blocks=300)
    async with studio:
        await studio.add_node("node")
        ada = await studio.add_checker("ada", share=PPM)
        studio.end_epoch()
        artist = await studio.open()
        scene, files = studio.scene()
        await artist.order(scene, files, [1], tile_size=32)
        assert (await artist.run()).state == "done"
        await ada.checker.look()
        await ada.checker.commit()
        studio.open_reveals()
        await ada.checker.reveal()
        studio.end_epoch()
        await ada.checker.close()
        for site in net.sites.values():
            await site.store.flushed()
        bundle = artist.journal.bundles[0]
        start = str(artist.journal.receipt(bundle, 1).id)
        shelves = [tmp_path / "out" / ".weft" / "pixels"]

        def verify(thread: Thread) -> list[Check]:
            return verify_thread(thread, net.ledger, net.contracts, shelves)

        network = {"contracts": net.contracts.to_json()}
        told = Told(gather(home.stores, start, network).to_json(), verify)
        thread = Thread.from_json(told.data)
        checks = verify(thread)

        assert [check for check in checks if check.ok is False] == []
        passed = {check.name for check in checks if check.ok}
        kinds = {"id", "signature", "content", "parent", "price", "job", "score", "scores", "weights"}
        assert passed == kinds | {"epoch", "proof", "payment"}
        assert {"request", "receipt", "score", "weights", "closing", "payment"} == {
            entry.kind for entry in thread.entries.values()
        }
        (job,) = [check.detail for check in checks if check.name == "job"]
        assert f"paid to {studio.wallet('node')}" in job
        assert "among those handed in" in job
        contents = [check for check in checks if check.name == "content" and check.ok]
        assert {"its pixels" in check.detail for check in contents if check.id == start} == {True}
        drawn = "\n".join(draw_thread(thread, net.names))
        assert "artist ordered frame 1, 32 x 32 pixels at 32, 0, 2 samples each" in drawn
        assert "node rendered 2048 samples" in drawn
        assert read_talk(thread)[0].startswith("frame 1")

        _change_records(told)
        _change_what_is_beside(told, start, shelves[0])
        away = {check.name: check.ok for check in verify_thread(thread)}
        assert away["job"] is None


def _change_records(told: Told) -> None:
    """One unit more in any field that is a number: the record that has it is named, its id kept or not."""
    for place, row in enumerate(told.data["records"]):
        for name, value in row.items():
            if name in ("kind", "id", "signatures") or not str(value).isdigit():
                continue
            more = type(value)(int(value) + 1)

            def change(data: dict[str, Any], place: int = place, name: str = name, more: Any = more) -> None:
                data["records"][place][name] = more

            assert ("id", row["id"]) in told.failed(change), (row["kind"], name)


def _change_what_is_beside(told: Told, start: str, shelf: Path) -> None:
    """Evidence, listing, price under a new id, and pixels: each change is named where it was made."""
    rows = {row["kind"]: row for row in told.data["records"] if row["kind"] != "score"}
    score = next(r for r in told.data["records"] if r["kind"] == "score" and r["receipt"] == start)

    def spoil_evidence(data: dict[str, Any]) -> None:
        kept = data["contents"][score["evidence"]]
        facts = json.loads(kept["body"])
        facts["again"] = facts["again"][:-1] + ("0" if facts["again"][-1] != "0" else "1")
        kept["body"] = json.dumps(facts, sort_keys=True)

    assert told.failed(spoil_evidence) == {("content", score["id"]), ("score", score["id"])}

    def move_evidence(data: dict[str, Any]) -> None:
        kept = data["contents"][score["evidence"]]
        kept["body"] = json.dumps(json.loads(kept["body"]) | {"seed": 0}, sort_keys=True)

    assert ("score", score["id"]) in told.failed(move_evidence)

    order = json.loads(told.data["contents"][rows["request"]["content"]]["body"])

    def spoil_bundle(data: dict[str, Any]) -> None:
        kept = data["contents"][order["bundle"]]
        kept["body"] = kept["body"].replace('"number":0', '"number":1')

    assert told.failed(spoil_bundle) == {("job", start)}

    def take_less(data: dict[str, Any]) -> None:
        row = next(one for one in data["records"] if one["id"] == start)
        row["price"] = type(row["price"])(int(row["price"]) - 1)
        fields = {k: v for k, v in row.items() if k not in ("id", "signatures")}
        row["id"] = str(Record.from_json(fields).id)
        data["links"] = [[row["id"] if end == start else end for end in pair] for pair in data["links"]]

    names = {name for name, _ in told.failed(take_less)}
    assert {"signature", "job"} <= names

    receipt = next(one for one in told.data["records"] if one["id"] == start)
    tile = shelf / f"{receipt['output'][2:]}.f32"
    pixels = tile.read_bytes()
    tile.write_bytes(bytes([pixels[0] ^ 1]) + pixels[1:])
    assert told.failed(lambda data: None) == {("content", start)}
    tile.write_bytes(pixels)
