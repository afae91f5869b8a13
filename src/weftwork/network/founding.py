"""Raising a network: a ledger as a child process, the contracts on it, the first subnet, coins for roles."""

from __future__ import annotations

import contextlib
import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from weftwork.errors import LedgerUnavailable, NetworkNotFound, NotFound, Reverted
from weftwork.network.home import Home
from weftwork.units import WAD

if TYPE_CHECKING:
    from weftwork.ledger import Account, Ledger
    from weftwork.ledger.deployment import Contracts
    from weftwork.network.role import Site

GENESIS = 1_000_000 * WAD
COINS = {"miner": 1_000 * WAD, "validator": 2_000 * WAD, "gateway": 5_000 * WAD}
"""What a role is funded with on a network of one's own, wad."""


@dataclass(slots=True)
class LedgerProcess:
    """An embedded ledger that serves JSON-RPC in a process of its own, which no gateway feels.

    It ends with this process, whatever becomes of it, and leaves Ctrl-C to it.
    """

    process: subprocess.Popen[str]
    path: Path
    url: str = ""

    @classmethod
    def spawn(
        cls,
        path: Path,
        *,
        port: int = 0,
        dev: bool = False,
        block_time: float = 0.0,
        origins: Iterable[str] = (),
    ) -> LedgerProcess:
        """Start it and return at once; :meth:`wait` says where it serves."""
        command = [sys.executable, "-m", "weftwork.ledger.serve", "--path", str(path), "--port", str(port)]
        command += ["--with-parent", str(os.getpid())]
        command += ["--dev"] if dev else []
        command += ["--block-time", str(block_time)] if block_time else []
        for origin in origins:
            command += ["--allow-origin", origin]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True)
        return cls(process, path)

    @classmethod
    def start(cls, path: Path, *, timeout: float = 180.0, **options: Any) -> LedgerProcess:
        """Start it and wait until it answers; raises :class:`LedgerUnavailable` with its own reason."""
        started = cls.spawn(path, **options)
        started.wait(timeout)
        return started

    def wait(self, timeout: float = 180.0) -> str:
        """Its URL, once it answers; raises :class:`LedgerUnavailable` with its own reason."""
        assert self.process.stdout is not None
        ready, _, _ = select.select([self.process.stdout], [], [], timeout)
        line = self.process.stdout.readline() if ready else ""
        told: dict[str, Any] = json.loads(line) if line.startswith("{") else {}
        if not told.get("ready"):
            self.process.kill()
            self.process.wait()
            error = told.get("error") or {}
            why = error.get(
                "message", f"it did not come up within {timeout:g} s" if not ready else "it ended"
            )
            raise LedgerUnavailable(
                f"the ledger process failed: {why}", value=str(self.path), hint=error.get("hint")
            )
        self.url = told["url"]
        return self.url

    def stop(self) -> None:
        """Ask it to end, and wait until it has."""
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        if self.process.stdout is not None:
            self.process.stdout.close()


def open_network(
    ledger: Ledger,
    founder: Account | None,
    *,
    tempo: int = 60,
    commit_blocks: int = 36,
    preset: str = "local",
) -> Contracts:
    """The network on ``ledger``; where there is none and a ``founder`` is given, it is raised with subnet 1
    and its compute layer.

    One that its founder left half done is finished by the same founder; of two that were raised at once the
    first stands. Raises :class:`NetworkNotFound`.
    """
    from weftwork.ledger.deployment import deploy_network, find_network

    try:
        contracts = find_network(ledger)
    except NetworkNotFound:
        if founder is None:
            raise
        deploy_network(ledger, founder, genesis={founder.address: GENESIS})
        contracts = find_network(ledger)
    if founder is not None and not _is_whole(ledger, contracts):
        _finish_network(ledger, contracts, founder, preset, tempo=tempo, commit_blocks=commit_blocks)
    if founder is not None:
        _add_compute(ledger, contracts, founder, preset, tempo=tempo, commit_blocks=commit_blocks)
    return contracts


def _add_compute(ledger: Ledger, contracts: Contracts, founder: Account, preset: str, **options: int) -> None:
    """The compute layer beside a network, with its checkers' subnets, where ``founder`` deployed it."""
    from weftwork.ledger.annex import find_founder
    from weftwork.ledger.deployment_compute import deploy_compute, find_compute, open_panels
    from weftwork.spec.subnet import SUBNET_PRESETS

    if find_founder(ledger, contracts) != founder.address:
        return
    try:
        find_compute(ledger, contracts)
    except NetworkNotFound:
        deploy_compute(ledger, founder, contracts)
    open_panels(ledger, contracts, founder, SUBNET_PRESETS[preset], **options)


def _is_whole(ledger: Ledger, contracts: Contracts) -> bool:
    """Whether every step of raising a network was made: Epochs mints, and there is a subnet."""
    minter = contracts.at(ledger, "token").call("is_minter", contracts.epochs)
    return bool(minter and contracts.at(ledger, "subnets").call("count"))


def _finish_network(
    ledger: Ledger, contracts: Contracts, founder: Account, preset: str, **options: int
) -> None:
    from weftwork.ledger.deployment import open_subnet
    from weftwork.spec.subnet import SUBNET_PRESETS

    steps: list[tuple[str, str, tuple[Any, ...]]] = [
        ("stakes", "bind", (contracts.subnets, contracts.epochs)),
        ("subnets", "bind", (contracts.weights, contracts.epochs)),
        ("channels", "bind", (contracts.epochs,)),
    ]
    if not contracts.at(ledger, "token").call("is_minter", contracts.epochs):
        for part, function, args in steps:
            with contextlib.suppress(Reverted):  # it was made before
                contracts.at(ledger, part).send(founder, function, *args)
        with contextlib.suppress(Reverted):  # by another's leave
            contracts.at(ledger, "token").send(founder, "set_minter", contracts.epochs, True)
    if contracts.at(ledger, "subnets").call("count") == 0:
        try:
            open_subnet(ledger, contracts, founder, SUBNET_PRESETS[preset], **options)
        except Reverted:
            if contracts.at(ledger, "subnets").call("count") == 0:
                raise
    if not _is_whole(ledger, contracts):
        raise NetworkNotFound(
            f"the network at {contracts.epochs} was left half raised by another",
            value=contracts.epochs,
            hint="its founder finishes it by starting again",
        )


def wait_for_network(
    ledger: Ledger, timeout: float = 60.0, say: Callable[[str], None] = lambda text: None
) -> Contracts:
    """The network on ``ledger``, waiting for whoever raises it; raises :class:`NetworkNotFound`."""
    from weftwork.ledger.deployment import find_network

    end = time.monotonic() + timeout
    told = False
    while True:
        try:
            contracts = find_network(ledger)
            if _is_whole(ledger, contracts):
                return contracts
            missing = NetworkNotFound("the network on this ledger is half raised", value=contracts.epochs)
        except NetworkNotFound as error:
            missing = error
        if time.monotonic() > end:
            raise NetworkNotFound(
                f"{missing.sentence}, after {timeout:g} s of waiting",
                value=missing.value,
                hint="raise one: weft up --roles gateway --ledger URL --fund-from KEYFILE --found",
            )
        if not told:
            say("waiting for a network on this ledger")
            told = True
        time.sleep(0.5)


def find_treasury(home: Home, given: str | None = None) -> Account | None:
    """The account that funds new roles: the key in file ``given``, else this home's treasury."""
    from weftwork.ledger import Account, read_treasury

    if given is not None:
        path = Path(given).expanduser()
        if not path.is_file():
            raise NotFound(
                f"there is no key file {given}", value=given, hint="a file that holds 64 hexadecimal digits"
            )
        return Account.from_key(path.read_text().strip())
    path = home.path / "ledger"
    return read_treasury(path) if (path / "treasury.key").exists() else None


def open_site(
    home: Home,
    name: str,
    ledger: Ledger,
    contracts: Contracts,
    funder: Account | None,
    *,
    coins: int | None = None,
    local: bool = True,
) -> Site:
    """What the role ``name`` stands on in ``home``: its key (funded if somebody funds it), its store."""
    from weftwork.network.enrol import fund
    from weftwork.network.role import Site
    from weftwork.store import Store

    account = home.account(name)
    role = name.split("-")[0]
    if funder is not None and funder.address != account.address:
        fund(ledger, contracts, funder, account.address, coins=COINS.get(role, 0) if coins is None else coins)
    return Site(ledger, contracts, account, Store(home.store_path(name)), local)
