"""Taking part: coins for an account, an identity, a neuron on a subnet, stake, a validator's seat.

Every step looks first whether it is done, so that a role that starts again after a crash finds its place.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from weftwork.errors import InsufficientFunds, LedgerError, LedgerUnavailable, TransactionRejected
from weftwork.records import NO_ADDRESS
from weftwork.units import WAD, Digest

if TYPE_CHECKING:
    from weftwork.ledger import Account, Ledger
    from weftwork.ledger.deployment import Contracts

GAS_MONEY = 10 * WAD
FAR = 2**127
_TRIES = 5


@dataclass(frozen=True, slots=True)
class Place:
    """Where a role stands on the ledger: its agent id, and its uid where it is a neuron."""

    agent: int
    uid: int | None


def fund(
    ledger: Ledger,
    contracts: Contracts,
    funder: Account,
    address: str,
    *,
    coins: int = 0,
    gas: int = GAS_MONEY,
) -> None:
    """Bring an address up to ``coins`` of the network's token and ``gas`` of the chain's, in wad.

    Several processes may fund from one key at once. Raises :class:`LedgerError` where it has too little.
    """
    for attempt in range(_TRIES):
        try:
            _fund(ledger, contracts, funder, address, coins, gas)
            return
        except (TransactionRejected, LedgerUnavailable):
            # Another process funds from the same key: one of two transactions with one number is refused,
            # or replaced and never mined.
            if attempt == _TRIES - 1:
                raise
            time.sleep(0.1 * 2**attempt)


def _fund(ledger: Ledger, contracts: Contracts, funder: Account, address: str, coins: int, gas: int) -> None:
    if ledger.balance(address) < gas // 2:
        if ledger.balance(funder) <= gas:
            raise InsufficientFunds(
                f"the funding account {funder.address} holds too little of the chain's own coin",
                value=funder.address,
                hint=f"send it {gas / WAD:g} or more for gas",
            )
        ledger.wait(ledger.send(funder, address, value=gas))
    token = contracts.at(ledger, "token")
    missing = coins - token.call("balanceOf", address)
    if missing > 0:
        if token.call("balanceOf", funder.address) < missing:
            raise LedgerError(
                "the funding account has too few coins",
                value=funder.address,
                hint="fund with the account that founded the network, or send it WEFT first",
            )
        token.send(funder, "transfer", address, missing)


def own_agents(ledger: Ledger, contracts: Contracts, owner: str) -> Iterator[int]:
    """The agents that were registered by ``owner`` and are still its own, newest first; raises
    LedgerError."""
    identity = contracts.at(ledger, "identity")
    for event in reversed(identity.events("Registered", owner=owner)):
        agent = int(event.args["agentId"])
        if identity.call("ownerOf", agent) == owner:
            yield agent


def find_agent(ledger: Ledger, contracts: Contracts, owner: str) -> int | None:
    """The newest of :func:`own_agents`; None if there is none."""
    return next(own_agents(ledger, contracts, owner), None)


def derive_payer(account: Account, number: int) -> Account:
    """A validator's payer key of that number, from 1 on: derived from its own key, so never lost."""
    from weftwork.closing.chance import derive_secret
    from weftwork.ledger import Account

    return Account.from_key(derive_secret(account, b"payer", number))


def enrol_agent(ledger: Ledger, contracts: Contracts, account: Account, uri: str) -> int:
    """The agent of ``account``, registered under ``uri`` now or updated to it; its id."""
    identity = contracts.at(ledger, "identity")
    agent = find_agent(ledger, contracts, account.address)
    if agent is None:
        receipt = identity.send(account, "register", uri)
        return int(identity.events_in(receipt, "Registered")[0].args["agentId"])
    if identity.call("tokenURI", agent) != uri:
        identity.send(account, "setAgentURI", agent, uri)
    return agent


def enrol_neuron(
    ledger: Ledger,
    contracts: Contracts,
    account: Account,
    subnet: int,
    uri: str,
    *,
    stake: int = 0,
    collateral: int = 0,
    validate: bool = False,
    max_price: int = 200 * WAD,
) -> Place:
    """An agent with a uid on ``subnet``, ``stake`` wad behind it, ``collateral`` wad to lose, and a seat if
    it is to ``validate``.

    Pays at most ``max_price`` for the uid. Raises :class:`LedgerError` with the contract's own reason, and
    InsufficientFunds where the account cannot lock the collateral.
    """
    token = contracts.at(ledger, "token")
    subnets, stakes, weights = (contracts.at(ledger, n) for n in ("subnets", "stakes", "weights"))
    agent = enrol_agent(ledger, contracts, account, uri)
    if not subnets.call("is_registered", subnet, agent):
        _allow(token, account, subnets.address)
        deadline = ledger.block()["timestamp"] + 3_600
        subnets.send(account, "register", subnet, agent, max_price, deadline)
    uid = int(subnets.call("uid_of", subnet, agent))
    held = stakes.call("stake_of", subnet, agent, account.address) if stake else 0
    if stake > held:
        _allow(token, account, stakes.address)
        stakes.send(account, "stake", subnet, agent, stake - held)
    if collateral:
        _lock(ledger, contracts, account, subnet, agent, collateral)
    if validate and not weights.call("held_seats", subnet) >> uid & 1:
        weights.send(account, "enter", subnet, uid)
    return Place(agent, uid)


def _lock(
    ledger: Ledger, contracts: Contracts, account: Account, subnet: int, agent: int, amount: int
) -> None:
    """Bring an agent's collateral up to ``amount``; a request for its release is called off."""
    token, stakes = contracts.at(ledger, "token"), contracts.at(ledger, "stakes")
    held = int(stakes.call("collaterals", subnet, agent).amount)
    missing = amount - held
    if missing <= 0 and stakes.call("collateral_of", subnet, agent):
        return
    missing = max(missing, 1)  # one unit more calls a request for its release off
    if token.call("balanceOf", account.address) < missing:
        raise InsufficientFunds(
            f"a node locks {amount / WAD:g} WEFT of collateral, and {missing / WAD:g} are missing",
            value=account.address,
            hint="send this account that much; weft leave asks back what is not slashed, and takes it an "
            "unbonding later",
        )
    _allow(token, account, stakes.address)
    stakes.send(account, "lock_collateral", subnet, agent, missing)


def _allow(token: Any, account: Account, spender: str) -> None:
    if token.call("allowance", account.address, spender) < 2**128:
        token.send(account, "approve", spender, 2**256 - 1)


def open_channel(
    ledger: Ledger,
    contracts: Contracts,
    payer: Account,
    receiver: str,
    amount: int,
    *,
    subnet: int = 0,
    signer: str = NO_ADDRESS,
) -> Digest:
    """A channel from ``payer`` to ``receiver`` with at least half of ``amount`` wad unspent; its id.

    Tops it up to ``amount`` where there is less. Raises :class:`LedgerError`.
    """
    token, channels = contracts.at(ledger, "token"), contracts.at(ledger, "channels")
    known = channels.call("channel_of", payer.address, receiver)
    left = known.deposited - known.claimed - known.withdrawn
    if left < (amount + 1) // 2:
        _allow(token, payer, channels.address)
        if known.deposited:
            channels.send(payer, "deposit", payer.address, receiver, amount - left)
        else:
            channels.send(payer, "open", receiver, subnet, signer, amount)
    return Digest(channels.call("channel_id", payer.address, receiver))
