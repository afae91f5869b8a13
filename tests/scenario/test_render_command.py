"""Scenes are rendered by commands: on nodes that joined, also after kill -9, and on one machine alone."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from harness.process import WEFT, Weft, _env, run_weft
from harness.stage import needs_mitsuba, needs_sandbox, write_scene

pytestmark = [needs_mitsuba, needs_sandbox]
SMALL = ("--size", "64x48", "--spp", "2", "--tile", "32")


@pytest.fixture
def started() -> Iterator[list[Weft]]:
    made: list[Weft] = []
    yield made
    for one in made:
        one.kill()


def test_an_animation_is_rendered_by_commands_also_after_a_kill(tmp_path: Path, started: list[Weft]) -> None:
    home, out = tmp_path / "home", str(tmp_path / "out")
    scene = str(write_scene(tmp_path / "scene"))
    up = Weft(home, "up", "--port", "0", "--roles", "ledger")
    started.append(up)
    up.ready()
    node = Weft(home, "join", "provider", "--executor", "render")
    started.append(node)
    node.ready()

    words = ("compute", "render", scene, "--frames", "1-3", "--out", out, *SMALL)
    killed = subprocess.Popen([*WEFT, *words], env=_env(home), stderr=subprocess.PIPE, text=True)
    assert killed.stderr is not None
    for line in killed.stderr:
        if "frame 1 is whole" in line:
            break
    killed.kill()
    killed.wait()
    killed.stderr.close()
    told = json.loads(run_weft(home, *words, "--json").stdout)
    assert told["state"] == "done"
    assert len(told["paths"]) == 3
    assert 0 <= int(told["spent"]) - int(told["estimate"]["tokens"]) <= 3

    other = run_weft(home, *words[:4], "1", *words[5:], "--json", check=False)
    assert json.loads(other.stdout)["error"]["message"] == "another render was begun in this folder"


def test_a_frame_is_rendered_on_this_machine_alone(tmp_path: Path) -> None:
    scene = str(write_scene(tmp_path / "scene"))
    words = ("compute", "render", scene, "--frames", "1", "--out", str(tmp_path / "out"), *SMALL)
    none = run_weft(tmp_path / "home", *words, check=False)
    assert "no network is known" in none.stderr
    told = json.loads(run_weft(tmp_path / "home", *words, "--local", "--exr", "--json").stdout)
    assert [Path(path).name for path in told["paths"]] == ["frame-0001.png", "frame-0001.exr"]
    assert all(Path(path).stat().st_size > 1_000 for path in told["paths"])
