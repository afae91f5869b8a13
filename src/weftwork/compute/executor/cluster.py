"""The objects of Kubernetes that a group becomes: a namespace for each lease, and all of it inside.

A pure function: no cluster is asked. Its objects are valid by the API's own schemas, which the tests hold
them to. Source: the Kubernetes API reference, 1.30 and later (core/v1, apps/v1, networking.k8s.io/v1).
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from weftwork.compute.error import BadManifest
from weftwork.compute.executor.port import Limits, key
from weftwork.compute.executor.wiring import read_env
from weftwork.compute.sdl.model import Expose, ManifestGroup, Service, Volume, hash_manifest

LEASE, SERVICE, REPLICAS, DEADLINE, MANIFEST = (
    f"weftwork.network/{word}" for word in ("lease", "service", "replicas", "deadline", "manifest")
)
OWNER = {"app.kubernetes.io/managed-by": "weftwork"}

_PRIVATE = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "100.64.0.0/10")

Object = dict[str, Any]


@dataclass(frozen=True, slots=True)
class ClusterSetting:
    """How a provider's cluster is used.

    Shared HTTP ports are served at names under ``domain`` by ``ingress_class``; ``host`` is where node ports
    are reached; ``storage_classes`` maps classes of the deployment file to the cluster's; ``runtime_class``
    is that of a sandboxing runtime where there is one; ``outbound`` lets services reach the public internet;
    ``tenant_hosts`` lets a tenant have the host names that its file asks for.
    """

    domain: str = "leases.localhost"
    ingress_class: str = "nginx"
    host: str = "127.0.0.1"
    storage_classes: Mapping[str, str] = field(default_factory=dict)
    runtime_class: str = ""
    outbound: bool = False
    tenant_hosts: bool = False
    leased_ips: bool = False


def build_objects(
    lease: str,
    group: ManifestGroup,
    limits: Limits | None = None,
    setting: ClusterSetting | None = None,
    *,
    deadline: float | None = None,
) -> list[Object]:
    """The objects of a lease in the order in which they are created, the namespace first.

    :raises BadManifest: a cluster cannot run such a group
    """
    limits, setting, name = limits or Limits(), setting or ClusterSetting(), key(lease)
    notes = {LEASE: lease, MANIFEST: hash_manifest([group.to_json()]).hex()}
    if deadline is not None:
        notes[DEADLINE] = f"{deadline:.3f}"
    out = [
        {
            "apiVersion": "v1",
            "kind": "Namespace",
            "metadata": {
                "name": name,
                "labels": {
                    **OWNER,
                    "pod-security.kubernetes.io/enforce": "baseline",
                },
                "annotations": notes,
            },
        },
        _object("v1", "ResourceQuota", name, "lease", spec={"hard": _quota(group)}),
        *_policies(name, group, setting),
    ]
    for service in group.services:
        _refuse_what_it_lacks(service, setting)
        if service.credentials is not None:
            out.append(_pull_secret(name, service))
        for workload, replicas in _workloads(service):
            out += [
                _claim(name, workload, volume, setting)
                for volume in service.resource.storage
                if _is_kept(volume)
            ]
            out.append(_deployment(name, workload, replicas, service, setting))
        out += _services(name, service)
        out += _ingress(name, service, setting)
    return out


def host_name(namespace: str, service: str, setting: ClusterSetting) -> str:
    """The host name that a service's shared HTTP port is served at."""
    return f"{service}.{namespace}.{setting.domain}"


def is_shared_http(expose: Expose) -> bool:
    """True if the port is served by the ingress, under a host name."""
    return expose.global_ and expose.proto == "TCP" and (expose.external_port or expose.port) == 80


def _object(api: str, kind: str, namespace: str, name: str, **body: Any) -> Object:
    labels = dict(OWNER, **body.pop("labels", {}))
    return {
        "apiVersion": api,
        "kind": kind,
        "metadata": {"name": name, "namespace": namespace, "labels": labels},
        **body,
    }


def _quota(group: ManifestGroup) -> dict[str, str]:
    """What the namespace may ask for in all: exactly what the manifest says."""
    cpu = sum(service.resource.cpu * service.count for service in group.services)
    memory = sum(service.resource.memory * service.count for service in group.services)
    scratch = sum(_scratch(service) * service.count for service in group.services)
    kept = [
        volume.size for service in group.services for volume in _kept(service) for _ in range(service.count)
    ]
    out = {
        "pods": str(sum(service.count for service in group.services)),
        "persistentvolumeclaims": str(len(kept)),
        "requests.storage": str(sum(kept)),
    }
    for kind in ("requests", "limits"):
        out[f"{kind}.cpu"] = f"{cpu}m"
        out[f"{kind}.memory"] = str(memory)
        out[f"{kind}.ephemeral-storage"] = str(scratch)
    gpus = sum(service.resource.gpu * service.count for service in group.services)
    return out | {"requests.nvidia.com/gpu": str(gpus)}


def _policies(namespace: str, group: ManifestGroup, setting: ClusterSetting) -> list[Object]:
    """Nothing goes in or out but what the manifest opens, names, and, where allowed, the public internet."""
    api = "networking.k8s.io/v1"
    names: Object = {
        "to": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}}}],
        "ports": [{"protocol": "UDP", "port": 53}, {"protocol": "TCP", "port": 53}],
    }
    egress = [names, {"to": [{"podSelector": {}}]}]
    if setting.outbound:
        egress.append({"to": [{"ipBlock": {"cidr": "0.0.0.0/0", "except": list(_PRIVATE)}}]})
    spec = {"podSelector": {}, "policyTypes": ["Ingress", "Egress"], "ingress": [], "egress": egress}
    out = [_object(api, "NetworkPolicy", namespace, "lease", spec=spec)]
    for service in group.services:
        rules: list[Object] = []
        for expose in service.expose:
            rule: Object = {"ports": [{"protocol": expose.proto, "port": expose.port}]}
            if not expose.global_:
                label = {SERVICE: expose.service} if expose.service else {}
                rule["from"] = [{"podSelector": {"matchLabels": label}}]
            rules.append(rule)
        if rules:
            spec = {
                "podSelector": {"matchLabels": {SERVICE: service.name}},
                "policyTypes": ["Ingress"],
                "ingress": rules,
            }
            out.append(_object(api, "NetworkPolicy", namespace, service.name, spec=spec))
    return out


def _workloads(service: Service) -> list[tuple[str, int]]:
    """Deployments with their replicas: one, or one a replica where each keeps volumes of its own."""
    if any(_is_kept(volume) for volume in service.resource.storage):
        return [(f"{service.name}-{index}", 1) for index in range(service.count)]
    return [(service.name, service.count)]


def _deployment(
    namespace: str, name: str, replicas: int, service: Service, setting: ClusterSetting
) -> Object:
    labels = {**OWNER, SERVICE: service.name}
    volumes, mounts = _volumes(name, service)
    container: Object = {
        "name": service.name,
        "image": service.image,
        "env": [{"name": variable, "value": value} for variable, value in read_env(service).items()],
        "ports": [
            {"containerPort": port, "protocol": proto}
            for port, proto in sorted({(expose.port, expose.proto) for expose in service.expose})
        ],
        "resources": {"limits": _share(service), "requests": _share(service)},
        "volumeMounts": mounts,
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "privileged": False,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
    }
    if service.command:
        container["command"] = list(service.command)
    if service.args:
        container["args"] = list(service.args)
    pod: Object = {
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "hostname": service.name[:63],
        "containers": [container],
        "volumes": volumes,
        "terminationGracePeriodSeconds": 10,
    }
    if setting.runtime_class:
        pod["runtimeClassName"] = setting.runtime_class
    if service.credentials is not None:
        pod["imagePullSecrets"] = [{"name": f"{service.name}--registry"}]
    spec = {
        "replicas": replicas,
        "revisionHistoryLimit": 0,
        "strategy": {"type": "Recreate"},  # beside the old pods the quota has no room for new ones
        "selector": {"matchLabels": {SERVICE: service.name, REPLICAS: name}},
        "template": {"metadata": {"labels": labels | {REPLICAS: name}}, "spec": pod},
    }
    return _object("apps/v1", "Deployment", namespace, name, labels={SERVICE: service.name}, spec=spec)


def _share(service: Service) -> dict[str, str]:
    resource = service.resource
    out = {
        "cpu": f"{resource.cpu}m",
        "memory": str(resource.memory),
        "ephemeral-storage": str(_scratch(service)),
    }
    return out | ({"nvidia.com/gpu": str(resource.gpu)} if resource.gpu else {})


def _volumes(workload: str, service: Service) -> tuple[list[Object], list[Object]]:
    places = {mount.name: mount for mount in (service.params.mounts if service.params else ())}
    volumes: list[Object] = []
    mounts: list[Object] = []
    for volume in service.resource.storage:
        mount = places.get(volume.name)
        if mount is None or not mount.mount:
            continue  # the container's own layer, bounded by its share of ephemeral storage
        if _is_kept(volume):
            source: Object = {"persistentVolumeClaim": {"claimName": f"{workload}-{volume.name}"}}
        else:
            memory = {"medium": "Memory"} if dict(volume.attributes).get("class") == "ram" else {}
            source = {"emptyDir": {"sizeLimit": str(volume.size), **memory}}
        volumes.append({"name": volume.name, **source})
        mounts.append({"name": volume.name, "mountPath": mount.mount, "readOnly": mount.read_only})
    return volumes, mounts


def _claim(namespace: str, workload: str, volume: Volume, setting: ClusterSetting) -> Object:
    wanted = dict(volume.attributes).get("class", "default")
    spec: Object = {
        "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": str(volume.size)}},
    }
    found = setting.storage_classes.get(wanted, "" if wanted == "default" else wanted)
    if found:
        spec["storageClassName"] = found
    return _object("v1", "PersistentVolumeClaim", namespace, f"{workload}-{volume.name}", spec=spec)


def _services(namespace: str, service: Service) -> list[Object]:
    """An address inside for every port, and a port of the nodes for those of the world that are not HTTP."""
    inside: dict[tuple[str, int], Object] = {}
    outside: dict[tuple[str, int], Object] = {}
    leased: dict[tuple[str, int], Object] = {}
    for expose in service.expose:
        external = expose.external_port or expose.port
        port = {
            "name": f"{expose.proto.lower()}-{external}",
            "port": external,
            "targetPort": expose.port,
            "protocol": expose.proto,
        }
        place = (expose.proto, external)
        inside[place] = port
        if expose.global_ and expose.ip:
            leased[place] = port
        elif expose.global_ and not is_shared_http(expose):
            outside[place] = port
    out = []
    for name, kind, ports in (
        (service.name, "ClusterIP", inside),
        (f"{service.name}--ports", "NodePort", outside),
        (f"{service.name}--address", "LoadBalancer", leased),
    ):
        if ports:
            spec = {"type": kind, "selector": {SERVICE: service.name}, "ports": list(ports.values())}
            out.append(_object("v1", "Service", namespace, name, labels={SERVICE: service.name}, spec=spec))
    return out


def _ingress(namespace: str, service: Service, setting: ClusterSetting) -> list[Object]:
    shared = [expose for expose in service.expose if is_shared_http(expose)]
    if not shared:
        return []
    hosts = [host_name(namespace, service.name, setting)]
    if setting.tenant_hosts:
        hosts += [host for expose in shared for host in expose.hosts or ()]
    backend = {"service": {"name": service.name, "port": {"number": 80}}}
    http = {"paths": [{"path": "/", "pathType": "Prefix", "backend": backend}]}
    spec = {
        "ingressClassName": setting.ingress_class,
        "rules": [{"host": host, "http": http} for host in hosts],
    }
    out = _object(
        "networking.k8s.io/v1", "Ingress", namespace, service.name, labels={SERVICE: service.name}, spec=spec
    )
    options, prefix = shared[0].http, "nginx.ingress.kubernetes.io"
    out["metadata"]["annotations"] = {
        f"{prefix}/proxy-body-size": str(options.max_body_size),
        f"{prefix}/proxy-read-timeout": str(-(-options.read_timeout // 1000)),
        f"{prefix}/proxy-send-timeout": str(-(-options.send_timeout // 1000)),
        f"{prefix}/proxy-next-upstream-tries": str(options.next_tries),
        f"{prefix}/proxy-next-upstream-timeout": str(-(-options.next_timeout // 1000)),
        f"{prefix}/proxy-next-upstream": " ".join(options.next_cases),
    }
    return [out]


def _pull_secret(namespace: str, service: Service) -> Object:
    credentials = service.credentials
    assert credentials is not None
    pair = base64.b64encode(f"{credentials.username}:{credentials.password}".encode()).decode()
    text = json.dumps({"auths": {credentials.host: {"auth": pair, "email": credentials.email}}})
    out = _object("v1", "Secret", namespace, f"{service.name}--registry")
    kind = "kubernetes.io/dockerconfigjson"
    return out | {"type": kind, "data": {".dockerconfigjson": base64.b64encode(text.encode()).decode()}}


def _is_kept(volume: Volume) -> bool:
    return dict(volume.attributes).get("persistent") == "true"


def _kept(service: Service) -> list[Volume]:
    return [volume for volume in service.resource.storage if _is_kept(volume)]


def _scratch(service: Service) -> int:
    return sum(volume.size for volume in service.resource.storage if not _is_kept(volume)) or 1 << 20


def _refuse_what_it_lacks(service: Service, setting: ClusterSetting) -> None:
    lacks = [
        (
            any(expose.ip for expose in service.expose) and not setting.leased_ips,
            "an address of its own",
            "ip",
        ),
        (bool(service.params and service.params.tee), "a trusted environment", "tee"),
        (bool(service.params and service.params.permissions), "rights to read its lease", "permissions"),
    ]
    for lacking, what, word in lacks:
        if lacking:
            raise BadManifest(
                f"the service {service.name} asks for {what}, which this cluster does not give", value=word
            )
