"""Roles that come and go: doors follow gateways, a home has one holder, a founder finishes what it began."""

from __future__ import annotations

import asyncio
from pathlib import Path
from random import Random

import pytest

from weftwork import ledger
from weftwork.errors import Refused, Unavailable, Unreachable
from weftwork.ledger.deployment import deploy_network
from weftwork.models.probe import Doors
from weftwork.models.subnet import open_subnet_rule
from weftwork.network.devnet import Devnet
from weftwork.network.founding import GENESIS, open_network
from weftwork.network.home import Home, joined_home
from weftwork.network.judge import ValidatorRole
from weftwork.units import WAD


class Way:
    """A door that notes what was paid."""

    def __init__(self, url: str, paid: list[str]) -> None:
        self.url = url
        self.paid = paid

    async def ask(self, question: object) -> object:
        return question

    async def pay(self) -> int:
        self.paid.append(self.url)
        return 0


async def test_doors_follow_gateways_and_pay_where_they_leave() -> None:
    paid: list[str] = []

    async def make(url: str) -> Way:
        if url == "dead":
            raise Unreachable("nobody is there", value=url)
        return Way(url, paid)

    doors = Doors([Way("a", paid), Way("b", paid)], Random(1), make=make)
    await doors.follow(["b", "c", "dead"])
    assert (doors.urls, paid) == (["b", "c"], ["a"])
    await doors.follow(["dead"])
    assert doors.urls == ["c"], "the last door is kept until another opens"
    for _ in range(100):
        assert (await doors.pick()).url == "c"


async def test_validator_waits_for_gateways_that_come_later_and_gives_up_in_time() -> None:
    async with Devnet() as net:
        rule = open_subnet_rule("intent")
        hasty = ValidatorRole(net.site("hasty", 2_000 * WAD), net.subnet, rule, least=2, patience=0.0)
        with pytest.raises(Unavailable, match="0 of 2 gateways"):
            await hasty.start()
        await hasty.stop()
        said: list[str] = []
        told = asyncio.Event()

        def say(text: str) -> None:
            said.append(text)
            told.set()

        patient = ValidatorRole(net.site("patient", 2_000 * WAD), net.subnet, rule, least=2)
        starting = asyncio.get_running_loop().create_task(patient.start(say))
        await told.wait()
        await net.add_gateway("ada")
        await net.add_gateway("bob")
        await starting
        assert said[0] == "waiting for gateways: 0 of 2 answer"
        assert set(patient.validator.doors.urls) == {g.url for g in net.gateways.values()}
        await patient.stop()


async def test_no_coin_is_locked_for_a_miner_that_is_not_there() -> None:
    from weftwork.models.engine import open_engine

    async with Devnet() as net:
        gone = await net.add_miner("gone", open_engine("echo"))
        await gone.miner.running.stop()  # type: ignore[union-attr]
        here = await net.add_miner("here", open_engine("echo"))
        gateway = await net.add_gateway()
        channels, payer = net.contracts.at(net.ledger, "channels"), gateway.site.account.address
        assert channels.call("channel_of", payer, gone.site.account.address).deposited == 0
        assert channels.call("channel_of", payer, here.site.account.address).deposited == gateway.deposit
        assert await gateway.discover() == 1


def test_founder_finishes_what_it_began() -> None:
    with ledger.connect("embedded:") as chain:
        founder = chain.treasury()
        begun = deploy_network(chain, founder, genesis={founder.address: GENESIS})
        begun.at(chain, "token").send(founder, "set_minter", begun.epochs, False)
        for _ in range(2):
            contracts = open_network(chain, founder)
            assert contracts == begun
            assert contracts.at(chain, "token").call("is_minter", contracts.epochs)
            assert contracts.at(chain, "subnets").call("count") == 3


def test_home_has_one_holder_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEFT_HOME", str(tmp_path))
    first = joined_home("miner")
    second = joined_home("miner")
    assert (first.path.name, second.path.name) == ("joined-miner", "joined-miner-2")
    with pytest.raises(Refused, match="runs already"):
        joined_home("miner", exact=True)
    assert Home.open(first.path, create=True).is_running
    first.release()
    assert not Home.open(first.path, create=True).is_running
    assert joined_home("miner", exact=True).path == first.path
