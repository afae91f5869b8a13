"""The demo as a newcomer runs it, and what can be checked of it afterwards."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

WEFT = [sys.executable, "-m", "weftwork.cli"]


def weft(home: Path, *words: str) -> subprocess.CompletedProcess[str]:
    env = dict(os.environ, WEFT_HOME=str(home), NO_COLOR="1")
    return subprocess.run([*WEFT, *words], env=env, capture_output=True, text=True, timeout=300)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """One run of ``weft demo --json``: its home, exit status and object."""
    home = tmp_path_factory.mktemp("home")
    done = weft(home, "demo", "--json")
    return home, done, json.loads(done.stdout)


def test_demo_asks_judges_pays_and_says_so_in_one_object(run):
    _, done, told = run
    assert told["requests"] == told["answered"] == 40
    assert told["conserved"] is True
    assert told["verified"] is True
    assert int(told["minted"]) > 0
    assert int(told["paid"]) > int(told["minted"]) * 99 // 100
    assert int(told["burned"]) > 0
    assert len(told["accuracy_by_miner"]) == len(told["incentive_by_miner"]) == 6
    assert abs(sum(told["incentive_by_miner"].values()) - 1) < 1e-5
    assert Path(told["files"]["ledger"]).is_dir()
    assert told["checks"]["failed"] == []
    assert done.returncode == (0 if told["ok"] else 1)


def test_each_honest_miner_of_the_demo_out_earns_each_dishonest_one(run):
    _, done, told = run
    earned = {name: int(amount) for name, amount in told["earned_by_miner"].items()}
    honest = [earned[name] for name in ("ada", "ben", "cleo")]
    assert min(honest) > max(earned[name] for name in ("lazy", "parrot", "sloth")), earned
    assert told["honest_out_earn"] is True
    assert done.returncode == 0


def test_thread_of_the_demo_is_traced_and_verified_from_its_files(run):
    home, _, told = run
    shown = weft(home, "trace", told["thread"][:18])
    assert shown.returncode == 0
    for kind in ("request", "receipt", "voucher", "score", "weights", "closing", "payment"):
        assert kind in shown.stdout
    checked = json.loads(weft(home, "verify", told["thread"], "--json").stdout)
    assert checked["verified"] is True
    assert checked["ledger"] is True
    names = {check["check"] for check in checked["checks"] if check["ok"]}
    assert {"id", "signature", "content", "score", "scores", "weights", "epoch", "proof", "payment"} <= names


def test_machine_is_rented_by_auction_reached_and_paid_to_the_unit(run):
    told = run[2]["compute"]
    if not told["bids"]:
        pytest.skip(f"nothing was rented here: {told['missing']}")
    assert len(told["bids"]) == 4
    assert told["winner"] == min(told["bids"], key=lambda name: int(told["bids"][name])) == "east"
    assert told["status"] == 200
    lease = {key: int(value) for key, value in told["lease"].items()}
    assert 0 < lease["paid"] == lease["deposit"] - lease["back"]


def test_scene_is_rendered_without_the_cheat_and_paid_by_burning(run):
    told = run[2]["compute"]
    if not told["picture"]:
        pytest.skip(f"nothing was rendered here: {told['missing']}")
    assert Path(told["picture"]).read_bytes().startswith(b"\x89PNG")
    paid = {name: int(node["paid"]) for name, node in told["nodes"].items()}
    assert paid["east"] == paid["west"] == 0 < min(paid["north"], paid["south"])
    assert "not equal" in told["nodes"]["east"]["refused"]
    burn = {key: int(value) for key, value in told["burn"].items()}
    assert sum(paid.values()) == int(told["spent"]) == sum(burn.values())
    assert burn["fee"] * 20 <= int(told["spent"]) < burn["fee"] * 20 + 40 * len(paid)
    minted = sum(int(node["minted"]) for node in told["nodes"].values())
    assert 0 < minted == int(told["claimed"]) <= int(told["minted"])
    assert told["conserved"] is told["settled"] is told["ok"] is True


def test_cheat_of_the_render_loses_a_tenth_of_its_collateral_and_the_burn_is_verified(run):
    home, _, whole = run
    told = whole["compute"]
    if not told["picture"]:
        pytest.skip(f"nothing was rendered here: {told['missing']}")
    pledges = {name: node["collateral"] for name, node in told["nodes"].items()}
    locked = int(pledges["east"]["locked"])
    assert locked > 0
    assert {name: int(one["slashed"]) for name, one in pledges.items() if int(one["slashed"])} == {
        "east": locked // 10
    }
    assert all(int(one["locked"]) == int(one["slashed"]) + int(one["left"]) for one in pledges.values())
    assert int(told["slashed"]) == locked // 10
    assert told["punished"] is whole["conserved"] is True
    checked = json.loads(weft(home, "verify", told["fault"], "--json").stdout)
    assert checked["verified"] is True
    (said,) = [check["detail"] for check in checked["checks"] if check["check"] == "burn"]
    assert said.startswith(f"{locked // 10} of the {locked // 10} wad due")


@pytest.mark.parametrize(
    ("kind", "field", "change"),
    [
        ("receipt", "output_tokens", lambda value: value + 1),
        ("score", "value", lambda value: value - 1),
        ("weights", "values", lambda value: [value[0] ^ 1, *value[1:]]),
        ("closing", "payout", lambda value: str(int(value) - 1)),
        ("payment", "amount", lambda value: str(int(value) + 1)),
    ],
)
def test_record_changed_by_the_least_amount_is_named(run, tmp_path, kind, field, change):
    home, _, told = run
    thread = json.loads(weft(home, "trace", told["thread"], "--json").stdout)
    record = next(r for r in thread["records"] if r["kind"] == kind)
    record[field] = change(record[field])
    forged = tmp_path / "forged.json"
    forged.write_text(json.dumps(thread))
    done = weft(home, "verify", str(forged), "--json")
    assert done.returncode == 1
    assert record["id"] in {check["id"] for check in json.loads(done.stdout)["failed"]}


def test_answer_changed_by_one_byte_in_the_store_is_named(run, tmp_path):
    home, _, told = run
    thread = json.loads(weft(home, "trace", told["thread"], "--json").stdout)
    receipt = next(r for r in thread["records"] if r["kind"] == "receipt")
    changed = []
    for path in Path(told["files"]["stores"]).glob("*.db"):
        with sqlite3.connect(path) as link:
            row = link.execute(
                "SELECT body FROM content WHERE digest = ?", (bytes.fromhex(receipt["output"][2:]),)
            ).fetchone()
            if row is not None:
                body = bytes([row[0][0] ^ 1]) + row[0][1:]
                link.execute(
                    "UPDATE content SET body = ? WHERE digest = ?",
                    (body, bytes.fromhex(receipt["output"][2:])),
                )
                changed.append((path, row[0]))
        link.close()
    assert changed
    try:
        done = weft(home, "verify", told["thread"], "--json")
        failed = json.loads(done.stdout)["failed"]
        assert done.returncode == 1
        assert (receipt["id"], "content") in {(check["id"], check["check"]) for check in failed}
    finally:
        for path, body in changed:
            with sqlite3.connect(path) as link:
                link.execute(
                    "UPDATE content SET body = ? WHERE digest = ?",
                    (body, bytes.fromhex(receipt["output"][2:])),
                )
            link.close()


def test_unknown_thread_is_a_clear_error(run):
    home, _, _ = run
    done = weft(home, "verify", "0x" + "ab" * 32)
    assert done.returncode == 1
    assert "no record here has the id" in done.stderr
    assert "Traceback" not in done.stderr
