"""What an executor makes of a group before anything runs: ports, links, names, runtimes, images."""

from __future__ import annotations

import dataclasses
import json
import sys
from pathlib import Path

import pytest
from conformance.executor.bench import make_group

from weftwork.compute.error import BadManifest, ImageRefused
from weftwork.compute.executor import Limits, key
from weftwork.compute.executor.podman import qualify
from weftwork.compute.executor.port import Executor
from weftwork.compute.executor.process import ProcessExecutor, check_group
from weftwork.compute.executor.runtime import choose_runtime, find_runtimes
from weftwork.compute.executor.wiring import find_links, find_names, find_ports, read_env
from weftwork.errors import BadInput
from weftwork.sandbox.plan import Container, Link, Plan, Port, Replica, Share

GROUP = make_group(
    {
        "web": {"image": "sh", "command": ["true"], "ports": [80, 81]},
        "api": {"image": "sh", "command": ["true"], "to": {"web": 3000}},
    }
)


def test_ports_lead_to_the_world_and_links_to_the_services_that_may() -> None:
    api, web = GROUP.services
    assert find_ports(GROUP) == (Port("web", 80, 80), Port("web", 81, 81))
    (link,) = find_links(GROUP)
    assert link == Link("web", "api", 3000, 3000, "127.1.0.1")
    assert find_names(GROUP, web) == {"api": "127.1.0.1"}
    assert find_names(GROUP, api) == {}


def test_environment_is_names_with_values() -> None:
    group = make_group({"job": {"image": "sh", "command": ["true"], "env": ["A=1=2", "B", "C="]}})
    assert read_env(group.services[0]) == {"A": "1=2", "B": "", "C": ""}
    bad = dataclasses.replace(group.services[0], env=("=x",))  # as a manifest from elsewhere may say
    with pytest.raises(BadManifest, match="without a name"):
        read_env(bad)


def test_image_of_a_sandboxed_process_is_a_runtime_of_the_host() -> None:
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    runtimes = find_runtimes()
    for image in ("sh", "python", f"python:{version}", "python:latest"):
        (service,) = make_group({"job": {"image": image, "args": ["-V"]}}).services
        found = choose_runtime(service, runtimes)
        assert found.argv(service)[-1] == "-V"
        assert Path(found.argv(service)[0]).exists()
    for image in ("python:2.7", "nginx", "docker.io/library/python", "../sh", "sh:1"):
        (service,) = make_group({"job": {"image": image, "command": ["x"]}}).services
        with pytest.raises(ImageRefused) as caught:
            choose_runtime(service, runtimes)
        assert "podman" in caught.value.hint
    with pytest.raises(BadManifest, match="no command"):
        check_group(make_group({"job": {"image": "sh"}}), runtimes)


@pytest.mark.parametrize("mount", ["/usr/lib/x", "/etc", "/proc/1", "/", "/data/../etc"])
def test_volume_over_the_system_is_refused(mount: str) -> None:
    storage = [
        {"size": "5Mi"},
        {"name": "data", "size": "5Mi", "attributes": {"persistent": True, "class": "beta2"}},
    ]
    given = {"image": "sh", "command": ["true"], "storage": storage, "mounts": {"data": {"mount": mount}}}
    with pytest.raises(BadManifest, match="system"):
        check_group(make_group({"job": given}), find_runtimes())


def test_short_image_name_is_one_of_the_hub() -> None:
    assert qualify("nginx:1.27") == "docker.io/library/nginx:1.27"
    assert qualify("alice/app") == "docker.io/alice/app"
    for whole in ("ghcr.io/a/b:1", "localhost/a", "host:5000/a"):
        assert qualify(whole) == whole


def test_plan_is_the_same_after_a_journey_through_json() -> None:
    words = ("podman", "x")
    container = Container("/pid", words, words, words, words, words, words, words)
    share = Share(1, 2, 3, 4, 5, (("/data", 6),), 7)
    replicas = (Replica("web", 0, ("run",), share, container), Replica("api", 1, ("bwrap",), share))
    plan = Plan("k", replicas, (Port("web", 80, 80, ("a",)),), find_links(GROUP), deadline=1.5, owner=(1, 2))
    assert Plan.from_json(json.loads(json.dumps(plan.to_json()))) == plan


async def test_lease_without_a_usable_id_is_refused(tmp_path: Path) -> None:
    executor = ProcessExecutor(tmp_path)
    assert isinstance(executor, Executor)
    for lease in ("", "a\nb", "x" * 300):
        with pytest.raises(BadInput):
            await executor.start(lease, GROUP, Limits())
    assert key("a/b") != key("a/c")
    assert await executor.leases() == []
