"""Validators among themselves: votes travel signed, no closing but the one is signed, and scores stay
sealed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from harness.judges import WiseEngine, add_validator, stop_validator
from pydantic_core import to_json

from weftwork.closing import Vote
from weftwork.errors import Refused, Reverted, Unavailable
from weftwork.ledger.key import Account
from weftwork.models.gateway.app import Setting
from weftwork.models.gateway.route import Policy
from weftwork.models.validator import Validator
from weftwork.network.devnet import Devnet
from weftwork.units import WAD, Digest
from weftwork.wire.envelope import sign_call

EAGER = Setting(policy=Policy(explore=0.5, hedge=False))


class Bench:
    """Two validators of equal stake, and an epoch that both have weighed and that has ended."""

    def __init__(self, net: Devnet, ada: Validator, bea: Validator, epoch: int) -> None:
        self.net, self.ada, self.bea, self.epoch = net, ada, bea, epoch

    def body(self, **changes: Any) -> bytes:
        plan = self.ada.ballot.plan(self.epoch)
        vote = self.ada.ballot.vote(plan)
        closing = plan.closing.replace(**changes)
        return to_json({"closing": closing.to_json(), "vote": None if changes else vote.to_json()})

    async def post(self, body: bytes, sender: Any = None, **options: Any) -> Any:
        assert self.bea.running is not None
        head = sign_call(
            sender or self.ada.account, "POST", "/v1/vote", body, self.bea.account.address,
            self.ada._domain, now=int(self.ada._now()), **options,
        )  # fmt: skip
        return await self.ada._http.post_json(self.bea.running.url + "/v1/vote", body, head)


@asynccontextmanager
async def bench() -> AsyncIterator[Bench]:
    async with Devnet(tempo=400, commit_blocks=300) as net:
        await net.add_miner("wise", WiseEngine(), model="weft-intent")
        await net.add_miner("sloppy", WiseEngine(slip=2), model="weft-intent")
        gateways = [await net.add_gateway(name, setting=EAGER) for name in ("north", "south")]
        ada = await add_validator(net, "ada", gateways)
        bea = await add_validator(net, "bea", gateways, seed=2)
        net.end_epoch(net.epoch)
        epoch = ada.ballot.phase().epoch
        for validator in (ada, bea):
            await validator.probe(4)
            await validator.commit()
        net.open_reveals(epoch)
        for validator in (ada, bea):
            await validator.reveal()
        net.end_epoch(epoch)
        while ada.ballot.next_close() < epoch:
            ada.ballot.plan(ada.ballot.next_close())
        yield Bench(net, ada, bea, epoch)
        for validator in (ada, bea):
            await stop_validator(validator)


async def test_peers_exchange_votes_and_refuse_what_is_not_theirs_to_sign() -> None:
    async with bench() as b:
        good = b.body()
        reply = await b.post(good)
        assert reply.status == 200
        assert reply.body["vote"]["uid"] == b.bea.ballot.uid
        unsigned = await b.ada._http.post_json(b.bea.running.url + "/v1/vote", good)  # type: ignore[union-attr]
        assert unsigned.status == 401
        stranger = await b.post(good, Account.create("stranger"))
        assert stranger.status == 403
        again = await b.post(good, nonce=b"n" * 32)
        assert again.status == 200
        assert (await b.post(good, nonce=b"n" * 32)).status == 409, "the same call twice"
        stale = await b.post(good, lifetime=-5)
        assert stale.status == 409
        other = await b.post(b.body(payout=1))
        assert other.status == 422
        assert "payout" in other.body["error"]["message"]
        for junk in (b"{}", b"[]", b"no", to_json({"closing": {"kind": "receipt"}}), b'{"closing":7}'):
            assert (await b.post(junk)).status == 400
        early = b.body(epoch=b.epoch + 1)
        assert (await b.post(early)).status == 404


async def test_two_validators_that_close_at_once_both_succeed() -> None:
    async with bench() as b:
        results = await asyncio.gather(b.ada.close(), b.bea.close(), return_exceptions=True)
        assert not [result for result in results if isinstance(result, Exception)], results
        assert b.ada.ballot.next_close() == b.epoch + 1


async def test_peer_that_signs_two_closings_is_reported_and_slashed() -> None:
    async with bench() as b:
        plan = b.ada.ballot.plan(b.epoch)
        wrong = plan.closing.replace(payout=1)
        signature = b.ada.account.sign_hash(wrong.digest(b.net.contracts.domains.of("closing")))
        stray = Vote(b.ada.ballot.uid, signature)
        stakes = b.net.contracts.at(b.net.ledger, "stakes")
        agent = plan.snapshot.agents[b.ada.ballot.uid]
        before = stakes.call("stake_of", b.net.subnet, agent, b.ada.account.address)
        told = await b.post(to_json({"closing": wrong.to_json(), "vote": stray.to_json()}))
        assert told.status == 422
        forged = Vote(b.bea.ballot.uid, signature)
        assert (await b.post(to_json({"closing": wrong.to_json(), "vote": forged.to_json()}))).status == 401
        assert (await b.post(b.body())).status == 200
        assert b.bea.exchange.reported == [b.ada.ballot.uid]
        assert stakes.call("stake_of", b.net.subnet, agent, b.ada.account.address) < before


async def test_exactly_half_of_the_stake_closes_nothing_and_the_epoch_is_skipped_in_the_end() -> None:
    async with bench() as b:
        assert b.bea.running is not None
        await b.bea.running.stop()
        with pytest.raises(Unavailable):
            await b.ada.close()
        b.net.mine_to(b.net.first_block(b.epoch + 1) + 10)
        with pytest.raises(Unavailable):
            await b.ada.close()
        b.net.mine_to(b.net.first_block(b.epoch + 4))
        assert b.epoch in await b.ada.close()
        assert not b.ada.ballot.is_closed(b.epoch)


async def test_validator_never_signs_two_closings_of_one_epoch() -> None:
    async with bench() as b:
        plan = b.ada.ballot.plan(b.epoch)
        b.ada.ballot.vote(plan)
        b.ada.store.set_state(f"{b.ada.ballot._prefix}vote:{b.epoch}", str(Digest(b"\1" * 32)))
        with pytest.raises(Refused):
            b.ada.ballot.vote(plan)


async def test_scores_are_sealed_before_the_reveal_and_unknown_epochs_are_not_there() -> None:
    async with bench() as b:
        assert b.ada.running is not None
        get = b.ada._http.get_json
        assert (await get(f"{b.ada.running.url}/v1/scores/{b.epoch}")).status == 200
        assert (await get(f"{b.ada.running.url}/v1/scores/{b.epoch + 1}")).status == 403
        assert (await get(f"{b.ada.running.url}/v1/scores/0")).status == 404
        assert (await get(f"{b.ada.running.url}/v1/scores/soon")).status == 400
        told = (await get(f"{b.ada.running.url}/v1/describe")).body
        assert (told["uid"], told["rule"]) == (b.ada.ballot.uid, "intent")


async def test_validator_cannot_reveal_other_weights_than_it_committed_nor_a_copied_commitment() -> None:
    async with Devnet(tempo=400, commit_blocks=300) as net:
        await net.add_miner("wise", WiseEngine(), model="weft-intent")
        gateways = [await net.add_gateway(name, setting=EAGER) for name in ("north", "south")]
        ada = await add_validator(net, "ada", gateways)
        thief = await add_validator(net, "thief", gateways, seed=2)
        net.end_epoch(net.epoch)
        epoch = ada.ballot.phase().epoch
        await ada.probe(3)
        await ada.commit()
        weights = net.contracts.at(net.ledger, "weights")
        seen = weights.call("commitments", net.subnet, epoch, ada.ballot.uid).hash
        weights.send(thief.account, "commit_weights", net.subnet, thief.ballot.uid, seen)
        net.open_reveals(epoch)
        kept = ada.ballot.committed(epoch)
        assert kept is not None
        key = f"{ada.ballot._prefix}{epoch}"
        ada.store.set_state(key, {**kept, "values": [value - 1 for value in kept["values"]]})
        with pytest.raises(Reverted, match="reveal differs from the commitment"):
            await ada.reveal()
        ada.store.set_state(key, kept)
        assert await ada.reveal() == epoch
        shown = (
            kept["uids"],
            kept["values"],
            kept["version"],
            ada.ballot.sampling_key(epoch),
            ada.ballot._salt(epoch),
        )
        with pytest.raises(Reverted, match="reveal differs from the commitment"):
            weights.send(thief.account, "reveal_weights", net.subnet, thief.ballot.uid, *shown)
        for validator in (ada, thief):
            await stop_validator(validator)


async def test_validator_by_itself_follows_the_chain_through_an_epoch() -> None:
    async with Devnet(tempo=400, commit_blocks=300) as net:
        await net.add_miner("wise", WiseEngine(), model="weft-intent")
        gateways = [await net.add_gateway(name, setting=EAGER) for name in ("north", "south")]
        looks = asyncio.Event()

        async def sleep(seconds: float) -> None:
            looks.set()
            await asyncio.sleep(0)

        ada = await add_validator(net, "ada", gateways, stake=50 * WAD, sleep=sleep, rate=1.0)
        net.end_epoch(net.epoch)
        epoch = ada.ballot.phase().epoch
        running = asyncio.ensure_future(ada.run(least=3))

        async def until(done: Any) -> None:
            async with asyncio.timeout(30):
                while not done():
                    looks.clear()
                    await looks.wait()

        await until(lambda: ada._committed == epoch)
        net.open_reveals(epoch)
        await until(lambda: ada._revealed == epoch)
        net.end_epoch(epoch)
        await until(lambda: ada.ballot.next_close() == epoch + 1)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await stop_validator(ada)
