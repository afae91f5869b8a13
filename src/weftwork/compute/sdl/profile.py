"""The ``profiles`` of a file: compute profiles (what a replica gets) and placements (who may run it)."""

from __future__ import annotations

from dataclasses import dataclass, field

from weftwork.compute.error import SdlField, SdlReference
from weftwork.compute.sdl.limit import (
    AMOUNT,
    ATTRIBUTE_FALSE,
    ATTRIBUTE_KEY,
    ATTRIBUTE_TRUE,
    DENOM,
    DENOMS,
    GPU_INTERFACES,
    GPU_VENDORS,
    STORAGE_CLASSES,
)
from weftwork.compute.sdl.model import Attributes, Volume
from weftwork.compute.sdl.node import LIST, MAP, SCALAR, Node
from weftwork.compute.sdl.quantity import parse_cpu, parse_gpu, parse_price, parse_size
from weftwork.compute.sdl.reader import Reader


@dataclass(slots=True)
class Compute:
    """A compute profile as read: thousandths of a CPU, bytes, volumes in the order of the manifest, GPUs."""

    node: Node
    cpu: int = 0
    cpu_attributes: Attributes = ()
    memory: int = 0
    volumes: tuple[Volume, ...] = ()
    gpu: int = 0
    gpu_attributes: Attributes = ()


@dataclass(slots=True)
class Price:
    """At most ``amount`` wad of ``denom`` per block and replica."""

    node: Node
    denom: str
    amount: int


@dataclass(slots=True)
class Placement:
    """A placement as read."""

    node: Node
    attributes: Attributes = ()
    all_of: tuple[str, ...] | None = None
    any_of: tuple[str, ...] | None = None
    prices: dict[str, Price] = field(default_factory=dict)


def read_compute(reader: Reader, node: Node) -> Compute:
    """One entry of ``profiles.compute``."""
    out = Compute(node)
    profile = reader.mapping(node, known=("resources",), needed=True)
    if profile is None:
        return out
    found = reader.require(profile, "resources", "what each replica gets")
    resources = reader.mapping(found, known=("cpu", "memory", "storage", "gpu"), needed=True)
    if resources is None:
        return out
    _read_cpu(reader, resources, out)
    memory = reader.mapping(
        reader.require(resources, "memory", "how much memory each replica gets"), known=("size",)
    )
    if memory is not None:
        size = reader.require(memory, "size", "bytes of memory, such as 512Mi")
        out.memory = _read_size(reader, size, decimal=False)
    storage = reader.require(resources, "storage", "how much disk each replica gets")
    if storage is not None:
        out.volumes = _read_storage(reader, storage)
    gpu = reader.mapping(resources.items.get("gpu"), known=("units", "attributes"), closed=True)
    if gpu is not None:
        _read_gpu(reader, gpu, out)
    return out


def _read_cpu(reader: Reader, resources: Node, out: Compute) -> None:
    cpu = reader.mapping(
        reader.require(resources, "cpu", "how much CPU each replica gets"),
        known=("units", "attributes"),
        closed=True,
    )
    if cpu is None:
        return
    units = reader.require(cpu, "units", "CPUs, such as 0.5 or 500m")
    if units is not None:
        value = parse_cpu(units.text) if units.kind is SCALAR else None
        if value is None:
            reader.fail(units, "no amount of CPU", "write CPUs (0.5, 2) or thousandths (500m)")
        else:
            out.cpu = value
    attributes = reader.mapping(cpu.items.get("attributes"), known=("arch",), closed=True)
    if attributes is not None:
        out.cpu_attributes = tuple((name, reader.text(value)) for name, value in attributes.items.items())


def _read_size(reader: Reader, node: Node | None, *, decimal: bool) -> int:
    if node is None:
        return 0
    value = parse_size(node.text, decimal=decimal) if node.kind is SCALAR else None
    if value is None:
        reader.fail(node, "no size", f"write bytes with a suffix: 512Mi, 1.5Gi{', 20G' if decimal else ''}")
        return 0
    if node.tag != "str":
        reader.bend(node, "a size is text", f'write it with a suffix, or in quotes: "{node.text[:60]}"')
    return value


def _read_storage(reader: Reader, node: Node) -> tuple[Volume, ...]:
    if node.kind is LIST:
        volumes = [_read_volume(reader, item) for item in node.items]
        if not volumes:
            reader.fail(node, "no storage is given", "add `- size: 1Gi`", kind=SdlField)
    elif node.kind is MAP:
        only = _read_volume(reader, node)
        volumes = [Volume("default", only.size, only.attributes)]
    else:
        reader.fail(node, "storage is a mapping or a list of them", "write `size: 1Gi` under storage")
        return ()
    names: set[str] = set()
    for i, volume in enumerate(volumes):
        if volume.name in names:
            place = node.items[i]
            sentence = f"two volumes are named {volume.name[:60]!r}"
            reader.fail(place, sentence, "give each volume a name of its own", key="name")
        names.add(volume.name)
    return tuple(_sort_volumes(volumes))


def _read_volume(reader: Reader, node: Node) -> Volume:
    found = reader.mapping(node, known=("name", "size", "attributes"), needed=True)
    if found is None:
        return Volume("", 0)
    size = _read_size(reader, reader.require(found, "size", "bytes, such as 10Gi"), decimal=True)
    name = reader.text(found.items.get("name")) or "default"
    attributes = reader.mapping(found.items.get("attributes"), known=("class", "persistent"), closed=True)
    return Volume(name, size, () if attributes is None else _read_volume_attributes(reader, attributes))


def _read_volume_attributes(reader: Reader, node: Node) -> Attributes:
    """Class and persistence: ``ram`` never persists, every other class does."""
    for name in ("class", "persistent"):
        if name not in node.items:
            reader.bend(node, f"the field {name!r} is missing", f"add `{name}:`", key=name, kind=SdlField)
    given = {name: value.text if value.kind is SCALAR else "" for name, value in node.items.items()}
    persistent = given.get("persistent", "false")
    kind = given.get("class", "")
    if persistent not in ATTRIBUTE_TRUE + ATTRIBUTE_FALSE:
        reader.fail(node, "persistent is true or false", "write true or false", key="persistent")
    if "class" in given and kind not in STORAGE_CLASSES:
        hint = f"write one of {', '.join(STORAGE_CLASSES)}"
        reader.fail(node, f"no storage class {kind[:60]!r}", hint, key="class")
    elif not kind:
        kind = "default" if persistent == "true" else ""
    elif kind == "ram" and persistent != "false":
        reader.fail(
            node, "storage of class ram is never persistent", "write `persistent: false`", key="persistent"
        )
    elif kind != "ram" and persistent == "false":
        hint = "write `persistent: true`, or leave the class out"
        reader.fail(node, f"storage of class {kind} is persistent", hint, key="class")
    pairs = [("class", kind)] if kind else []
    return (*pairs, ("persistent", "true" if persistent in ATTRIBUTE_TRUE else "false"))


def _sort_volumes(volumes: list[Volume]) -> list[Volume]:
    """Volumes in the reference's order: by size, then its own order among equals.

    Its comparison of equals is no order (of two that do not persist, each comes before the other), so the
    result depends on the algorithm: insertion, as the reference sorts up to 20 items.
    """
    if len(volumes) > 20:
        return sorted(volumes, key=lambda volume: volume.size)
    out = list(volumes)
    for i in range(1, len(out)):
        j = i
        while j > 0 and _comes_before(out[j], out[j - 1]):
            out[j], out[j - 1] = out[j - 1], out[j]
            j -= 1
    return out


def _comes_before(a: Volume, b: Volume) -> bool:
    if a.size != b.size:
        return a.size < b.size
    mine, other = dict(a.attributes).get("persistent"), dict(b.attributes).get("persistent")
    if other is not None and (mine is None or mine < other):
        return True
    if mine is not None and other is None:
        return False
    if mine != "true":
        return True
    return other == "true" and a.name < b.name


def _read_gpu(reader: Reader, node: Node, out: Compute) -> None:
    units = node.items.get("units")
    if units is not None:
        value = parse_gpu(units.text) if units.kind is SCALAR else None
        if value is None:
            reader.fail(units, "no number of GPUs", "write a whole number")
            return
        out.gpu = value
    attributes = reader.mapping(node.items.get("attributes"), known=("vendor",), closed=True)
    if attributes is not None:
        out.gpu_attributes = _read_gpu_attributes(reader, attributes)
    if out.gpu and attributes is None:
        hint = "add `attributes: {vendor: {nvidia: }}` for any model, or list models under nvidia"
        reader.fail(node, "GPUs are asked for, and not which", hint, key="attributes", kind=SdlField)
    elif attributes is not None and not out.gpu:
        reader.fail(
            node, "GPU attributes are given, and no GPU", "write `units: 1`, or leave gpu out", key="units"
        )


def _read_gpu_attributes(reader: Reader, node: Node) -> Attributes:
    found = reader.require(node, "vendor", "whose GPUs will do")
    vendor = reader.mapping(found, known=GPU_VENDORS, needed=True)
    if vendor is None:
        return ()
    if not vendor.items.keys() & set(GPU_VENDORS):
        sentence = "no known vendor is given, so that any NVIDIA GPU will do"
        reader.bend(vendor, sentence, "write `nvidia:`", kind=SdlField)
    keys: dict[str, None] = {}
    for model in reader.sequence(vendor.items.get("nvidia"), null=True) or []:
        key = f"vendor/nvidia/model/{_read_gpu_model(reader, model)}"
        if ATTRIBUTE_KEY.fullmatch(key) is None:
            reader.fail(
                model, "the model has letters that a GPU model cannot have", "write it as providers list it"
            )
        elif key in keys:
            reader.fail(model, "this model is listed already", "leave one of the two out")
        keys[key] = None
    return tuple((key, "true") for key in sorted(keys or ["vendor/nvidia/model/*"]))


def _read_gpu_model(reader: Reader, node: Node) -> str:
    model = reader.mapping(node, known=("model", "ram", "interface"))
    if model is None:
        return ""
    out = reader.text(model.items.get("model"))
    ram = model.items.get("ram")
    if ram is not None and not ram.is_null:
        out += f"/ram/{_read_size(reader, ram, decimal=False) >> 30}Gi"
    interface = model.items.get("interface")
    if interface is not None and not interface.is_null:
        if interface.text not in GPU_INTERFACES:
            reader.fail(interface, "no GPU interface", f"write one of {', '.join(GPU_INTERFACES)}")
        out += f"/interface/{interface.text[:60]}"
    return out


def read_placement(reader: Reader, node: Node) -> Placement:
    """One entry of ``profiles.placement``."""
    out = Placement(node)
    found = reader.mapping(node, known=("attributes", "signedBy", "pricing"), needed=True)
    if found is None:
        return out
    pairs = []
    for name, value in reader.entries(found.items.get("attributes")):
        if ATTRIBUTE_KEY.fullmatch(name) is None:
            hint = "letters, digits and /.-_ from a letter on, at most 128"
            reader.note(
                found.items["attributes"],
                f"providers cannot have the attribute {name[:60]!r}",
                hint,
                key=name,
            )
        if value.kind is not SCALAR:
            reader.fail(value, "an attribute is one value", "write `name: value`")
        pairs.append((name, "" if value.kind is not SCALAR or value.is_null else value.text))
    out.attributes = tuple(sorted(pairs))
    signed = reader.mapping(found.items.get("signedBy"), known=("allOf", "anyOf"))
    if signed is not None:
        all_of, any_of = (reader.texts(signed.items.get(name)) for name in ("allOf", "anyOf"))
        out.all_of = None if all_of is None else tuple(all_of)
        out.any_of = None if any_of is None else tuple(any_of)
    pricing = reader.require(found, "pricing", "the most that each compute profile may cost per block")
    for name, value in reader.entries(pricing):
        price = _read_price(reader, value)
        if price is not None:
            out.prices[name] = price
    return out


def _read_price(reader: Reader, node: Node) -> Price | None:
    found = reader.mapping(node, known=("denom", "amount"), needed=True)
    if found is None:
        return None
    denom_node = reader.require(found, "denom", "what the price is paid in")
    amount_node = reader.require(found, "amount", "the most to pay per block")
    if denom_node is None or amount_node is None:
        return None
    denom = denom_node.text
    if denom_node.kind is not SCALAR or DENOM.fullmatch(denom) is None:
        reader.fail(denom_node, "no denomination", f"write one of {', '.join(DENOMS)}")
        return None
    if denom not in DENOMS:
        hint = f"write one of {', '.join(DENOMS)}"
        reader.bend(denom_node, f"the denomination {denom[:60]!r} is unknown", hint, kind=SdlReference)
    amount = parse_price(amount_node.text) if amount_node.kind is SCALAR else None
    if amount is None:
        hint = "write a plain decimal with at most 18 decimals, such as 1000 or 0.25"
        reader.fail(amount_node, "no price", hint)
        return None
    if amount == 0:
        reader.fail(amount_node, "the price is zero", "write the most that you would pay per block")
    if AMOUNT.fullmatch(amount_node.text) is None:
        reader.bend(amount_node, "no plain decimal", "write digits before and after the point")
    return Price(node, denom, amount)
