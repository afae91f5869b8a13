"""What the API server says of pods is told as the state of a lease."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from weftwork.compute.executor.cluster import REPLICAS, SERVICE, ClusterSetting
from weftwork.compute.executor.kubernetes import KubernetesExecutor
from weftwork.compute.executor.pods import order_pods, read_lines, read_services
from weftwork.compute.executor.port import Executor, ServiceStatus
from weftwork.errors import ExtraMissing, Unavailable

Object = dict[str, Any]
SETTING = ClusterSetting(host="203.0.113.5")


def deployment(name: str, replicas: int, **notes: str) -> Object:
    """A deployment of a service of the same name."""
    return {
        "metadata": {"name": name, "labels": {SERVICE: name}, "annotations": notes},
        "spec": {"replicas": replicas},
    }


def pod(
    name: str, state: Object, *, last: Object | None = None, made: str = "2026-01-01T00:00:00Z"
) -> Object:
    """A pod of the service ``web`` whose container is in a state."""
    container = {"state": state, "lastState": last or {}}
    return {
        "metadata": {"name": name, "labels": {SERVICE: "web"}, "creationTimestamp": made},
        "status": {"phase": "Running", "containerStatuses": [container]},
    }


def read(replicas: int, *pods: Object, **notes: str) -> ServiceStatus:
    """The status of the service ``web`` with these pods."""
    (service,) = read_services([deployment("web", replicas, **notes)], list(pods), [], [], SETTING)
    return service


RUNNING: Object = {"running": {"startedAt": "2026-01-01T00:00:00Z"}}


def test_service_runs_when_all_its_pods_do() -> None:
    assert (read(2, pod("a", RUNNING), pod("b", RUNNING)).state, read(1).state) == ("running", "starting")
    half = read(2, pod("a", RUNNING))
    assert (half.state, half.ready, half.wanted) == ("starting", 1, 2)


def test_image_that_is_not_to_be_had_is_told_with_the_reason_of_the_node() -> None:
    waiting = {"waiting": {"reason": "ImagePullBackOff", "message": "no such manifest: nginx:99"}}
    service = read(1, pod("a", waiting))
    assert service.state == "failed"
    assert "nginx:99" in service.why


def test_exit_status_of_a_container_that_waits_for_its_next_start_is_kept() -> None:
    waiting = {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off"}}
    killed = {"terminated": {"exitCode": 137, "reason": "OOMKilled"}}
    service = read(1, pod("a", waiting, last=killed))
    assert (service.state, service.exit_status, service.why) == ("failed", 137, "out of memory")
    done = read(1, pod("a", waiting, last={"terminated": {"exitCode": 0, "reason": "Completed"}}))
    assert (done.state, done.exit_status) == ("exited", 0)


def test_service_that_was_paused_remembers_its_replicas() -> None:
    service = read(0, **{REPLICAS: "3"})
    assert (service.state, service.ready, service.wanted) == ("paused", 0, 3)


def test_pod_without_a_node_says_what_it_waits_for() -> None:
    lonely = pod("a", {})
    lonely["status"] = {
        "phase": "Pending",
        "conditions": [{"reason": "Unschedulable", "message": "0/3 nodes: insufficient nvidia.com/gpu"}],
    }
    assert "nvidia.com/gpu" in read(1, lonely).why


def test_endpoints_are_the_ingress_and_the_ports_of_the_nodes() -> None:
    inside = {
        "metadata": {"name": "web", "labels": {SERVICE: "web"}},
        "spec": {"type": "ClusterIP", "ports": [{"port": 80, "targetPort": 8080, "protocol": "TCP"}]},
    }
    outside = {
        "metadata": {"name": "web--ports", "labels": {SERVICE: "web"}},
        "spec": {
            "type": "NodePort",
            "ports": [{"port": 53, "targetPort": 5353, "protocol": "UDP", "nodePort": 31053}],
        },
    }
    ingress = {
        "metadata": {"name": "web", "labels": {SERVICE: "web"}},
        "spec": {"rules": [{"host": "web.lease-1.example"}, {"host": "shop.example"}]},
    }
    (service,) = read_services([deployment("web", 1)], [], [inside, outside], [ingress], SETTING)
    shared, random = service.endpoints
    assert (shared.port, shared.url, shared.hosts) == (8080, "http://web.lease-1.example", ("shop.example",))
    assert (random.host, random.bound, random.proto, random.url) == ("203.0.113.5", 31053, "UDP", "")


def test_replicas_are_numbered_by_their_age_and_log_lines_by_their_time() -> None:
    young = pod("a", RUNNING, made="2026-01-02T00:00:00Z")
    assert order_pods([young, pod("z", RUNNING)]) == [("web", 0, "z"), ("web", 1, "a")]
    (line,) = read_lines("web", 0, "2026-01-01T00:00:00.250000001Z hello  there\n")
    assert (line.time, line.text) == (pytest.approx(1767225600.25), "hello  there")


async def test_executor_without_client_or_cluster_says_what_is_missing(tmp_path: Path) -> None:
    executor = KubernetesExecutor(tmp_path, kubeconfig=str(tmp_path / "none"), context="none")
    assert isinstance(executor, Executor)
    with pytest.raises((ExtraMissing, Unavailable)) as caught:
        await executor.check()
    assert caught.value.hint
    (tmp_path / "none").write_text(
        '{"apiVersion": "v1", "kind": "Config", "current-context": "x", "contexts": [{"name": "none",'
        ' "context": {"cluster": "c", "user": "u"}}], "users": [{"name": "u", "user": {}}],'
        ' "clusters": [{"name": "c", "cluster": {"server": "http://127.0.0.1:9"}}]}'
    )
    with pytest.raises(Unavailable):
        await executor.check()
    await executor.close()
