"""Our JSON Schema (draft-07) of a deployment file, made from the same tables as the parser.

It is for editors and for other languages. It says what one value may be; what binds values together
(references, limits over replicas, one denomination) only ``weft compute check`` can say.
"""

from __future__ import annotations

from typing import Any

from weftwork.compute.sdl import limit as lim
from weftwork.compute.sdl.service import EXPOSE_FIELDS, SERVICE_FIELDS

SCHEMA_ID = "https://weftwork.org/schema/sdl-2.1.json"
Schema = dict[str, Any]

TEXT: Schema = {"type": "string"}
FLAG: Schema = {"type": "boolean"}
PORT: Schema = {"type": "integer", "minimum": 1, "maximum": lim.MAX_PORT}
TRUTH: Schema = {"enum": [True, False, *lim.ATTRIBUTE_TRUE, *lim.ATTRIBUTE_FALSE]}


def _object(required: tuple[str, ...] = (), /, **fields: Schema) -> Schema:
    out: Schema = {"type": "object", "additionalProperties": False, "properties": fields}
    return out | ({"required": list(required)} if required else {})


def _map(values: Schema) -> Schema:
    return {"type": "object", "additionalProperties": values}


def _list(items: Schema, *, null: bool = False) -> Schema:
    return {"type": ["array", "null"] if null else "array", "items": items}


def _word(*words: str) -> Schema:
    return {"type": "string", "enum": list(words)}


def _pattern(pattern: str) -> Schema:
    return {"type": "string", "pattern": f"^({pattern})$"}


def _size(*, decimal: bool) -> Schema:
    suffix = "[kMGTPE]|[KMGTPE]i" if decimal else "[KMGTPE]i"
    return _pattern(rf"([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][-+]?[0-9]+)?({suffix})?")


def _volume() -> Schema:
    attributes = _object(
        ("class", "persistent"), **{"class": _word(*lim.STORAGE_CLASSES), "persistent": TRUTH}
    )
    attributes["if"] = {"properties": {"class": {"const": "ram"}}, "required": ["class"]}
    attributes["then"] = {"properties": {"persistent": {"enum": [False, "false"]}}}
    attributes["else"] = {"properties": {"persistent": {"enum": [True, *lim.ATTRIBUTE_TRUE]}}}
    return _object(("size",), name=TEXT, size=_size(decimal=True), attributes=attributes)


def _gpu() -> Schema:
    model = _object(model=TEXT, ram=_size(decimal=False), interface=_word(*lim.GPU_INTERFACES))
    vendor = _object(**{name: _list(model, null=True) for name in lim.GPU_VENDORS})
    vendor["minProperties"] = 1
    count: Schema = {
        "oneOf": [{"type": "integer", "minimum": 0, "maximum": lim.LIMITS.gpu[1]}, _pattern("[0-9]+")]
    }
    some: Schema = {"units": {"oneOf": [{"type": "integer", "minimum": 1}, _pattern("0*[1-9][0-9]*")]}}
    gpu = _object(units=count, attributes=_object(("vendor",), vendor=vendor))
    gpu["if"] = {"properties": some, "required": ["units"]}
    gpu["then"] = {"required": ["attributes"]}
    gpu["else"] = {"not": {"required": ["attributes"]}}
    return gpu


def _profiles() -> Schema:
    cpu_units: Schema = {
        "oneOf": [{"type": "number", "exclusiveMinimum": 0}, _pattern(r"[0-9]+m|[0-9]+(\.[0-9]+)?")]
    }
    resources = _object(
        ("cpu", "memory", "storage"),
        cpu=_object(("units",), units=cpu_units, attributes=_object(arch=TEXT)),
        memory=_object(("size",), size=_size(decimal=False)),
        storage={"oneOf": [_volume(), _list(_volume()) | {"minItems": 1}]},
        gpu=_gpu(),
    )
    amount: Schema = {"oneOf": [{"type": "number", "exclusiveMinimum": 0}, _pattern(lim.AMOUNT.pattern)]}
    price = _object(("denom", "amount"), denom=_word(*lim.DENOMS), amount=amount)
    placement = _object(
        ("pricing",),
        attributes={"type": "object"},
        signedBy=_object(allOf=_list(TEXT), anyOf=_list(TEXT)),
        pricing=_map(price),
    )
    return _object(
        ("compute", "placement"),
        compute=_map(_object(("resources",), resources=resources)),
        placement=_map(placement),
    )


def _service() -> Schema:
    whole: Schema = {"type": "integer", "minimum": 0}
    options: Schema = {name: whole | {"maximum": most} for name, most in lim.HTTP_MAXIMA.items()}
    cases = _list(_word(*lim.NEXT_CASES))
    cases["if"], cases["then"] = {"contains": {"const": "off"}}, {"maxItems": 1}
    to = _object(**{"service": TEXT, "global": FLAG, "ip": TEXT | {"minLength": 1}})
    to["if"], to["then"] = (
        {"required": ["ip"]},
        {"properties": {"global": {"const": True}}, "required": ["global"]},
    )
    expose = {
        "port": PORT,
        "as": PORT,
        "proto": _word("tcp", "udp", "TCP", "UDP"),
        "accept": _list(TEXT),
        "to": _list(to),
        "http_options": _object(**options, next_cases=cases),
    }
    mount = _object(mount=_pattern("/.*"), readOnly=FLAG)
    params = _object(
        storage=_map(mount),
        permissions=_object(read=_list(_word(*lim.PERMISSIONS))),
        tee=_word(*lim.TEE_TYPES),
    )
    some: Schema = TEXT | {"minLength": 1}
    fields = {
        "image": some,
        **{name: _list(TEXT, null=True) for name in ("command", "args", "env")},
        "expose": _list(_object(("port",), **{name: expose[name] for name in EXPOSE_FIELDS}), null=True),
        "dependencies": _list(_object(service=TEXT)),
        "params": params,
        "credentials": _object(
            ("host", "username", "password"),
            host=some,
            username=some,
            password=TEXT | {"minLength": lim.MIN_PASSWORD},
            email=TEXT | {"minLength": lim.MIN_EMAIL},
        ),
    }
    return _object(("image",), **{name: fields[name] for name in SERVICE_FIELDS})


def export_schema() -> Schema:
    """The schema as a JSON value."""
    count: Schema = {"type": "integer", "minimum": lim.LIMITS.count[0], "maximum": lim.LIMITS.count[1]}
    placed = _object(("profile", "count"), profile=TEXT, count=count)
    named = _pattern(lim.SERVICE_NAME.pattern)
    top = _object(
        ("version", "services", "profiles", "deployment"),
        version=_word("2.0", "2.1"),
        include=_list(TEXT),
        services=_map(_service()),
        profiles=_profiles(),
        deployment=_map(_map(placed)) | {"minProperties": 1, "propertyNames": named},
        endpoints=_map(_object(("kind",), kind=_word("ip")))
        | {"propertyNames": _pattern(lim.ENDPOINT_NAME.pattern)},
        reclamation=_object(("min_window",), min_window=_pattern(lim.WINDOW.pattern)),
    )
    head = {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "$id": SCHEMA_ID,
        "title": "Weftwork deployment file (SDL 2.0 and 2.1)",
    }
    return head | top
