"""A whole network in this process: embedded ledger, contracts, one subnet, and the roles added to it.

    async with Devnet() as net:
        await net.add_miner("ada", open_engine("echo"), model="echo")
        gateway = await net.add_gateway()

It is the double that ships: the same roles, the same contracts and real HTTP on loopback, in memory or in a
folder. Time on its ledger stands still between transactions, so a test or the demo decides when epochs end.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from random import Random
from typing import TYPE_CHECKING, Any

from weftwork.models.gateway.app import Setting
from weftwork.models.job import Terms
from weftwork.network.founding import COINS, open_network
from weftwork.network.home import Home
from weftwork.network.judge import ValidatorRole
from weftwork.network.role import GatewayRole, MinerRole, Site
from weftwork.records import NO_ADDRESS
from weftwork.units import WAD

if TYPE_CHECKING:
    from weftwork.ledger import Account, Ledger
    from weftwork.ledger.deployment import Contracts
    from weftwork.ledger.deployment_compute import ComputeContracts
    from weftwork.models.engine.port import Engine
    from weftwork.models.subnet.port import Subnet

SUBNET = 1


class Devnet:
    """A network of its own ledger; ``home`` keeps ledger, keys and stores (None: all in memory)."""

    def __init__(
        self, home: Home | None = None, *, tempo: int = 400, commit_blocks: int = 300, seed: int = 0
    ) -> None:
        """``tempo``: blocks an epoch; the first ``commit_blocks`` of it are for commitments."""
        self.home = home
        self.subnet = SUBNET
        self.rng = Random(seed)
        self._tempo = tempo
        self._commit_blocks = commit_blocks
        self.ledger: Ledger
        self.contracts: Contracts
        self.compute: ComputeContracts
        self.founder: Account
        self.names: dict[str, str] = {}
        self.miners: dict[str, MinerRole] = {}
        self.gateways: dict[str, GatewayRole] = {}
        self.validators: dict[str, ValidatorRole] = {}
        self.sites: dict[str, Site] = {}
        self._roles: list[Any] = []

    async def __aenter__(self) -> Devnet:
        from weftwork import ledger
        from weftwork.ledger.deployment_compute import find_compute

        where = "" if self.home is None else str(self.home.path / "ledger")
        self.ledger = await asyncio.to_thread(ledger.connect, f"embedded:{where}", dev=True)
        self.founder = self.ledger.treasury()
        self.contracts = open_network(
            self.ledger, self.founder, tempo=self._tempo, commit_blocks=self._commit_blocks
        )
        self.compute = find_compute(self.ledger, self.contracts)
        self.names[self.founder.address] = "founder"
        return self

    async def __aexit__(self, *_: object) -> None:
        for role in reversed(self._roles):
            await role.stop()
        for site in self.sites.values():
            site.store.close()
        self.ledger.close()

    def site(self, name: str, coins: int) -> Site:
        """A funded key, a store and the ledger for the role ``name``."""
        from weftwork import ledger
        from weftwork.network.enrol import fund
        from weftwork.store import Store

        if self.home is None:
            account = ledger.Account.create(seed=f"{name} of a devnet")
            store = Store(None)
        else:
            account = self.home.account(name)
            store = Store(self.home.store_path(name))
        fund(self.ledger, self.contracts, self.founder, account.address, coins=coins)
        self.names[account.address] = name
        site = Site(self.ledger, self.contracts, account, store, rng=Random(self.rng.random()))
        self.sites[name] = site
        return site

    async def add_miner(
        self, name: str, engine: Engine, *, model: str | None = None, terms: Terms | None = None
    ) -> MinerRole:
        """A miner that serves ``engine``, enrolled on the subnet."""
        site = self.site(name, COINS["miner"])
        role = MinerRole(site, engine, self.subnet, model=model, terms=terms, name=name)
        await role.start()
        self.miners[name] = role
        self._roles.append(role)
        return role

    async def add_gateway(
        self, name: str = "gateway", *, setting: Setting | None = None, port: int = 0, **options: Any
    ) -> GatewayRole:
        """A gateway that has found the miners that are there now; :meth:`rediscover` finds later ones."""
        site = self.site(name, COINS["gateway"])
        role = GatewayRole(site, [self.subnet], setting=setting, port=port, every=3600.0, **options)
        await role.start()
        self.gateways[name] = role
        self._roles.append(role)
        return role

    async def add_validator(
        self, name: str, rule: Subnet, *, stake: int = 1_000 * WAD, **options: Any
    ) -> ValidatorRole:
        """A validator with ``stake`` wad, seated from the next epoch on, that asks through every gateway."""
        site = self.site(name, COINS["validator"] + stake)
        urls = [gateway.url for gateway in self.gateways.values()]
        role = ValidatorRole(site, self.subnet, rule, stake=stake, gateways=urls, name=name, **options)
        await role.start()
        self.validators[name] = role
        self._roles.append(role)
        return role

    async def rediscover(self) -> None:
        """Every gateway looks at the ledger again."""
        for gateway in self.gateways.values():
            await gateway.discover()

    # time

    def mine_to(self, block: int) -> None:
        """Let empty blocks pass until ``block`` is the next one's number."""
        missing = block - 1 - self.ledger.block_number()
        if missing > 0:
            self.ledger.rpc("evm_mine", {"blocks": missing})

    @property
    def epoch(self) -> int:
        """The epoch of the next block."""
        start, tempo, _ = self.contracts.at(self.ledger, "subnets").call("clocks", self.subnet)
        return int((self.ledger.block_number() + 1 - start) // tempo)

    def first_block(self, epoch: int) -> int:
        """The first block of ``epoch``."""
        return int(self.contracts.at(self.ledger, "subnets").call("first_block", self.subnet, epoch))

    def open_reveals(self, epoch: int) -> None:
        """Let time pass until weights of ``epoch`` are revealed."""
        self.mine_to(self.first_block(epoch) + self._commit_blocks)

    def end_epoch(self, epoch: int) -> None:
        """Let time pass until ``epoch`` has ended."""
        self.mine_to(self.first_block(epoch + 1))

    # money

    def coins(self, addresses: Iterable[str]) -> int:
        """What some addresses hold together, wad."""
        token = self.contracts.at(self.ledger, "token")
        return sum(int(token.call("balanceOf", address)) for address in dict.fromkeys(addresses))

    def is_conserved(self) -> bool:
        """Whether all coins that were ever minted are held by somebody known here, or burnt; to the unit."""
        token = self.contracts.at(self.ledger, "token")
        contracts = [getattr(self.contracts, n) for n in ("stakes", "subnets", "channels", "epochs")]
        contracts += [getattr(self.compute, n) for n in ("market", "jobs", "credits", "votes")]
        held = self.coins([*self.names, *contracts])
        burnt = sum(event.args["value"] for event in token.events("Transfer", receiver=NO_ADDRESS))
        return held == int(token.call("totalSupply")) == int(token.call("minted")) - burnt


def wad_text(amount: int) -> str:
    """An amount for people: whole coins and six decimals."""
    return f"{amount / WAD:,.6f}"
