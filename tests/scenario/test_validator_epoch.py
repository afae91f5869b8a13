"""Validators ask as clients do, judge what they get, and close an epoch together; who is bad at the work
earns less."""

from __future__ import annotations

import json
from typing import Any

import pytest
from harness.judges import WiseEngine, add_validator, stop_validator

from weftwork import closing
from weftwork.errors import BadConfig, Refused, Reverted, Unavailable
from weftwork.models.evidence import recompute_score
from weftwork.models.gateway.app import Setting
from weftwork.models.gateway.route import Policy
from weftwork.models.job import Terms
from weftwork.models.probe import Doors
from weftwork.models.validator import Validator
from weftwork.network.devnet import Devnet
from weftwork.network.rogue import ColludingValidator, LazyEngine, ReplayEngine, StallEngine
from weftwork.spec.merkle import hash_leaf, merkle_root
from weftwork.units import WAD

EAGER = Setting(policy=Policy(explore=0.5, hedge=False))


class Town:
    """Four miners of four characters, two gateways, three validators of which one is bought."""

    def __init__(self, net: Devnet) -> None:
        self.net = net
        self.validators: dict[str, Any] = {}

    async def settle_in(self) -> None:
        net = self.net
        terms = Terms(seconds=0.2)
        wise = WiseEngine()
        claims = wise.describe()
        for name, engine in {
            "wise": wise,
            "sloppy": WiseEngine(slip=4),
            "lazy": LazyEngine(claims=claims),
            "replaying": ReplayEngine(WiseEngine(), learn=3, claims=claims),
            "stalling": StallEngine(claims),
        }.items():
            await net.add_miner(name, engine, model="weft-intent", terms=terms)
        gateways = [await net.add_gateway(name, setting=EAGER) for name in ("north", "south")]
        for place, (name, kind) in enumerate(
            {"ada": Validator, "bea": Validator, "cut": ColludingValidator}.items()
        ):
            self.validators[name] = await add_validator(
                net, name, gateways, kind=kind, seed=place, stake=100 * WAD
            )
        self.validators["cut"].favourite = self.uid("lazy")
        net.end_epoch(net.epoch)

    def uid(self, name: str) -> int:
        place = self.net.miners[name].place
        assert place is not None
        assert place.uid is not None
        return place.uid

    def coins(self, name: str) -> int:
        return self.net.coins([self.net.miners[name].site.account.address])

    async def leave(self) -> None:
        for validator in self.validators.values():
            await stop_validator(validator)


async def test_an_epoch_from_questions_to_paid_claims() -> None:
    async with Devnet(tempo=400, commit_blocks=300) as net:
        town = Town(net)
        await town.settle_in()
        ada, bea, cut = town.validators.values()
        before = {name: town.coins(name) for name in net.miners}

        epoch = ada.ballot.phase().epoch
        for validator in (ada, bea, cut):
            outcomes = await validator.probe(30)
            assert sum(outcome.score is not None for outcome in outcomes) >= 20

        heard = ada.standing.table()
        assert heard[town.uid("wise")] == 1_000_000
        assert heard[town.uid("wise")] > heard[town.uid("sloppy")] > heard[town.uid("lazy")]
        assert town.uid("stalling") not in heard, "who never answers is never judged, and never weighed"

        with pytest.raises(Refused):
            await ada.reveal()
        assert [await v.commit() for v in (ada, bea, cut)] == [epoch] * 3
        sealed = await ada._http.get_json(f"{ada.running.url}/v1/scores/{epoch}")
        assert sealed.status == 403, "scores stay sealed until the reveal"
        net.open_reveals(epoch)
        with pytest.raises(Refused):
            await ada.commit()
        for validator in (ada, bea, cut):
            assert await validator.reveal() == epoch
        with pytest.raises(Reverted):
            await ada.reveal()

        told = await ada._http.get_json(f"{ada.running.url}/v1/scores/{epoch}")
        check_scores(told.body)

        net.end_epoch(epoch)
        await ada.close()
        plan = closing.verify_closing(net.ledger, net.contracts, net.subnet, epoch)
        assert net.contracts.at(net.ledger, "epochs").call("next_close", net.subnet) == epoch + 1
        assert await bea.close() == [], "who comes second finds it done"

        gained = {name: town.coins(name) - before[name] for name in net.miners}
        assert gained["wise"] > gained["sloppy"] > gained["lazy"], gained
        assert gained["sloppy"] > gained["replaying"], gained
        assert gained["stalling"] == 0
        assert plan.result is not None
        dividends = {v.ballot.uid: plan.result.dividends[v.ballot.uid] for v in (ada, cut)}
        assert dividends[cut.ballot.uid] < dividends[ada.ballot.uid], "the bought validator earns less"

        await thread_reaches_the_payment(town, ada, epoch)
        await town.leave()


def check_scores(body: dict[str, Any]) -> None:
    """Scores that a validator shows are those behind its weights, and follow from their evidence."""
    rows = body["scores"]
    assert rows
    for row in rows:
        assert recompute_score(row["evidence"]) == row["score"]["value"]
        assert json.loads(row["evidence"])["rule"] == "intent"
    names = sorted(bytes.fromhex(row["score"]["id"][2:]) for row in rows)
    assert str(merkle_root([hash_leaf(name) for name in names])) == body["weights"]["scores"]


async def thread_reaches_the_payment(town: Town, validator: Any, epoch: int) -> None:
    """From a question's first record the store leads to the closing and its payments."""
    score = next(
        item for item in validator.store.by_kind("score", 100) if item.record.uid == town.uid("wise")
    )
    await validator.store.flushed()
    kinds = [
        (item.record if hasattr(item, "record") else item).kind for item in validator.store.thread(score.id)
    ]
    for kind in ("request", "receipt", "score", "weights", "closing", "payment"):
        assert kind in kinds, kinds


async def test_validator_needs_two_gateways() -> None:
    from random import Random

    class Door:
        url = "http://one"

    with pytest.raises(BadConfig):
        Doors([Door(), Door()], Random(1))  # type: ignore[list-item]


async def test_validator_that_restarts_after_its_commitment_reveals_the_same_weights(tmp_path: Any) -> None:
    from weftwork.closing.ballot import Ballot
    from weftwork.store import Store

    async with Devnet(tempo=400, commit_blocks=300) as net:
        await net.add_miner("wise", WiseEngine(), model="weft-intent")
        await net.add_miner("sloppy", WiseEngine(slip=2), model="weft-intent")
        gateways = [await net.add_gateway(name, setting=EAGER) for name in ("north", "south")]
        store = Store(tmp_path / "ada.db")
        ada = await add_validator(net, "ada", gateways, store=store)
        net.end_epoch(net.epoch)
        await ada.probe(8)
        epoch = await ada.commit()
        await stop_validator(ada)
        store.close()

        store = Store(tmp_path / "ada.db")
        again = Ballot(net.ledger, net.contracts, ada.account, net.subnet, ada.ballot.uid, store)
        again.commit(epoch, {0: 65535})
        net.open_reveals(epoch)
        again.reveal(epoch)
        shown = net.contracts.at(net.ledger, "weights").events("WeightsRevealed", subnet=net.subnet)
        assert dict(zip(shown[0].args["uids"], shown[0].args["values"], strict=True)) == ada.weights()
        store.close()


async def test_minority_cannot_close_before_the_window_and_the_majority_can_after_it() -> None:
    async with Devnet(tempo=400, commit_blocks=300) as net:
        await net.add_miner("wise", WiseEngine(), model="weft-intent")
        gateways = [await net.add_gateway(name, setting=EAGER) for name in ("north", "south")]
        large = await add_validator(net, "large", gateways, stake=120 * WAD)
        small = await add_validator(net, "small", gateways, stake=80 * WAD, seed=2)
        net.end_epoch(net.epoch)
        epoch = large.ballot.phase().epoch
        for validator in (large, small):
            await validator.probe(3)
            await validator.commit()
        net.open_reveals(epoch)
        for validator in (large, small):
            await validator.reveal()
        net.end_epoch(epoch)
        await large.running.stop()
        with pytest.raises(Unavailable):
            await small.close()
        await small.running.stop()
        with pytest.raises(Unavailable):
            await large.close()
        net.mine_to(net.first_block(epoch + 1) + 6)
        assert epoch in await large.close()
        for validator in (large, small):
            await stop_validator(validator)
