"""Group specs and manifests as they come over the wire: JSON of a stranger, read back into the model.

What is read must give the same JSON again, byte for byte, or it is refused: nothing unknown slips through,
and the digest of what was read is the digest of what was sent.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from weftwork.compute.error import BadManifest
from weftwork.compute.sdl.limit import LIMITS
from weftwork.compute.sdl.model import (
    Attributes,
    Credentials,
    Endpoint,
    Expose,
    Group,
    HttpOptions,
    ManifestGroup,
    Mount,
    Params,
    Resource,
    Service,
    Unit,
    Volume,
    encode_canonical,
)
from weftwork.errors import BadUnit
from weftwork.units import Wad

_T = TypeVar("_T")
_MOST = 1 << 62


def read_group(value: Any) -> Group:
    """The group spec in a JSON value; raises BadManifest."""
    group = _attempt(_group, value, "group spec")
    if len(group.units) > LIMITS.units or not group.units:
        raise BadManifest(f"a group has 1 to {LIMITS.units} units", value=len(group.units))
    if len({unit.denom for unit in group.units}) != 1:
        raise BadManifest("the units of a group are priced in one denomination")
    return group


def read_manifest(value: Any) -> tuple[ManifestGroup, ...]:
    """The groups of a manifest in a JSON value; raises BadManifest."""
    if not isinstance(value, list) or not 0 < len(value) <= LIMITS.groups:
        raise BadManifest(f"a manifest is a list of 1 to {LIMITS.groups} groups")
    return tuple(_attempt(_manifest_group, one, "manifest") for one in value)


def check_manifest(group: Group, manifest: ManifestGroup) -> None:
    """Raise BadManifest where the services of ``manifest`` take other resources than ``group`` ordered."""
    if group.name != manifest.name:
        raise BadManifest("the manifest's group has another name than the order's", value=manifest.name[:60])
    counts = {unit.resource.id: unit.count for unit in group.units}
    units = {unit.resource.id: unit.resource for unit in group.units}
    for service in manifest.services:
        resource = service.resource
        unit = units.get(resource.id)
        same = unit is not None and all(
            getattr(unit, name) == getattr(resource, name)
            for name in ("cpu", "memory", "storage", "gpu", "cpu_attributes", "gpu_attributes")
        )
        if not same:
            raise BadManifest(
                f"service {service.name[:60]} takes other resources than were ordered",
                value=service.name[:60],
            )
        counts[resource.id] -= service.count
    if any(counts.values()):
        raise BadManifest("the manifest runs another number of replicas than was ordered")


def _attempt(read: Callable[[Any], _T], value: Any, what: str) -> _T:
    try:
        found = read(value)
        again = encode_canonical(found.to_json())  # type: ignore[attr-defined]
        given = encode_canonical(value)
    except BadManifest:
        raise
    except (KeyError, TypeError, ValueError, AttributeError, IndexError, BadUnit, RecursionError) as error:
        text = f"{type(error).__name__}: {error}"[:120]
        raise BadManifest(f"the {what} cannot be read: {text}", value=text) from error
    if again != given:
        raise BadManifest(f"the {what} has fields that no deployment file gives, or in another form")
    return found


def _group(value: Any) -> Group:
    needs = value["requirements"]
    return Group(
        _text(value["name"]),
        tuple(_unit(one) for one in value["resources"]),
        _attributes(needs["attributes"]),
        _names(needs["signed_by"]["all_of"]),
        _names(needs["signed_by"]["any_of"]),
    )


def _unit(value: Any) -> Unit:
    price = value["price"]
    amount = int(Wad.parse(_text(price["amount"])))
    return Unit(_resource(value["resource"]), _count(value["count"]), _text(price["denom"]), amount)


def _resource(value: Any) -> Resource:
    return Resource(
        id=_count(value["id"]),
        cpu=_amount(value["cpu"]["units"]),
        memory=_amount(value["memory"]["size"]),
        storage=tuple(
            Volume(_text(one["name"]), _amount(one["size"]), _attributes(one.get("attributes")))
            for one in value["storage"]
        ),
        gpu=_amount(value["gpu"]["units"]),
        cpu_attributes=_attributes(value["cpu"].get("attributes")),
        gpu_attributes=_attributes(value["gpu"].get("attributes")),
        endpoints=tuple(
            Endpoint(_whole(one.get("kind", 0)), _whole(one["sequence_number"])) for one in value["endpoints"]
        ),
    )


def _manifest_group(value: Any) -> ManifestGroup:
    return ManifestGroup(_text(value["name"]), tuple(_service(one) for one in value["services"]))


def _service(value: Any) -> Service:
    params, login = value.get("params"), value["credentials"]
    return Service(
        name=_text(value["name"]),
        image=_text(value["image"]),
        command=_names(value["command"]),
        args=_names(value["args"]),
        env=_names(value["env"]),
        resource=_resource(value["resources"]),
        count=_count(value["count"]),
        expose=tuple(_expose(one) for one in value["expose"]),
        params=None if params is None else _params(params),
        credentials=None
        if login is None
        else Credentials(*(_text(login[name]) for name in ("host", "email", "username", "password"))),
    )


def _params(value: Mapping[str, Any]) -> Params:
    storage = value["storage"] or []
    mounts = tuple(Mount(_text(one["name"]), _text(one["mount"]), bool(one["readOnly"])) for one in storage)
    rights = value.get("permissions")
    permissions = None if rights is None else _names(rights.get("read", [])) or ()
    return Params(mounts, permissions, _text(value["tee"]["type"]) if "tee" in value else "")


def _expose(value: Any) -> Expose:
    http = value["httpOptions"]
    return Expose(
        port=_port(value["port"]),
        external_port=_port(value["externalPort"]),
        proto=_text(value["proto"]),
        service=_text(value["service"]),
        global_=bool(value["global"]),
        hosts=_names(value["hosts"]),
        http=HttpOptions(
            max_body_size=_whole(http["maxBodySize"]),
            read_timeout=_whole(http["readTimeout"]),
            send_timeout=_whole(http["sendTimeout"]),
            next_tries=_whole(http["nextTries"]),
            next_timeout=_whole(http["nextTimeout"]),
            next_cases=_names(http["nextCases"]) or (),
            proxy_buffer_size=_whole(http.get("proxyBufferSize", 0)),
        ),
        ip=_text(value["ip"]),
        sequence=_whole(value["endpointSequenceNumber"]),
    )


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("text is wanted")
    return value


def _names(value: Any) -> tuple[str, ...] | None:
    return None if value is None else tuple(_text(one) for one in value)


def _attributes(value: Any) -> Attributes:
    return () if value is None else tuple((_text(one["key"]), _text(one["value"])) for one in value)


def _whole(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < _MOST:
        raise ValueError("a whole number is wanted")
    return value


def _count(value: Any) -> int:
    if not 0 < _whole(value) <= 1_000:
        raise ValueError("a count is 1 to 1000")
    return int(value)


def _port(value: Any) -> int:
    if _whole(value) > 65_535:
        raise ValueError("a port is at most 65535")
    return int(value)


def _amount(value: Any) -> int:
    text = _text(value["val"])
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise ValueError("an amount is a whole number")
    return int(text)
