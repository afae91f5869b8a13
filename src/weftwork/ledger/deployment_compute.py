"""The compute layer of a network: its contracts raised beside it, and found again from the ledger alone.

    parts = deploy_compute(ledger, founder, contracts)
    open_panels(ledger, contracts, founder, params, tempo=60, commit_blocks=36)   # the checkers' subnets
    parts = find_compute(ledger, contracts)           # by anyone, later
    market = parts.at(ledger, "market")

The rule of :func:`find_compute`: the first ``Annex`` of the layer ``compute`` that names the network's
``Epochs`` and was deployed by the account that deployed ``Epochs``. What others annex is not looked at.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any, Final

from weftwork.errors import BadConfig, NetworkNotFound, Reverted
from weftwork.ledger.annex import find_annex
from weftwork.ledger.deployment import WAD, Contracts, open_subnet
from weftwork.ledger.hash import keccak
from weftwork.records import NO_ADDRESS
from weftwork.spec import bme_preset, take
from weftwork.spec.job import REVIEW_WINDOW
from weftwork.spec.market import Params

if TYPE_CHECKING:
    from weftwork.ledger.client import Ledger
    from weftwork.ledger.contract import Contract
    from weftwork.ledger.key import Account
    from weftwork.spec.subnet import SubnetParams

LAYER: Final = "compute"
ARTIFACTS: Final = {
    "market": "Market",
    "prices": "Prices",
    "jobs": "Jobs",
    "review": "Review",
    "credits": "Credits",
    "votes": "VoteEscrow",
    "governor": "Governor",
    "dollar": "TestDollar",
    "render_panel": "Panel",
    "availability_panel": "Panel",
}
"""Name of each part to the artifact that it is; ``dollar`` is the stablecoin that the market lists, and the
panels are the checkers of ``review`` and of ``credits``."""
NOTE_FAULT: Final = "note_fault(uint256,uint256,bytes32)"
DOORS: Final = {
    "render_panel": (
        ("review", "approve(uint256,bytes32)"),
        ("review", "disapprove(uint256,bytes32)"),
        ("render_panel", NOTE_FAULT),
    ),
    "availability_panel": (("credits", "report_ready(uint256,address[],uint256[])"),),
}
"""What the validators behind each panel may do together, as (part, function); a panel that may note faults is
the docket of its subnet."""

PARAMS: Final = Params(
    bid_deposit=WAD // 2, max_bids=20, cooldown=300, grace=1_200, min_window=300, max_window=216_000
)
_HOUR, _WEEK = 3_600, 7 * 86_400


@dataclass(frozen=True, slots=True)
class ComputeTerms:
    """What is fixed when the layer is raised; waiting times in blocks unless said otherwise, amounts in wad.

    Attributes:
        take: preset of the market's take by currency (:mod:`weftwork.spec.take`).
        params: the market's bid deposit and waiting times.
        min_deposit: least deposit of a deployment in either currency.
        providers_bps, holders_bps: parts of the take for the providers' pool and for who locked tokens.
        emission: preset of burn and mint (:mod:`weftwork.spec.bme_preset`), over ``supply`` wad.
        epoch, grace: an epoch of burn and mint and the wait before it is settled, seconds.
        price: dollars for one token (wad) that the founder reports at once; 0 reports none.
        quorum, max_age, outlier_bps, price_delay: the feed's rules (age in seconds, delay in blocks).
        review: seconds until a job about which nobody said anything may be completed.
        lock_period, lock_periods: an epoch of the vote escrow, and how many a lock lasts at the most.
        voting, timelock, execution: the governor's times.
        decimals: of the test dollar that is made where no ``dollar`` is named.
    """

    take: str = "akash-2.0"
    params: Params = PARAMS
    min_deposit: int = WAD // 2
    providers_bps: int = 2_500
    holders_bps: int = 4_000
    emission: str = "render-year-1"
    supply: int = 4_200_000 * WAD
    epoch: int = _WEEK
    grace: int = 86_400
    price: int = 0
    quorum: int = 1
    max_age: int = _HOUR
    outlier_bps: int = 500
    price_delay: int = 50_401
    review: int = REVIEW_WINDOW
    lock_period: int = 50_400
    lock_periods: int = 208
    voting: int = 36_000
    timelock: int = 50_401
    execution: int = 100_800
    decimals: int = 18


LOCAL: Final = ComputeTerms(
    params=Params(
        bid_deposit=WAD // 2, max_bids=20, cooldown=30, grace=100, min_window=10, max_window=10_000
    ),
    epoch=_HOUR,
    grace=60,
    price=WAD,
    max_age=365 * 86_400,
    price_delay=10,
    lock_period=100,
    lock_periods=52,
    voting=50,
    timelock=100,
    execution=1_000,
)
"""Short times and one feeder, for a network on one machine."""


@dataclass(frozen=True, slots=True)
class ComputeContracts:
    """The addresses of a network's compute layer, EIP-55."""

    market: str
    prices: str
    jobs: str
    review: str
    credits: str
    votes: str
    governor: str
    dollar: str
    render_panel: str
    availability_panel: str

    def at(self, ledger: Ledger, name: str) -> Contract:
        """One part as a contract on ``ledger``: ``parts.at(ledger, "market")``; raises NetworkNotFound."""
        address = getattr(self, name, NO_ADDRESS) if name in ARTIFACTS else NO_ADDRESS
        if address == NO_ADDRESS:
            raise NetworkNotFound(f"this network's compute layer has no {name}", value=name)
        return ledger.contract(ARTIFACTS[name], address)

    def to_json(self) -> dict[str, Any]:
        """The addresses as a plain object."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> ComputeContracts:
        """The addresses that :meth:`to_json` wrote; raises BadConfig naming what is missing."""
        missing = [field.name for field in fields(cls) if field.name not in data]
        if missing:
            raise BadConfig(f"the compute layer's addresses lack {missing[0]}", value=missing[0])
        return cls(**{field.name: str(data[field.name]) for field in fields(cls)})


def deploy_compute(
    ledger: Ledger,
    account: Account,
    contracts: Contracts,
    *,
    terms: ComputeTerms = LOCAL,
    checker: str | None = None,
    dollar: str | None = None,
) -> ComputeContracts:
    """Deploy and wire the compute layer of a network. Raises LedgerError.

    ``account`` must be the one that deployed the network; it pays the gas, lists the currencies, feeds the
    price until others do, and proposes the governor as the market's owner, which the first vote accepts.
    Renders and who stood ready are judged by two panels, which :func:`open_panels` gives to the validators of
    two subnets; or by ``checker``, for good.
    ``dollar`` is a stablecoin that exists; without it a test dollar without worth is made.
    """
    here = account.address
    panels = [ledger.deploy(account, "Panel", contracts.weights) for _ in DOORS]
    judges = [checker or panel.address for panel in panels]
    rules = bme_preset.find_preset(terms.emission).scaled(terms.supply).rules
    rates = take.find_preset(terms.take)
    if dollar is None:
        made = ledger.deploy(account, "TestDollar", here, terms.decimals, 10**6 * 10**terms.decimals)
        dollar, least = made.address, terms.min_deposit * 10**terms.decimals // WAD
    else:
        least = terms.min_deposit * 10 ** int(ledger.contract("TestDollar", dollar).call("decimals")) // WAD
    feed = (terms.quorum, terms.max_age, terms.outlier_bps)
    prices = ledger.deploy(account, "Prices", here, terms.price_delay, [here], feed)
    jobs = ledger.deploy(account, "Jobs", contracts.token)
    review = ledger.deploy(account, "Review", jobs, judges[0], terms.review)
    # token, prices, jobs, review, epochs, checker, operator, reserve, liquidity
    places = (contracts.token, prices, jobs, review, contracts.epochs, judges[1], here, here, NO_ADDRESS)
    burner = ledger.deploy(account, "Credits", places, *_read_rules(rules), terms.epoch, terms.grace)
    votes = ledger.deploy(account, "VoteEscrow", contracts.token, terms.lock_period, terms.lock_periods)
    ballot = (100, 400, terms.voting, terms.timelock, terms.execution)
    governor = ledger.deploy(account, "Governor", votes, ballot)
    one = terms.params
    params = (one.bid_deposit, one.max_bids, one.cooldown, one.grace, one.min_window, one.max_window)
    income = (here, here, votes, terms.providers_bps, terms.holders_bps)
    market = ledger.deploy(
        account, "Market", contracts.token, contracts.identity, contracts.validation, here, params, income
    )
    market.send(
        account, "set_currency", contracts.token, True, rates.find_rate(take.NETWORK), terms.min_deposit
    )
    market.send(account, "set_currency", dollar, True, rates.find_rate("dollar"), least)
    market.send(account, "propose_owner", governor)
    ledger.contract("Token", contracts.token).send(account, "set_minter", burner, True)
    if terms.price:
        prices.send(account, "report", terms.price)
    found = ComputeContracts(
        market=market.address,
        prices=prices.address,
        jobs=jobs.address,
        review=review.address,
        credits=burner.address,
        votes=votes.address,
        governor=governor.address,
        dollar=dollar,
        render_panel=panels[0].address,
        availability_panel=panels[1].address,
    )
    ledger.deploy(account, "Annex", contracts.epochs, LAYER, list(found.to_json().items()))
    return found


def open_panels(
    ledger: Ledger,
    contracts: Contracts,
    account: Account,
    params: SubnetParams,
    *,
    tempo: int,
    commit_blocks: int,
) -> dict[str, int]:
    """The subnets whose validators decide by the compute layer's panels: the panel's name to its subnet.

    Where a panel is not bound yet, ``account``, which deployed it, opens a subnet (locking what one costs)
    and binds it. A second call after a crash goes on. Raises LedgerError.
    """
    parts, out = find_compute(ledger, contracts), {}
    for name, pairs in DOORS.items():
        panel = parts.at(ledger, name)
        subnet = int(panel.call("subnet"))
        if not subnet:
            subnet = open_subnet(ledger, contracts, account, params, tempo=tempo, commit_blocks=commit_blocks)
            doors = [(getattr(parts, part), keccak(function.encode())[:4]) for part, function in pairs]
            panel.send(account, "bind", subnet, doors)
        out[name] = subnet
    return out


def _read_rules(rules: Any) -> tuple[Any, Any]:
    """The rules as ``Credits`` takes them: its struct of rules, and the schedule's."""
    shares, schedule = rules.shares, rules.schedule
    words = (
        shares.jobs,
        shares.availability,
        shares.requesters,
        shares.liquidity,
        rules.fee_bps,
        rules.rebate_bps,
        rules.carry_bps,
        rules.job_cap,
        rules.availability_cap,
        rules.recycle_bps,
        rules.recycle_cap_bps,
    )
    return words, (schedule.supply, list(schedule.launch), schedule.damping, schedule.epochs)


def find_compute(ledger: Ledger, contracts: Contracts) -> ComputeContracts:
    """The compute layer of a network, by the rule above; raises NetworkNotFound where there is none."""
    parts = find_annex(ledger, contracts, LAYER)
    try:
        return ComputeContracts.from_json(parts)
    except BadConfig as error:
        raise NetworkNotFound(error.sentence, value=error.value) from error


def find_panel(
    ledger: Ledger, contracts: Contracts, subnet: int, *, block: int | None = None
) -> Contract | None:
    """The panel behind which the validators of ``subnet`` stood at a ``block`` (None: now); None for none.

    Anyone deploys a panel and binds it to any subnet: believed are those that the founder annexed with the
    compute layer, where they listen to this network's ``Weights``. Raises LedgerError where the ledger's node
    no longer has what it takes to know: validators that differ in that would sign different closings.
    """
    at = "latest" if block is None else hex(block)
    try:
        parts = find_annex(ledger, contracts, LAYER, block=block)
    except NetworkNotFound:
        return None
    for name in DOORS:
        place = parts.get(name, NO_ADDRESS)
        if len(ledger.rpc("eth_getCode", place, at)) <= 2:
            continue
        panel = ledger.contract("Panel", place)
        try:
            bound = (int(panel.call("subnet", block=at)), str(panel.call("weights", block=at)))
        except Reverted:
            continue
        if bound == (subnet, contracts.weights):
            return panel
    return None
