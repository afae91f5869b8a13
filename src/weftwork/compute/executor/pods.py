"""How a lease stands on a cluster, read from what the API server says of its deployments and pods.

Pure functions of JSON objects. A Deployment starts what has ended again, so that a service that fails is one
that failed and waits for its next start. Source: the Kubernetes API reference (PodStatus, ContainerStatus).
"""

from __future__ import annotations

from datetime import datetime

from weftwork.compute.executor.cluster import REPLICAS, SERVICE, ClusterSetting, Object
from weftwork.compute.executor.port import Address, LogLine, ServiceStatus, State, sum_up

_NO_IMAGE = ("ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull")
_CANNOT_RUN = ("CreateContainerConfigError", "CreateContainerError", "RunContainerError")


def read_services(
    deployments: list[Object],
    pods: list[Object],
    services: list[Object],
    ingresses: list[Object],
    setting: ClusterSetting,
) -> tuple[ServiceStatus, ...]:
    """The services of one namespace, by name."""
    names = sorted({item["metadata"]["labels"][SERVICE] for item in deployments})
    return tuple(
        _read_service(
            name, _of(name, deployments), _of(name, pods), _of(name, services), _of(name, ingresses), setting
        )
        for name in names
    )


def order_pods(pods: list[Object]) -> list[tuple[str, int, str]]:
    """(service, replica, pod) of each pod that is of a service, the oldest of a service first."""
    out, counts = [], dict[str, int]()
    for pod in sorted(
        pods, key=lambda pod: (pod["metadata"].get("creationTimestamp") or "", pod["metadata"]["name"])
    ):
        service = (pod["metadata"].get("labels") or {}).get(SERVICE)
        if service is not None:
            out.append((service, counts.setdefault(service, 0), pod["metadata"]["name"]))
            counts[service] += 1
    return out


def read_lines(service: str, replica: int, text: str) -> list[LogLine]:
    """A pod's log as lines; the API does not say which stream a line came from, and calls it all output."""
    out = []
    for line in text.splitlines():
        stamp, _, said = line.partition(" ")
        out.append(LogLine(service, replica, read_time(stamp), "stdout", said))
    return out


def read_time(stamp: str) -> float:
    """Unix seconds of an RFC 3339 time with up to nanoseconds; 0.0 for what is no time."""
    whole, dot, rest = stamp.removesuffix("Z").partition(".")
    try:
        return datetime.fromisoformat(whole + "+00:00").timestamp() + (float("0." + rest) if dot else 0.0)
    except ValueError:
        return 0.0


def _read_service(
    name: str,
    deployments: list[Object],
    pods: list[Object],
    services: list[Object],
    ingresses: list[Object],
    setting: ClusterSetting,
) -> ServiceStatus:
    kept = [(item["metadata"].get("annotations") or {}).get(REPLICAS) for item in deployments]
    wanted = sum(
        int(note) if note is not None else int(item["spec"].get("replicas") or 0)
        for item, note in zip(deployments, kept, strict=True)
    )
    found = [_read_pod(pod) for pod in pods if not pod["metadata"].get("deletionTimestamp")]
    states = [state for state, _, _ in found]
    if all(note is not None for note in kept):
        states = ["paused"]
    elif len(states) < wanted:
        states = [*states, "starting"]
    ended = [status for _, status, _ in found if status is not None]
    return ServiceStatus(
        name=name,
        state=sum_up(states),
        ready=[state for state, _, _ in found].count("running"),
        wanted=wanted,
        exit_status=next((status for status in ended if status), ended[0] if ended else None),
        why=next((why for _, _, why in found if why), ""),
        endpoints=_read_endpoints(services, ingresses, setting),
    )


def _read_pod(pod: Object) -> tuple[State, int | None, str]:
    """State, exit status and reason of a pod with one container."""
    status = pod.get("status") or {}
    containers = status.get("containerStatuses") or []
    if not containers:
        for condition in status.get("conditions") or []:
            if condition.get("reason") == "Unschedulable":
                return "starting", None, f"no node has room: {condition.get('message', '')}"[:300]
        return "starting", None, ""
    now = containers[0].get("state") or {}
    waiting, over = now.get("waiting") or {}, now.get("terminated")
    over = over or (containers[0].get("lastState") or {}).get("terminated")
    code, why = None, ""
    if over is not None:
        code = int(over.get("exitCode", 1))
        why = "out of memory" if over.get("reason") == "OOMKilled" else ""
    if "running" in now:
        return "running", code, why
    reason = waiting.get("reason", "")
    if reason in _NO_IMAGE or reason in _CANNOT_RUN:
        what = "the image is not to be had" if reason in _NO_IMAGE else "the container cannot run"
        return "failed", code, f"{what}: {waiting.get('message') or reason}"[:300]
    if over is None:
        return "starting", None, ""
    return ("failed" if code else "exited"), code, why


def _read_endpoints(
    services: list[Object], ingresses: list[Object], setting: ClusterSetting
) -> tuple[Address, ...]:
    out = []
    for ingress in ingresses:
        hosts = [rule["host"] for rule in ingress["spec"]["rules"]]
        ports = [port for item in services for port in item["spec"]["ports"] if port["port"] == 80]
        target = int(ports[0]["targetPort"]) if ports else 80
        out.append(Address(target, 80, "TCP", hosts[0], 80, f"http://{hosts[0]}", tuple(hosts[1:])))
    for service in services:
        kind, met = service["spec"]["type"], (service.get("status") or {}).get("loadBalancer") or {}
        given = (met.get("ingress") or [{}])[0]
        place = given.get("ip") or given.get("hostname")
        for port in service["spec"]["ports"]:
            bound = port.get("nodePort") if kind == "NodePort" else port["port"] if place else None
            host = setting.host if kind == "NodePort" else place
            if kind != "ClusterIP" and bound and host:
                url = f"http://{host}:{bound}" if port["protocol"] == "TCP" else ""
                out.append(Address(int(port["targetPort"]), port["port"], port["protocol"], host, bound, url))
    return tuple(out)


def _of(service: str, objects: list[Object]) -> list[Object]:
    return [item for item in objects if (item["metadata"].get("labels") or {}).get(SERVICE) == service]
