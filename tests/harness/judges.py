"""Validators on a devnet, and an engine that understands the few sentences they ask in tests."""

from __future__ import annotations

import re
from collections.abc import Mapping
from random import Random
from typing import Any

from weftwork.closing.ballot import Ballot
from weftwork.models.client import Client
from weftwork.models.engine.echo import EchoEngine
from weftwork.models.engine.port import read_question
from weftwork.models.intent import Intent
from weftwork.models.probe import Doors
from weftwork.models.subnet.intent import IntentSubnet
from weftwork.models.subnet.port import Worker
from weftwork.models.validator import Peer, Validator
from weftwork.network.devnet import Devnet
from weftwork.network.discovery import read_neurons
from weftwork.network.enrol import enrol_neuron, open_channel
from weftwork.network.role import GatewayRole
from weftwork.store import Store
from weftwork.units import WAD

_TOKENS = ("ETH", "USDC", "DAI", "SOL", "BTC")
_RULES = (
    (r"send (\d+) (\w+) to (\w+)", "transfer", ("amount", "token", "to")),
    (r"swap (\d+) (\w+) for (\w+)", "swap", ("amount", "sell", "buy")),
    (r"stake (\d+) (\w+)", "stake", ("amount", "token")),
    (r"repay (\d+) (\w+)", "repay", ("amount", "token")),
    (r"stop out my (\w+) at (\d+)", "stop_loss", ("token", "price")),
)


def make_sentence(rng: Random) -> tuple[str, dict[str, str]]:
    """One plain request and its meaning."""
    a, b = rng.sample(_TOKENS, 2)
    n, who = rng.randint(1, 5000), "".join(rng.choice("abdeiklmnorst") for _ in range(6))
    forms = (
        f"send {n} {a} to {who}",
        f"swap {n} {a.lower()} for {b}",
        f"stake {n} {a}",
        f"repay {n} {b.lower()}",
        f"stop out my {a} at {n}",
        f"what do you think of {a}?",
    )
    text = rng.choice(forms)
    return text, understand(text)


def understand(text: str) -> dict[str, str]:
    """What one of those requests means."""
    for pattern, kind, slots in _RULES:
        found = re.search(pattern, text)
        if found:
            words = zip(slots, found.groups(), strict=True)
            return {"intent": kind} | {slot: word if slot == "to" else word.upper() for slot, word in words}
    return {"intent": "none"}


class WiseEngine(EchoEngine):
    """Understands each request; every ``slip``-th answer is wrong (0: none)."""

    def __init__(self, slip: int = 0) -> None:
        super().__init__("wise", self.answer, model="weft-intent")
        self.slip = slip
        self.asked = 0

    def answer(self, body: Mapping[str, Any]) -> str:
        self.asked += 1
        if self.slip and self.asked % self.slip == 0:
            return '{"intent":"none"}' if "think of" not in read_question(body) else "{}"
        meaning = understand(read_question(body))
        return Intent(meaning.pop("intent"), tuple(meaning.items())).encode()


async def add_validator(
    net: Devnet,
    name: str,
    gateways: list[GatewayRole],
    *,
    stake: int = 100 * WAD,
    kind: type[Validator] = Validator,
    seed: int = 1,
    store: Store | None = None,
    **options: Any,
) -> Validator:
    """A validator that asks through ``gateways``, with a seat from the next epoch on."""
    site = net.site(name, 2_000 * WAD)
    rng = Random(seed)
    domains = net.contracts.domains
    doors = []
    for place, gateway in enumerate(gateways):
        payer = net.site(f"{name} payer {place}", 50 * WAD)
        open_channel(net.ledger, net.contracts, payer.account, gateway.site.account.address, 20 * WAD)
        client = Client(payer.account, gateway.url, domains, local=True, deposit=20 * WAD)
        doors.append(client)
    ballot = Ballot(net.ledger, net.contracts, site.account, net.subnet, -1, store or site.store)

    async def roster() -> list[Worker]:
        return [
            Worker(n.uid, n.wallet, n.card.model, n.card.engine, n.card.endpoint)
            for n in read_neurons(net.ledger, net.contracts, net.subnet)
            if n.card is not None and n.card.role == "miner"
        ]

    async def peers() -> list[Peer]:
        return [
            Peer(n.wallet, n.card.endpoint)
            for n in read_neurons(net.ledger, net.contracts, net.subnet)
            if n.card is not None and n.card.role == "validator"
        ]

    validator = kind(
        site.account,
        IntentSubnet(sentence=make_sentence),
        ballot,
        Doors(doors, rng),
        store or site.store,
        domains,
        roster=roster,
        peers=peers,
        local=True,
        rng=rng,
        name=name,
        **options,
    )
    running = await validator.start()
    uri = validator.registration(running.url).to_uri()
    enrolled = enrol_neuron(
        net.ledger, net.contracts, site.account, net.subnet, uri, stake=stake, validate=True
    )
    assert enrolled.uid is not None
    ballot.uid = enrolled.uid
    return validator


async def stop_validator(validator: Validator) -> None:
    """Stops a validator and closes its clients."""
    await validator.stop()
    for door in validator.doors._doors:
        await door.close()  # type: ignore[attr-defined]
