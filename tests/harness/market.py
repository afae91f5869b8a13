"""A world of the compute market on the test EVM: tenants, a sponsor, providers who are agents, auditors."""

from __future__ import annotations

from typing import Any

from eth_utils import keccak

from harness.tokens import WAD, deploy_token
from harness.vm import Account, Contract, Vm
from weftwork.spec.market import Currency, Market, Params, Proof, Terms, find_order
from weftwork.spec.take import Split

START = 10**24
PARAMS = Params(bid_deposit=500, max_bids=3, cooldown=7, grace=10, min_window=5, max_window=50)
SPLIT = Split(providers=2_500, holders=4_000)
ATTRIBUTE = "region=us-west"
OFFER = keccak(text="offer")


def hash_attribute(text: str) -> bytes:
    """The digest of ``key=value``."""
    return keccak(text=text)


class MarketWorld:
    """Two tenants and a sponsor with both currencies; four providers, agents 0 to 3; auditors ann and bob."""

    def __init__(self) -> None:
        vm = self.vm = Vm()
        self.owner, self.sponsor, self.stranger = map(vm.account, ("owner", "sponsor", "stranger"))
        self.tenants = [vm.account("tenant0"), vm.account("tenant1")]
        self.providers = [vm.account(f"provider{n}") for n in range(4)]
        self.auditors = [vm.account("ann"), vm.account("bob")]
        self.pools = {name: vm.account(name) for name in ("providers", "community", "holders")}
        rich = [self.owner, self.sponsor, self.stranger, *self.tenants, *self.providers]
        self.network = deploy_token(vm, self.owner, rich, START)
        self.dollar = deploy_token(vm, self.owner, rich, START)
        self.identity = vm.deploy("IdentityRegistry", sender=self.owner)
        for number, provider in enumerate(self.providers):
            assert self.identity.register(sender=provider) == number
        self.validation = vm.deploy("ValidationRegistry", self.identity, sender=self.owner)
        income = (*self.pools.values(), SPLIT.providers, SPLIT.holders)
        self.market: Contract = vm.deploy(
            "Market",
            self.network,
            self.identity,
            self.validation,
            self.owner,
            params_of(PARAMS),
            income,
            sender=self.owner,
        )
        self.market.set_currency(self.network, True, 1_000, 20, sender=self.owner)
        self.market.set_currency(self.dollar, True, 2_000, 10, sender=self.owner)
        for account in rich:
            for token in (self.network, self.dollar):
                token.approve(self.market, 2**256 - 1, sender=account)
        self.declared: dict[int, set[str]] = {}
        self.signed: dict[int, dict[str, set[str]]] = {}
        self.requests: dict[tuple[int, str, str], bytes] = {}
        self.point = vm.snapshot()

    def mirror(self) -> Market:
        """The spec's market with the same parameters; tokens and people are named by their addresses."""
        currencies = {self.network.address: Currency(1_000, 20), self.dollar.address: Currency(2_000, 10)}
        return Market(self.network.address, PARAMS, SPLIT, currencies)

    def terms(self, one: Terms) -> tuple[Any, ...]:
        """The spec's terms as the contract takes them."""
        attributes = [hash_attribute(text) for text in one.attributes]
        return (OFFER, one.max_price, one.window, attributes, list(one.all_of), list(one.any_of))

    def declare(self, agent: int, attribute: str = ATTRIBUTE, holds: bool = True) -> None:
        """A provider says that it has an attribute."""
        self.market.declare(agent, [hash_attribute(attribute)], holds, sender=self.providers[agent])
        known = self.declared.setdefault(agent, set())
        (known.add if holds else known.discard)(attribute)

    def audit(self, agent: int, auditor: Account, attribute: str = ATTRIBUTE, answer: int = 100) -> bytes:
        """An auditor signs an attribute of a provider (or, with another answer, takes it back)."""
        key = (agent, auditor.address, attribute)
        request = self.requests.get(key)
        if request is None:
            request = self.requests[key] = keccak(text=repr(key))
            self.validation.validationRequest(auditor, agent, "", request, sender=self.providers[agent])
        self.validation.validationResponse(
            request, answer, "", hash_attribute(attribute), "weft.attribute", sender=auditor
        )
        signed = self.signed.setdefault(agent, {}).setdefault(auditor.address, set())
        (signed.add if answer == 100 else signed.discard)(attribute)
        return request

    def proof(self, agent: int) -> Proof:
        """What the spec is shown of a provider."""
        return Proof(self.declared.get(agent, set()), self.signed.get(agent, {}))

    def proofs(self, agent: int, terms: Terms) -> list[bytes]:
        """The requests that a provider shows for the terms, as far as it has them."""
        signed = self.signed.get(agent, {})
        chosen = list(terms.all_of)
        wanted = set(terms.attributes)
        chosen += [one for one in terms.any_of if wanted <= signed.get(one, set())][:1]
        found = [self.requests.get((agent, one, text)) for one in chosen for text in terms.attributes]
        return [request for request in found if request is not None]

    def create(self, groups: tuple[Terms, ...] = (Terms(100),), amount: int = 10_000, **given: Any) -> int:
        """A tenant's deployment; its number."""
        token, mode = given.get("token", self.network), given.get("mode", 0)
        tenant = given.get("tenant", self.tenants[0])
        version = given.get("version", b"\x01" * 32)
        made: int = self.market.create_deployment(
            token, mode, version, [self.terms(one) for one in groups], amount, sender=tenant
        )
        return made

    def bid(
        self, order: int, agent: int = 0, price: int = 50, terms: Terms | None = None, **given: Any
    ) -> None:
        """A provider's bid on an order."""
        terms = terms or Terms(100)
        proofs = given.get("proofs", self.proofs(agent, terms))
        window, sender = given.get("window", 0), given.get("sender", self.providers[agent])
        self.market.bid(order, agent, price, window, OFFER, self.terms(terms), proofs, sender=sender)

    def lease(self, amount: int = 10_000, price: int = 50, **given: Any) -> int:
        """A deployment of one group whose order is leased to provider 0; the order."""
        order = find_order(self.create(amount=amount, **given), 1, 1)
        self.bid(order, price=price, window=given.get("window", 0))
        self.market.create_lease(order, 0, sender=given.get("tenant", self.tenants[0]))
        return order


def params_of(one: Params) -> tuple[int, ...]:
    """The spec's parameters as the contract takes them."""
    return (one.bid_deposit, one.max_bids, one.cooldown, one.grace, one.min_window, one.max_window)


__all__ = ["ATTRIBUTE", "OFFER", "PARAMS", "SPLIT", "START", "WAD", "MarketWorld", "params_of"]
