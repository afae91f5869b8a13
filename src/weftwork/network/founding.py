"""Raising a network: a ledger as a child process, the contracts on it, the first subnet, coins for roles."""

from __future__ import annotations

import json
import select
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from weftwork.errors import LedgerUnavailable, NetworkNotFound, NotFound
from weftwork.network.enrol import fund
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
    """An embedded ledger that serves JSON-RPC in a process of its own, which no gateway feels."""

    url: str
    process: subprocess.Popen[str]

    @classmethod
    def start(
        cls, path: Path, *, port: int = 0, dev: bool = False, block_time: float = 0.0, timeout: float = 30.0
    ) -> LedgerProcess:
        """Start it and wait until it answers; raises :class:`LedgerUnavailable` with its own reason."""
        command = [sys.executable, "-m", "weftwork.ledger.serve", "--path", str(path), "--port", str(port)]
        command.append("--with-parent")
        command += ["--dev"] if dev else []
        command += ["--block-time", str(block_time)] if block_time else []
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        ready, _, _ = select.select([process.stdout], [], [], timeout)
        line = process.stdout.readline() if ready else ""
        told: dict[str, Any] = json.loads(line) if line.startswith("{") else {}
        if not told.get("ready"):
            process.kill()
            process.wait()
            why = (told.get("error") or {}).get("message", "it did not come up")
            raise LedgerUnavailable(f"the ledger process failed: {why}", value=str(path))
        return cls(told["url"], process)

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
    """The network on ``ledger``; where there is none and a ``founder`` is given, it is raised with subnet 1.

    Raises :class:`NetworkNotFound`.
    """
    from weftwork.ledger.deployment import deploy_network, find_network, open_subnet
    from weftwork.spec.subnet import SUBNET_PRESETS

    try:
        return find_network(ledger)
    except NetworkNotFound:
        if founder is None:
            raise
    contracts = deploy_network(ledger, founder, genesis={founder.address: GENESIS})
    open_subnet(ledger, contracts, founder, SUBNET_PRESETS[preset], tempo=tempo, commit_blocks=commit_blocks)
    return contracts


def wait_for_network(ledger: Ledger, timeout: float = 60.0) -> Contracts:
    """The network on ``ledger``, waiting for whoever raises it; raises :class:`NetworkNotFound`."""
    from weftwork.ledger.deployment import find_network

    end = time.monotonic() + timeout
    while True:
        try:
            return find_network(ledger)
        except NetworkNotFound:
            if time.monotonic() > end:
                raise
            time.sleep(0.5)


def find_treasury(home: Home, given: str | None = None) -> Account | None:
    """The account that funds new roles: the key in file ``given``, else this home's treasury."""
    from weftwork.ledger import Account
    from weftwork.ledger.embedded import read_treasury

    if given is not None:
        path = Path(given).expanduser()
        if not path.exists():
            raise NotFound(f"there is no key file {given}", value=given)
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
    from weftwork.network.role import Site
    from weftwork.store import Store

    account = home.account(name)
    role = name.split("-")[0]
    if funder is not None and funder.address != account.address:
        fund(ledger, contracts, funder, account.address, coins=COINS.get(role, 0) if coins is None else coins)
    return Site(ledger, contracts, account, Store(home.store_path(name)), local)
