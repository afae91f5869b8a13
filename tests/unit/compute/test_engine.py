"""podman is taken only where its containers can be held to limits, as a podman of paper tells."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from weftwork.compute.executor import engine
from weftwork.compute.executor.engine import Engine, find_engine
from weftwork.errors import Unavailable

ALL = ["cpu", "io", "memory", "pids"]


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A host with cgroup v2 and without systemd: its groups, and a place for programs."""
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setattr(engine, "_FOUND", {})
    monkeypatch.setattr(engine, "_look_at_host", lambda: (True, False))
    monkeypatch.setattr(engine, "_CGROUPS", tmp_path / "cgroup")
    for name in ("crun", "runc"):
        write_program(tmp_path / name, "")
    return tmp_path


def write_program(path: Path, body: str) -> None:
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)


def write_podman(
    host: Path, rootless: bool, controllers: list[str], manager: str = "systemd", driver: str = "overlay"
) -> None:
    told: dict[str, Any] = {
        "host": {
            "security": {"rootless": rootless},
            "cgroupControllers": controllers,
            "cgroupManager": manager,
        },
        "store": {"graphDriverName": driver},
        "version": {"Version": "9.9"},
    }
    write_program(host / "podman", f"cat <<'END'\n{json.dumps(told)}\nEND")


def write_groups(host: Path, enabled: str) -> Path:
    """The group of this process and the one above it; what says which group is ours."""
    (host / "cgroup/weft/provider").mkdir(parents=True)
    (host / "cgroup/weft/cgroup.subtree_control").write_text(enabled)
    (host / "cgroup/weft/cgroup.procs").write_text("")
    own = host / "own"
    own.write_text("0::/weft/provider\n")
    return own


async def test_rootless_podman_of_systemd_is_taken_with_all_controllers(host: Path) -> None:
    write_podman(host, True, ALL)
    found = await find_engine()
    assert (found.rootless, found.placing, found.version) == (True, (), "9.9")
    assert found.options == ("--runtime", "crun", "--cgroup-manager", "cgroupfs")


@pytest.mark.parametrize("rootless", [True, False])
async def test_podman_whose_limits_would_not_hold_is_refused(host: Path, rootless: bool) -> None:
    write_podman(host, rootless, ["memory", "pids"])
    with pytest.raises(Unavailable, match="cannot limit") as refused:
        await find_engine()
    assert "Delegate=yes" in str(refused.value.hint)


async def test_rootless_podman_on_the_older_groups_is_refused(
    host: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "_look_at_host", lambda: (False, False))
    write_podman(host, True, ALL)
    with pytest.raises(Unavailable, match="cannot limit"):
        await find_engine()
    write_podman(host, False, ALL)
    assert (await find_engine()).options[:2] == ("--runtime", "runc")


async def test_storage_that_cannot_be_measured_is_refused(host: Path) -> None:
    write_podman(host, True, ALL, driver="vfs")
    with pytest.raises(Unavailable, match="storage is vfs"):
        await find_engine()


async def test_rootless_podman_without_systemd_makes_its_groups_beside_ours(host: Path) -> None:
    own = write_groups(host, "cpu io memory pids")
    placed = engine._place_groups(host / "cgroup", own)
    assert placed == ("--cgroup-parent", "/weft")


@pytest.mark.parametrize(
    ("own", "enabled"),
    [
        ("0::/\n", "cpu memory pids"),
        ("0::/elsewhere/provider\n", "cpu memory pids"),
        ("4:memory:/x\n", "cpu memory pids"),
        ("0::/weft/provider\n", "memory pids"),
    ],
)
async def test_rootless_podman_that_may_make_no_groups_is_refused(host: Path, own: str, enabled: str) -> None:
    write_groups(host, enabled)
    (host / "own").write_text(own)
    with pytest.raises(Unavailable, match="no control groups"):
        engine._place_groups(host / "cgroup", host / "own")


async def test_where_groups_are_made_is_part_of_the_engine(
    host: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def place(root: Path, own: Path) -> tuple[str, ...]:
        asked.append((root, own))
        return ("--cgroup-parent", "/weft")

    monkeypatch.setattr(engine, "_place_groups", place)
    write_podman(host, False, ALL, "cgroupfs")
    assert (await find_engine()).placing == (), "root needs none"
    write_podman(host, True, ALL, "cgroupfs")
    engine._FOUND.clear()
    found = await find_engine()
    assert isinstance(found, Engine)
    assert found.placing == ("--cgroup-parent", "/weft")
    assert asked == [(host / "cgroup", Path("/proc/self/cgroup"))]
