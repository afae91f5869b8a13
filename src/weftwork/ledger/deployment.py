"""The contracts of one network: raised in one order, written down as JSON, found again from the ledger alone.

    contracts = deploy_network(ledger, account, genesis={account.address: 1_000_000 * WAD})
    contracts = discover(ledger, epochs_address)      # from one address
    contracts = find_network(ledger)                  # from the ledger alone

The rule of :func:`find_network`: ``Epochs`` writes ``Raised(network)`` when it is deployed, and the first
such log of a ledger is its network. On a ledger that strangers deploy to, give the address instead.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Final

from weftwork.errors import BadConfig, NetworkNotFound
from weftwork.ledger.client import Ledger
from weftwork.ledger.contract import Contract
from weftwork.ledger.hash import keccak
from weftwork.ledger.key import Account
from weftwork.records import NO_ADDRESS, Domains
from weftwork.spec.subnet import SubnetParams

WAD: Final = 10**18
RAISED: Final = "0x" + keccak(b"Raised(address)").hex()
ARTIFACTS: Final = {
    "token": "Token",
    "identity": "IdentityRegistry",
    "reputation": "ReputationRegistry",
    "validation": "ValidationRegistry",
    "stakes": "Stakes",
    "subnets": "Subnets",
    "weights": "Weights",
    "channels": "Channels",
    "policy": "StakePolicy",
    "epochs": "Epochs",
}
"""Name of each part to the artifact that it is."""


USAGE_RETURN: Final = 9_000
"""Under ``UsagePolicy``, the most of a burnt fee that comes back as emission, in bps."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What is fixed for good when a network is raised; times in blocks, amounts in wad."""

    base_emission: int = WAD
    unbonding: int = 50_400
    take_delay: int = 216_000
    withdraw_delay: int = 7_200
    params_delay: int = 50_401
    min_lock: int = 1_000 * WAD
    lock_interval: int = 100_800
    minter_delay: int = 7_200


LOCAL: Final = Terms(
    unbonding=2_000,
    take_delay=500,
    withdraw_delay=100,
    params_delay=2_001,
    min_lock=100 * WAD,
    minter_delay=0,
)
"""Short times, for a network on one machine."""


@dataclass(frozen=True, slots=True)
class Contracts:
    """The addresses of one network, EIP-55; a part that was not deployed is the zero address."""

    chain_id: int
    token: str
    identity: str
    reputation: str
    validation: str
    stakes: str
    subnets: str
    weights: str
    channels: str
    policy: str
    epochs: str

    def at(self, ledger: Ledger, name: str) -> Contract:
        """One part as a contract on ``ledger``: ``contracts.at(ledger, "token")``; raises NetworkNotFound."""
        address = getattr(self, name, NO_ADDRESS) if name in ARTIFACTS else NO_ADDRESS
        if address == NO_ADDRESS:
            raise NetworkNotFound(f"this network has no {name}", value=name)
        return ledger.contract(ARTIFACTS[name], address)

    @property
    def domains(self) -> Domains:
        """The EIP-712 domains of this network's records."""
        return Domains(self.chain_id, self.identity, self.channels, self.epochs)

    def to_json(self) -> dict[str, Any]:
        """The addresses as a plain object."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Contracts:
        """The addresses that :meth:`to_json` wrote; raises BadConfig naming what is missing."""
        missing = [field.name for field in fields(cls) if field.name not in data]
        if missing:
            raise BadConfig(f"the network's addresses lack {missing[0]}", value=missing[0])
        return cls(**{field.name: data[field.name] for field in fields(cls)})


def deploy_network(
    ledger: Ledger,
    account: Account,
    *,
    genesis: Mapping[str, int] | None = None,
    terms: Terms = LOCAL,
    policy: str = "StakePolicy",
) -> Contracts:
    """Deploy and wire every contract; ``genesis`` mints first amounts in wad by address. Raises LedgerError.

    ``account`` pays the gas and owns the token's list of minters, on which only ``Epochs`` stands.
    ``policy`` shares emission among subnets: by stake; ``EqualPolicy`` only where somebody approves subnets,
    since anyone who opens one would get an equal part.
    """
    first = [(address, amount) for address, amount in (genesis or {}).items()]
    token = ledger.deploy(account, "Token", account.address, terms.minter_delay, first)
    identity = ledger.deploy(account, "IdentityRegistry")
    reputation = ledger.deploy(account, "ReputationRegistry", identity.address)
    validation = ledger.deploy(account, "ValidationRegistry", identity.address)
    stakes = ledger.deploy(account, "Stakes", token, identity, terms.unbonding, terms.take_delay)
    subnets = ledger.deploy(
        account,
        "Subnets",
        token,
        identity,
        stakes,
        terms.params_delay,
        terms.min_lock,
        terms.lock_interval,
    )
    weights = ledger.deploy(account, "Weights", subnets)
    channels = ledger.deploy(account, "Channels", token, subnets, terms.withdraw_delay)
    rule = ledger.deploy(account, policy, *_policy_args(policy, subnets, stakes, channels))
    epochs = ledger.deploy(
        account,
        "Epochs",
        token,
        identity,
        reputation,
        validation,
        stakes,
        subnets,
        weights,
        channels,
        rule,
        terms.base_emission,
    )
    stakes.send(account, "bind", subnets, epochs)
    subnets.send(account, "bind", weights, epochs)
    channels.send(account, "bind", epochs)
    if policy == "UsagePolicy":
        rule.send(account, "bind", epochs)
    token.send(account, "set_minter", epochs, True)
    return Contracts(
        chain_id=ledger.chain_id,
        token=token.address,
        identity=identity.address,
        reputation=reputation.address,
        validation=validation.address,
        stakes=stakes.address,
        subnets=subnets.address,
        weights=weights.address,
        channels=channels.address,
        policy=rule.address,
        epochs=epochs.address,
    )


def _policy_args(policy: str, subnets: Contract, stakes: Contract, channels: Contract) -> list[Any]:
    known: dict[str, list[Any]] = {
        "EqualPolicy": [subnets],
        "StakePolicy": [stakes],
        "UsagePolicy": [channels, USAGE_RETURN],
    }
    if policy not in known:
        raise BadConfig(f"there is no policy {policy}", value=policy, hint=f"choose {', '.join(known)}")
    return known[policy]


def open_subnet(
    ledger: Ledger,
    contracts: Contracts,
    account: Account,
    params: SubnetParams,
    *,
    tempo: int,
    commit_blocks: int,
) -> int:
    """Create a subnet that ``account`` owns, locking what it costs now; its number. Raises Reverted."""
    subnets = contracts.at(ledger, "subnets")
    lock = subnets.call("lock_cost")
    contracts.at(ledger, "token").send(account, "approve", contracts.subnets, lock)
    deadline = ledger.block()["timestamp"] + 3_600
    receipt = subnets.send(account, "create_subnet", tempo, commit_blocks, params.words, lock, deadline)
    return int(subnets.events_in(receipt, "SubnetCreated")[0].args["subnet"])


def discover(ledger: Ledger, epochs: str) -> Contracts:
    """All addresses of the network whose ``Epochs`` stands at ``epochs``; raises NetworkNotFound."""
    try:
        root = ledger.contract("Epochs", epochs)
        found = {name: str(root.call(name)) for name in ARTIFACTS if name != "epochs"}
    except Exception as error:
        raise NetworkNotFound(f"there is no network at {epochs}", value=epochs) from error
    return Contracts(chain_id=ledger.chain_id, epochs=root.address, **found)


def find_network(ledger: Ledger) -> Contracts:
    """The network that was raised first on this ledger; raises NetworkNotFound where there is none."""
    logs = ledger.rpc("eth_getLogs", {"fromBlock": "0x0", "toBlock": "latest", "topics": [RAISED]})
    if not logs:
        raise NetworkNotFound("no network was raised on this ledger")
    return discover(ledger, logs[0]["address"])
