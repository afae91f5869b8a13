"""A payment channel as a pure state machine: what a voucher pays, a withdrawal returns, a route shares.

Amounts are in the token's smallest unit, totals only grow; ``balance = deposited - withdrawn - claimed``.
Mirror of ``escrow.vy``, ``route.vy`` and ``Channels.vy``; the sentences of refusals are the contract's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from weftwork.errors import Refused

BPS = 10_000
MAX_LEGS = 16
NOBODY = "0x" + "00" * 20
"""The zero address: a leg of it is burnt, a signer of it is none."""


@dataclass(frozen=True)
class Leg:
    """One part of a route: ``bps`` ten-thousandths of each payment go to ``account`` (zero: burnt)."""

    account: str
    bps: int


@dataclass(frozen=True)
class Channel:
    """The totals of one channel, its session key, and the withdrawal under way."""

    deposited: int = 0
    claimed: int = 0
    withdrawn: int = 0
    signer: str = NOBODY
    next_signer: str = NOBODY
    signer_at: int = 0
    closing_amount: int = 0
    closing_at: int = 0

    @property
    def balance(self) -> int:
        """What is deposited and neither claimed nor withdrawn."""
        return self.deposited - self.withdrawn - self.claimed


def check_route(legs: Sequence[Leg]) -> None:
    """Raise ``Refused`` unless there are 1 to 16 legs of 1 to 10,000 bps, 10,000 in all at most."""
    if not 1 <= len(legs) <= MAX_LEGS:
        raise Refused("channels: route has no legs", value=len(legs))
    if any(not 1 <= leg.bps <= BPS for leg in legs):
        raise Refused("channels: leg is out of range")
    if sum(leg.bps for leg in legs) > BPS:
        raise Refused("channels: route gives more than all")


def share(amount: int, legs: Sequence[Leg]) -> tuple[list[int], int]:
    """Share a payment: each leg's part, rounded down, and the receiver's rest; they add up to ``amount``.

    ``part_i = floor(amount * bps_i / 10000)``, ``rest = amount - sum(part_i)``.
    """
    parts = [amount * leg.bps // BPS for leg in legs]
    return parts, amount - sum(parts)


def open_channel(before: Channel, amount: int, signer: str = NOBODY) -> Channel:
    """Open a channel, or an emptied one anew: its totals go on, all else starts over."""
    if before.balance != 0:
        raise Refused("channels: channel is open", value=before.balance)
    totals = Channel(before.deposited, before.claimed, before.withdrawn, next_signer=signer)
    return _add(totals, amount)


def deposit(before: Channel, amount: int, by_payer: bool = True) -> Channel:
    """Add to an open channel; only the payer fills one that is empty."""
    _check_open(before)
    if before.balance == 0 and not by_payer:
        raise Refused("channels: channel is empty", value=amount)
    return _add(before, amount)


def find_signer(channel: Channel, block: int) -> str:
    """The session key that counts at ``block``; zero if there is none."""
    return channel.next_signer if block >= channel.signer_at else channel.signer


def set_signer(before: Channel, signer: str, block: int, delay: int) -> Channel:
    """Change the session key; one in use stays good for ``delay`` blocks, unless the channel is empty."""
    _check_open(before)
    current = find_signer(before, block)
    wait = delay if current != NOBODY and before.balance != 0 else 0
    return replace(before, signer=current, next_signer=signer, signer_at=block + wait)


def claim(before: Channel, cumulative: int, signed: bool = True) -> tuple[Channel, int]:
    """Redeem a voucher over ``cumulative``: the channel after, and the payment.

    ``payment = min(cumulative, deposited - withdrawn) - claimed``. A voucher that pays nothing is refused,
    and so is one that neither the payer nor the session key signed.
    """
    if cumulative <= before.claimed:
        raise Refused("channels: voucher is already claimed", value=cumulative)
    total = min(cumulative, before.deposited - before.withdrawn)
    if total == before.claimed:
        raise Refused("channels: channel is empty", value=cumulative)
    if not signed:
        raise Refused("channels: signature is not the payer's")
    return replace(before, claimed=total), total - before.claimed


def request_withdraw(before: Channel, amount: int, block: int, delay: int) -> Channel:
    """Ask for ``amount`` back after ``delay`` blocks; a new request replaces the last, zero cancels it."""
    _check_open(before)
    return replace(before, closing_amount=amount, closing_at=block + delay if amount else 0)


def withdraw(before: Channel, block: int) -> tuple[Channel, int]:
    """Pay back what was asked for and vouchers have left."""
    _check_open(before)
    if before.closing_amount == 0:
        raise Refused("channels: no withdrawal is asked for")
    if block < before.closing_at:
        raise Refused("channels: withdrawal is not due", value=before.closing_at)
    amount = min(before.closing_amount, before.balance)
    after = replace(before, withdrawn=before.withdrawn + amount, closing_amount=0, closing_at=0)
    return after, amount


def release(before: Channel, amount: int) -> tuple[Channel, int]:
    """The receiver gives up to ``amount`` back at once."""
    _check_open(before)
    given = min(amount, before.balance)
    return replace(before, withdrawn=before.withdrawn + given), given


def _check_open(channel: Channel) -> None:
    if channel.deposited == 0:
        raise Refused("channels: channel is not open")


def _add(channel: Channel, amount: int) -> Channel:
    if amount == 0:
        raise Refused("channels: amount is zero")
    if channel.balance == 0:  # what was given back counts as claimed: earlier vouchers are void
        channel = replace(channel, claimed=channel.deposited, withdrawn=0)
    return replace(channel, deposited=channel.deposited + amount)
