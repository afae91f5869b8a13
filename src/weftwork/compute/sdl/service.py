"""The ``services`` of a deployment file: images, commands, ports, parameters, credentials."""

from __future__ import annotations

from dataclasses import dataclass, field

from weftwork.compute.error import SdlField
from weftwork.compute.sdl.limit import (
    HTTP_DEFAULTS,
    HTTP_MAXIMA,
    MAX_PORT,
    MIN_EMAIL,
    MIN_PASSWORD,
    NEXT_CASES,
    PERMISSIONS,
    TEE_TYPES,
)
from weftwork.compute.sdl.model import Credentials, HttpOptions, Mount, Params
from weftwork.compute.sdl.node import Node
from weftwork.compute.sdl.reader import Reader

SERVICE_FIELDS = ("image", "command", "args", "env", "expose", "dependencies", "params", "credentials")
EXPOSE_FIELDS = ("port", "as", "proto", "accept", "to", "http_options")
HTTP_FIELDS = (*HTTP_MAXIMA, "next_cases")
DEFAULT_CASES = ("error", "timeout")


@dataclass(slots=True)
class Target:
    """Whom a port is open to: the world, a service, or the world on an address of its own."""

    node: Node
    service: str
    global_: bool
    ip: str


@dataclass(slots=True)
class Port:
    """One entry of ``expose`` as read."""

    node: Node
    port: int
    external: int
    proto: str
    accept: tuple[str, ...] | None
    targets: list[Target]
    http: HttpOptions


@dataclass(slots=True)
class Draft:
    """A service as read, before it is placed."""

    node: Node
    image: str = ""
    command: tuple[str, ...] | None = None
    args: tuple[str, ...] | None = None
    env: tuple[str, ...] | None = None
    ports: list[Port] = field(default_factory=list)
    params: Params | None = None
    credentials: Credentials | None = None


def read_service(reader: Reader, node: Node) -> Draft:
    """One entry of ``services``."""
    out = Draft(node)
    found = reader.mapping(node, known=SERVICE_FIELDS, needed=True)
    if found is None:
        return out
    items = found.items
    image = reader.require(found, "image", "the container image to run")
    out.image = reader.text(image)
    if image is not None and not out.image:
        reader.fail(image, "the image has no name", "write the image, such as nginx:1.27", kind=SdlField)
    out.command, out.args, out.env = (_texts(reader, items.get(name)) for name in ("command", "args", "env"))
    for item in reader.sequence(items.get("expose"), null=True) or []:
        port = _read_port(reader, item)
        if port is not None:
            out.ports.append(port)
    for item in reader.sequence(items.get("dependencies")) or []:
        dependency = reader.mapping(item, known=("service",))
        if dependency is not None:
            reader.text(dependency.items.get("service"))
    out.params = _read_params(reader, items.get("params"))
    out.credentials = _read_credentials(reader, items.get("credentials"))
    return out


def _texts(reader: Reader, node: Node | None) -> tuple[str, ...] | None:
    values = reader.texts(node, null=True)
    return None if values is None else tuple(values)


def _read_port(reader: Reader, node: Node) -> Port | None:
    found = reader.mapping(node, known=EXPOSE_FIELDS, needed=True)
    if found is None:
        return None
    items = found.items
    port = reader.integer(reader.require(found, "port", "the port in the container"), 1, MAX_PORT, "a port")
    external = items.get("as")
    as_port = reader.integer(external, 0, MAX_PORT, "a port")
    if external is not None and not as_port:
        reader.bend(external, "a port is from 1 to 65535", "leave it out to keep the port of the container")
    proto_node = items.get("proto")
    proto = reader.text(proto_node)
    if proto_node is not None and proto.upper() not in ("TCP", "UDP", ""):
        reader.fail(proto_node, f"no protocol {proto[:60]!r}", "write tcp or udp")
    elif proto not in ("", "tcp", "udp", "TCP", "UDP") and proto_node is not None:
        reader.bend(proto_node, "the protocol is in mixed case", "write tcp or udp")
    accept = reader.texts(items.get("accept"))
    targets = []
    for item in reader.sequence(items.get("to")) or []:
        target = reader.mapping(item, known=("service", "global", "ip", "http_options"))
        if target is None:
            targets.append(Target(item, "", False, ""))
            continue
        if "http_options" in target.items:
            hint = "write http_options beside port"
            reader.bend(target, "http_options has no effect here", hint, key="http_options", kind=SdlField)
        is_global = reader.flag(target.items.get("global"))
        ip = reader.text(target.items.get("ip"))
        targets.append(Target(item, reader.text(target.items.get("service")), is_global, ip))
    return Port(
        node=node,
        port=port,
        external=as_port,
        proto=proto.upper() or "TCP",
        accept=None if accept is None else tuple(accept),
        targets=targets,
        http=_read_http(reader, items.get("http_options")),
    )


def _read_http(reader: Reader, node: Node | None) -> HttpOptions:
    """HTTP options with the defaults in place of what is absent or 0."""
    values = dict.fromkeys(HTTP_MAXIMA, 0)
    cases: list[str] = []
    found = reader.mapping(node, known=HTTP_FIELDS)
    if found is not None:
        for name, most in HTTP_MAXIMA.items():
            values[name] = reader.integer(found.items.get(name), 0, most, name)
        case_node = found.items.get("next_cases")
        cases = reader.texts(case_node) or []
        unknown = [case for case in cases if case not in NEXT_CASES]
        if case_node is not None and unknown:
            hint = f"write some of {', '.join(NEXT_CASES)}"
            reader.fail(case_node, f"{unknown[0][:60]!r} is no case to try the next replica in", hint)
        elif case_node is not None and "off" in cases and len(cases) > 1:
            reader.fail(case_node, "off stands beside other cases", "write [off] alone, or leave it out")
    return HttpOptions(
        **{name: values[name] or default for name, default in HTTP_DEFAULTS.items()},
        next_cases=tuple(cases) or DEFAULT_CASES,
        proxy_buffer_size=values["proxy_buffer_size"],
    )


def _read_params(reader: Reader, node: Node | None) -> Params | None:
    found = reader.mapping(node, known=("storage", "permissions", "tee"))
    if found is None:
        return None
    mounts = []
    for name, value in reader.entries(found.items.get("storage")):
        mount = reader.mapping(value, known=("mount", "readOnly"))
        given = {} if mount is None else mount.items
        mounts.append(Mount(name, reader.text(given.get("mount")), reader.flag(given.get("readOnly"))))
    permissions: tuple[str, ...] | None = None
    allowed = reader.mapping(found.items.get("permissions"), known=("read",))
    if allowed is not None:
        permissions = tuple(reader.texts(allowed.items.get("read"), one_of=PERMISSIONS) or ())
    tee_node = found.items.get("tee")
    tee = reader.text(tee_node)
    if tee_node is not None and tee and tee not in TEE_TYPES:
        hint = f"write one of {', '.join(TEE_TYPES)}"
        reader.fail(tee_node, f"no trusted environment {tee[:60]!r}", hint)
    return Params(tuple(sorted(mounts, key=lambda mount: mount.name)), permissions, tee)


def _read_credentials(reader: Reader, node: Node | None) -> Credentials | None:
    found = reader.mapping(node, known=("host", "email", "username", "password"))
    if found is None:
        return None
    items = found.items
    for name in ("host", "username", "password"):
        value = reader.require(found, name, "the registry needs it")
        if value is not None and not value.text.strip():
            reader.fail(value, f"{name} is empty", "write it out", kind=SdlField)
    host, username = reader.text(items.get("host")), reader.text(items.get("username"))
    email = reader.text(items.get("email"), least=MIN_EMAIL)
    password_node = items.get("password")
    if password_node is not None and 0 < len(password_node.text.strip()) < MIN_PASSWORD:
        hint = "use a longer password or an access token"
        reader.bend(found, f"the password has fewer than {MIN_PASSWORD} characters", hint, key="password")
    return Credentials(host, email, username, "" if password_node is None else password_node.text)
