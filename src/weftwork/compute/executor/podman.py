"""A service's image as containers of podman on this host, rootful or rootless, no daemon and no socket.

A container has no network but its own loopback: its ports are reached through the supervisor, as with
``process``, so that nothing is asked of the host's network and no container reaches out.
Source: podman-run(1), podman-pull(1).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

from weftwork.compute.error import BadManifest, ImageRefused
from weftwork.compute.executor.engine import Engine, find_engine, refusal
from weftwork.compute.executor.port import Capacity, Limits
from weftwork.compute.executor.supervised import Supervised
from weftwork.compute.executor.wiring import find_links, find_names, find_ports, read_env
from weftwork.compute.sdl.model import ManifestGroup, Service
from weftwork.errors import TimedOut
from weftwork.sandbox.plan import Container, Plan, Replica, Share

LABEL = "weft.lease"
"""The label of every container, whose value is the key of its lease."""

_PULL_SECONDS = 600.0


class PodmanExecutor(Supervised):
    """Runs services as containers.

    ``network`` is ``none``, or a network of podman's that containers may reach out by; ``pull`` false runs
    only images that are on the host; ``gpus`` are CDI names (``nvidia.com/gpu=0``), each given to one replica
    at a time; ``options`` are added to every ``podman run`` (such as ``--userns=auto``).
    """

    name = "podman"

    def __init__(
        self,
        folder: Path,
        *,
        program: str = "podman",
        network: str = "none",
        pull: bool = True,
        gpus: Sequence[str] = (),
        options: Sequence[str] = (),
        bind: str = "127.0.0.1",
        host: str = "",
        grace: float = 3.0,
        clock: Callable[[], float] | None = None,
    ) -> None:
        given = {} if clock is None else {"clock": clock}
        super().__init__(folder, bind=bind, host=host, grace=grace, **given)
        self.program, self.network, self.pull = program, network, pull
        self.gpus, self.options = tuple(gpus), tuple(options)
        self._engine: Engine | None = None

    async def check(self) -> None:
        """See :class:`.port.Executor`."""
        await self._find_engine()

    async def capacity(self) -> Capacity:
        """The host's, with the GPUs that were given."""
        found = await super().capacity()
        return Capacity(found.cpu, found.memory, found.storage, len(self.gpus))

    async def _find_engine(self) -> Engine:
        if self._engine is None:
            self._engine = await find_engine(self.program)
        return self._engine

    async def _prepare(self, group: ManifestGroup) -> None:
        for service in group.services:
            _refuse_what_it_lacks(service)
        wanted = sum(service.resource.gpu * service.count for service in group.services)
        if wanted > len(self.gpus):
            raise BadManifest(
                f"the group asks for {wanted} GPUs and this host offers {len(self.gpus)}", value=wanted
            )
        for service in group.services:
            await self._fetch(service)

    async def _fetch(self, service: Service) -> None:
        """Has the image on this host, or raises ImageRefused."""
        engine = await self._find_engine()
        if service.image.startswith("-"):
            raise ImageRefused(f"{service.image[:120]} is no image", value=service.image[:200])
        if (await engine.ask("image", "exists", service.image))[0] == 0:
            return
        said = "it is not on this host, which pulls none"
        if self.pull:
            try:
                status, _, err = await self._pull(engine, service)
                if status == 0:
                    return
                said = refusal(err)
            except TimedOut as error:
                said = error.sentence
        raise ImageRefused(
            f"the image {service.image[:120]} of {service.name} is not to be had: {said}",
            value=service.image[:200],
        )

    async def _pull(self, engine: Engine, service: Service) -> tuple[int, str, str]:
        name, words = qualify(service.image), ["pull", "--quiet"]
        credentials = service.credentials
        if credentials is None:
            return await engine.ask(*words, name, seconds=_PULL_SECONDS)
        import base64
        import tempfile

        pair = f"{credentials.username}:{credentials.password}".encode()
        auths = {"auths": {credentials.host: {"auth": base64.b64encode(pair).decode()}}}
        with tempfile.NamedTemporaryFile("w", suffix=".json") as file:  # 0600, and gone afterwards
            json.dump(auths, file)
            file.flush()
            return await engine.ask(*words, "--authfile", file.name, name, seconds=_PULL_SECONDS)

    def _plan(self, lease: str, group: ManifestGroup, limits: Limits, place: Path, scratch: Path) -> Plan:
        engine = self._engine
        assert engine is not None
        free = [gpu for gpu in self.gpus if gpu not in self._used_gpus()]
        replicas = []
        for service in group.services:
            for index in range(service.count):
                if service.resource.gpu > len(free):
                    raise BadManifest(
                        f"{service.name} asks for GPUs that others have", value=service.resource.gpu
                    )
                mine, free = free[: service.resource.gpu], free[service.resource.gpu :]
                replicas.append(self._replica(engine, group, service, index, limits, place, scratch, mine))
        return Plan(
            key=place.name,
            replicas=tuple(replicas),
            ports=find_ports(group),
            links=find_links(group),
            bind=self.bind,
            deadline=None if limits.seconds is None else self.clock() + limits.seconds,
            log_bytes=limits.log_bytes,
            output_rate=limits.output_rate,
            grace=self.grace,
        )

    def _replica(
        self,
        engine: Engine,
        group: ManifestGroup,
        service: Service,
        index: int,
        limits: Limits,
        place: Path,
        scratch: Path,
        gpus: list[str],
    ) -> Replica:
        resource, replica = service.resource, f"{service.name}-{index}"
        name, pidfile = f"weft-{place.name}-{replica}", str(place / replica / "pid")
        volumes, disk, layer = _volumes(service, place, scratch, replica)
        most = max((volume.size for volume in resource.storage), default=0)
        words = ["run", "--name", name, "--replace", "--label", f"{LABEL}={place.name}", "--pidfile", pidfile]
        words += ["--network", self.network, "--hostname", service.name, "--pull", "never"]
        words += ["--log-driver", "none", "--sig-proxy=false", "--security-opt", "no-new-privileges"]
        words += ["--cpus", f"{resource.cpu / 1000:.3f}", "--pids-limit", str(limits.processes)]
        words += ["--memory", f"{resource.memory}b", "--memory-swap", f"{resource.memory}b"]
        words += [*engine.placing, *engine.ulimits, "--ulimit", f"fsize={most}:{most}"]
        words += [*volumes, *self.options]
        for gpu in gpus:
            words += ["--device", gpu]
        for host, address in find_names(group, service).items():
            words += ["--add-host", f"{host}:{address}"]
        for variable, value in read_env(service).items():
            words += ["--env", f"{variable}={value}"]
        if service.command:
            words += ["--entrypoint", json.dumps(list(service.command))]
        words += [service.image, *(service.args or ())]
        container = Container(
            pidfile=pidfile,
            pause=engine.command("pause", name),
            resume=engine.command("unpause", name),
            end=engine.command("kill", "--signal", "TERM", name),
            kill=engine.command("kill", name),
            remove=engine.command("rm", "--force", "--time", "0", "--ignore", name),
            layer=engine.command("inspect", "--format", "{{.GraphDriver.Data.UpperDir}}", name),
            out_of_memory=engine.command("inspect", "--format", "{{.State.OOMKilled}}", name),
        )
        share = Share(
            memory=resource.memory,
            data=resource.memory,
            cpu=resource.cpu,
            processes=limits.processes,
            file_bytes=most,
            disk=tuple(disk),
            layer=layer,
        )
        return Replica(service.name, index, engine.command(*words), share, container)

    def _launcher(self) -> list[str]:
        """Rootless, the supervisor enters podman's user namespace, from where it reaches the containers'."""
        engine = self._engine
        return [engine.program, "unshare"] if engine is not None and engine.rootless else []

    async def _sweep(self, lease: str, place: Path) -> None:
        engine = await self._find_engine()
        label = f"label={LABEL}={place.name}"
        status, out, _ = await engine.ask("ps", "--all", "--quiet", "--filter", label)
        if status == 0 and out.split():
            await engine.ask("rm", "--force", "--time", "0", "--ignore", *out.split())

    def _used_gpus(self) -> set[str]:
        """The GPUs of leases that have not ended."""
        used: set[str] = set()
        for plan in self.folder.glob("lease-*/plan.json"):
            state = plan.with_name("state.json")
            kept = json.loads(state.read_text()) if state.exists() else {}
            if not kept.get("stopped"):
                words = {
                    word for replica in json.loads(plan.read_text())["replicas"] for word in replica["argv"]
                }
                used |= words & set(self.gpus)
        return used


def qualify(image: str) -> str:
    """An image's whole name: one without a registry is of Docker's hub, as the deployment file means it."""
    first, slash, _ = image.partition("/")
    if slash and ("." in first or ":" in first or first == "localhost"):
        return image
    return f"docker.io/{image}" if slash else f"docker.io/library/{image}"


def _volumes(
    service: Service, place: Path, scratch: Path, replica: str
) -> tuple[list[str], list[tuple[str, int]], int]:
    """Options for the volumes, the folders to watch, and how much the container itself may write."""
    places = {mount.name: mount for mount in (service.params.mounts if service.params else ())}
    words: list[str] = []
    disk: list[tuple[str, int]] = []
    layer = 0
    for volume in service.resource.storage:
        kind, mount = dict(volume.attributes), places.get(volume.name)
        if mount is None or not mount.mount:
            layer += volume.size
        elif kind.get("class") == "ram":
            words += ["--tmpfs", f"{mount.mount}:size={volume.size},mode=1777"]
        else:
            inside = Path("volumes", replica, volume.name)
            (scratch / inside).mkdir(parents=True)
            (scratch / inside).chmod(0o777)  # for the image's own user
            words += ["--volume", f"{place / inside}:{mount.mount}{':ro' if mount.read_only else ''}"]
            disk.append((str(place / inside), volume.size))
    return words, disk, layer


def _refuse_what_it_lacks(service: Service) -> None:
    lacks = [
        (any(expose.ip for expose in service.expose), "an address of its own", "ip"),
        (any(expose.proto != "TCP" for expose in service.expose), "UDP", "proto"),
        (bool(service.params and service.params.tee), "a trusted environment", "tee"),
        (bool(service.params and service.params.permissions), "rights to read its lease", "permissions"),
    ]
    for lacking, what, word in lacks:
        if lacking:
            raise BadManifest(
                f"the service {service.name} asks for {what}, which this executor does not give", value=word
            )
