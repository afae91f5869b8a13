"""What a deployment file becomes on Kubernetes: objects by the API's schemas, and walls around each lease."""

from __future__ import annotations

import json
from typing import Any

import pytest

from weftwork.compute.error import BadManifest
from weftwork.compute.executor import Limits, key
from weftwork.compute.executor.cluster import LEASE, ClusterSetting, Object, build_objects
from weftwork.compute.sdl import parse
from weftwork.compute.sdl.model import ManifestGroup

FILE: dict[str, Any] = {
    "version": "2.0",
    "services": {
        "web": {
            "image": "nginx:1.27",
            "env": ["MODE=live", "EMPTY"],
            "expose": [
                {"port": 8080, "as": 80, "accept": ["shop.example"], "to": [{"global": True}]},
                {"port": 5353, "proto": "udp", "to": [{"global": True}]},
            ],
        },
        "store": {
            "image": "registry.example/store:3",
            "command": ["serve"],
            "args": ["--all"],
            "credentials": {"host": "registry.example", "username": "me", "password": "secret-word"},
            "expose": [{"port": 5432, "to": [{"service": "web"}]}],
            "params": {
                "storage": {
                    "data": {"mount": "/var/lib/store"},
                    "shm": {"mount": "/dev/shm"},
                    "tmp": {"mount": "/scratch", "readOnly": False},
                }
            },
        },
    },
    "profiles": {
        "compute": {
            "small": {
                "resources": {"cpu": {"units": 0.5}, "memory": {"size": "256Mi"}, "storage": {"size": "1Gi"}}
            },
            "large": {
                "resources": {
                    "cpu": {"units": 2},
                    "memory": {"size": "1Gi"},
                    "storage": [
                        {"size": "1Gi"},
                        {
                            "name": "data",
                            "size": "10Gi",
                            "attributes": {"class": "beta2", "persistent": True},
                        },
                        {"name": "shm", "size": "64Mi", "attributes": {"class": "ram", "persistent": False}},
                        {"name": "tmp", "size": "2Gi"},
                    ],
                    "gpu": {"units": 1, "attributes": {"vendor": {"nvidia": [{"model": "h100"}]}}},
                }
            },
        },
        "placement": {
            "here": {
                "pricing": {"small": {"denom": "uakt", "amount": 1}, "large": {"denom": "uakt", "amount": 9}}
            }
        },
    },
    "deployment": {
        "web": {"here": {"profile": "small", "count": 3}},
        "store": {"here": {"profile": "large", "count": 2}},
    },
}


@pytest.fixture
def group() -> ManifestGroup:
    """A shop: three replicas of a web server, two of a store with volumes and GPUs."""
    return parse(json.dumps(FILE)).manifest[0]


def find(objects: list[Object], kind: str, name: str) -> Object:
    """The one object of that kind and name."""
    (found,) = (item for item in objects if (item["kind"], item["metadata"]["name"]) == (kind, name))
    return found


@pytest.mark.parametrize("version", ["1.30", "1.34", "1.37"])
def test_objects_are_valid_by_the_schemas_of_the_api(group: ManifestGroup, version: str) -> None:
    schemas = pytest.importorskip("kubernetes_validate", reason="kubernetes-validate is not installed")
    setting = ClusterSetting(
        storage_classes={"beta2": "fast"}, runtime_class="gvisor", outbound=True, tenant_hosts=True
    )
    objects = build_objects("alice/1", group, Limits(seconds=60), setting, deadline=99.5)
    assert {item["kind"] for item in objects} == {
        "Namespace",
        "ResourceQuota",
        "NetworkPolicy",
        "Secret",
        "PersistentVolumeClaim",
        "Deployment",
        "Service",
        "Ingress",
    }
    for item in objects:
        schemas.validate(item, version, strict=True)
    broken = find(objects, "Deployment", "web") | {"spec": {"replicas": "three"}}
    with pytest.raises(schemas.ValidationError):
        schemas.validate(broken, version, strict=True)


def test_everything_lies_in_the_namespace_of_the_lease(group: ManifestGroup) -> None:
    namespace, *rest = build_objects("alice/1", group)
    assert namespace["metadata"]["name"] == key("alice/1")
    assert namespace["metadata"]["annotations"][LEASE] == "alice/1"
    assert {item["metadata"]["namespace"] for item in rest} == {key("alice/1")}
    names = [(item["kind"], item["metadata"]["name"]) for item in rest]
    assert len(set(names)) == len(names)


def test_namespace_may_take_what_the_manifest_says_and_no_more(group: ManifestGroup) -> None:
    objects = build_objects("alice/1", group)
    hard = find(objects, "ResourceQuota", "lease")["spec"]["hard"]
    assert hard["pods"] == "5"
    assert hard["limits.cpu"] == "5500m"
    assert hard["limits.memory"] == str(3 * (256 << 20) + 2 * (1 << 30))
    assert (hard["persistentvolumeclaims"], hard["requests.storage"]) == ("2", str(20 << 30))
    assert hard["requests.nvidia.com/gpu"] == "2"
    asked = [
        int(c["resources"]["limits"]["memory"]) * item["spec"]["replicas"]
        for item in objects
        if item["kind"] == "Deployment"
        for c in item["spec"]["template"]["spec"]["containers"]
    ]
    assert str(sum(asked)) == hard["limits.memory"]


def test_replicas_with_volumes_have_each_their_own(group: ManifestGroup) -> None:
    objects = build_objects("alice/1", group, setting=ClusterSetting(storage_classes={"beta2": "fast"}))
    for index in (0, 1):
        claim = find(objects, "PersistentVolumeClaim", f"store-{index}-data")
        assert claim["spec"]["storageClassName"] == "fast"
        spec = find(objects, "Deployment", f"store-{index}")["spec"]
        assert spec["replicas"] == 1
        volumes = {volume["name"]: volume for volume in spec["template"]["spec"]["volumes"]}
        assert volumes["data"]["persistentVolumeClaim"] == {"claimName": f"store-{index}-data"}
        assert volumes["shm"]["emptyDir"] == {"sizeLimit": str(64 << 20), "medium": "Memory"}
        assert volumes["tmp"]["emptyDir"] == {"sizeLimit": str(2 << 30)}
    assert find(objects, "Deployment", "web")["spec"]["replicas"] == 3


def test_pods_have_no_rights_and_no_privileges(group: ManifestGroup) -> None:
    for item in build_objects("alice/1", group):
        if item["kind"] == "Deployment":
            pod = item["spec"]["template"]["spec"]
            assert pod["automountServiceAccountToken"] is False
            assert not {"hostNetwork", "hostPID", "serviceAccountName"} & set(pod)
            security = pod["containers"][0]["securityContext"]
            assert (security["privileged"], security["allowPrivilegeEscalation"]) == (False, False)
            assert not any("hostPath" in volume for volume in pod["volumes"])


def test_nothing_goes_in_or_out_but_what_the_manifest_opens(group: ManifestGroup) -> None:
    objects = build_objects("alice/1", group)
    closed = find(objects, "NetworkPolicy", "lease")["spec"]
    assert (closed["podSelector"], closed["ingress"]) == ({}, [])
    assert all("ipBlock" not in json.dumps(rule) for rule in closed["egress"])
    (rule,) = find(objects, "NetworkPolicy", "store")["spec"]["ingress"]
    assert rule["from"] == [{"podSelector": {"matchLabels": {"weftwork.network/service": "web"}}}]
    outbound = build_objects("alice/1", group, setting=ClusterSetting(outbound=True))
    block = find(outbound, "NetworkPolicy", "lease")["spec"]["egress"][-1]["to"][0]["ipBlock"]
    assert "169.254.0.0/16" in block["except"]


def test_http_is_served_by_name_and_other_ports_by_the_nodes(group: ManifestGroup) -> None:
    objects = build_objects("alice/1", group, setting=ClusterSetting(domain="rent.example"))
    rules = find(objects, "Ingress", "web")["spec"]["rules"]
    assert [rule["host"] for rule in rules] == [f"web.{key('alice/1')}.rent.example"]
    (port,) = find(objects, "Service", "web--ports")["spec"]["ports"]
    assert (port["port"], port["protocol"]) == (5353, "UDP")
    inside = find(objects, "Service", "web")["spec"]["ports"]
    assert {(port["port"], port["targetPort"]) for port in inside} == {(80, 8080), (5353, 5353)}
    allowed = build_objects("alice/1", group, setting=ClusterSetting(tenant_hosts=True))
    assert find(allowed, "Ingress", "web")["spec"]["rules"][1]["host"] == "shop.example"


def test_registry_password_is_in_a_secret_and_nowhere_else(group: ManifestGroup) -> None:
    objects = build_objects("alice/1", group)
    assert find(objects, "Deployment", "store-0")["spec"]["template"]["spec"]["imagePullSecrets"] == [
        {"name": "store--registry"}
    ]
    assert "secret-word" not in json.dumps(objects)


def test_what_a_cluster_cannot_give_is_refused() -> None:
    leased = json.loads(json.dumps(FILE))
    leased["endpoints"] = {"front": {"kind": "ip"}}
    leased["services"]["web"]["expose"][1]["to"] = [{"global": True, "ip": "front"}]
    leased["version"] = "2.1"
    group = parse(json.dumps(leased)).manifest[0]
    with pytest.raises(BadManifest, match="address of its own"):
        build_objects("alice/1", group)
    objects = build_objects("alice/1", group, setting=ClusterSetting(leased_ips=True))
    assert find(objects, "Service", "web--address")["spec"]["type"] == "LoadBalancer"
