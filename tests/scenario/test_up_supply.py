"""`weft up` sells renders too: its node follows when the rest is up, and its providers stand ready."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from harness.process import Weft, run_weft, wait_until
from harness.stage import needs_mitsuba, needs_sandbox, write_scene

from weftwork import ledger
from weftwork.ledger.deployment import find_network
from weftwork.ledger.deployment_compute import find_compute
from weftwork.network.home import Home

pytestmark = [needs_mitsuba, needs_sandbox]
ROLES = ("--port", "0", "--roles", "ledger,provider,renderer")
SMALL = ("--size", "64x48", "--spp", "2", "--tile", "32", "--json")


@pytest.fixture
def started() -> Iterator[list[Weft]]:
    made: list[Weft] = []
    yield made
    for one in made:
        one.kill()


def read_places(url: str) -> dict[str, list[str]]:
    """The wallets on the subnets of renders and of standing ready, in order of their uid."""
    chain = ledger.connect(url)
    contracts = find_network(chain)
    parts = find_compute(chain, contracts)
    found = {}
    for name in ("render", "availability"):
        subnet = int(parts.at(chain, f"{name}_panel").call("subnet"))
        rows = contracts.at(chain, "subnets").call("neurons", subnet)
        found[name] = [row.wallet for row in rows]
    chain.close()
    return found


def test_a_scene_is_rendered_right_after_up_and_its_node_is_there_again(
    tmp_path: Path, started: list[Weft]
) -> None:
    home, scene = tmp_path / "home", str(write_scene(tmp_path / "scene"))
    up = Weft(home, "up", *ROLES)
    started.append(up)
    told = up.ready()
    assert told["coming"] == ["render-1"]
    assert "render-1" not in told["roles"], "nobody who waits for the rest waits for it"
    words = ("compute", "render", scene, "--frames", "1", "--out", str(tmp_path / "out"), *SMALL)
    assert json.loads(run_weft(home, *words).stdout)["state"] == "done"

    facts = Home.open(home).facts
    url = facts["roles"]["render-1"]
    with urllib.request.urlopen(f"{url}/v1/describe", timeout=30) as reply:
        assert json.load(reply)["milli_ob"] > 0, "it was measured when somebody asked"
    wallets = {name: Home.open(home).account(name).address for name in ("provider-1", "render-1")}
    wait_until("both stand ready", lambda: len(read_places(told["ledger"])["availability"]) == 2)
    places = read_places(told["ledger"])
    assert places["render"] == [wallets["render-1"]]
    assert sorted(places["availability"]) == sorted(wallets.values())
    wait_until("nothing more follows", lambda: Home.open(home).facts["coming"] == [])
    assert json.loads(run_weft(home, "down", "--json").stdout)["stopped"] is True
    assert up.end() == 0

    again = Weft(home, "up", *ROLES)
    started.append(again)
    told = again.ready()
    wait_until("it is back", lambda: Home.open(home).facts["roles"].get("render-1"))
    assert Home.open(home).facts["roles"]["render-1"] == url
    wait_until("nothing more follows", lambda: Home.open(home).facts["coming"] == [])
    assert read_places(told["ledger"]) == places, "nobody enrolled twice"
    assert again.end() == 0


def test_whoever_wants_no_renders_gets_none(tmp_path: Path, started: list[Weft]) -> None:
    up = Weft(tmp_path, "up", *ROLES, "--no-render")
    started.append(up)
    told = up.ready()
    assert (told["coming"], sorted(told["roles"])) == ([], ["ledger", "provider-1"])
