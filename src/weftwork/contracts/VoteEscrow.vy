# pragma version ~=0.4.3
"""
@title Vote escrow
@license Apache-2.0
@notice Tokens locked for a time: a longer lock has more votes and a larger share of the fee income. A lock weighs its
        amount times the epochs that are left; a change counts from the next epoch on. Income that is sent here in any
        token is shared by the weights of the epoch in which it is booked. Mirror of `spec/vote_escrow.py`.
@custom:halt Nobody can pause it, and it has no owner. Who locked withdraws when the lock is over, and claims income, at
             any time after. If a token of the income fails, only claims in that token do.
"""

import checkpoint

initializes: checkpoint


interface Token:
    def transfer(receiver: address, amount: uint256) -> bool: nonpayable
    def transferFrom(owner: address, receiver: address, amount: uint256) -> bool: nonpayable
    def balanceOf(account: address) -> uint256: view


END_BITS: constant(uint256) = 48
END_MASK: constant(uint256) = 2**48 - 1
# Largest lock, smallest units.
MAX_AMOUNT: constant(uint256) = 2**160 - 1
# Most epochs brought up to date, or claimed, in one call; call again for more.
MAX_STEPS: constant(uint256) = 64

token: public(immutable(address))
start: public(immutable(uint256))
period: public(immutable(uint256))
max_epochs: public(immutable(uint256))


struct Lock:
    amount: uint256
    end: uint256


locks: public(HashMap[address, Lock])
locked_since: public(HashMap[address, uint256])
# sums over locks that are not over: of amounts, and of amounts times ends
amounts: uint256
ends: uint256
expiring: HashMap[uint256, uint256]
totals: HashMap[uint256, uint256]
last_epoch: public(uint256)
# what is accounted for, by token: locks and unclaimed income
accounted: public(HashMap[address, uint256])
pots: public(HashMap[address, HashMap[uint256, uint256]])
claimed_weight: HashMap[address, HashMap[uint256, uint256]]
cursor: public(HashMap[address, HashMap[address, uint256]])


event Locked:
    account: indexed(address)
    amount: uint256
    end: uint256


event Withdrawn:
    account: indexed(address)
    amount: uint256


event Booked:
    token: indexed(address)
    epoch: indexed(uint256)
    amount: uint256


event Claimed:
    token: indexed(address)
    account: indexed(address)
    amount: uint256


@deploy
def __init__(token_: address, period_: uint256, max_epochs_: uint256):
    """
    @notice Epochs of `period_` blocks from now on; a lock lasts `max_epochs_` of them at the most.
    """
    assert period_ != 0 and max_epochs_ != 0, "votes: period is zero"
    token = token_
    start = block.number
    period = period_
    max_epochs = max_epochs_


@external
def advance() -> uint256:
    """
    @notice Bring the totals up to date by up to 64 epochs, after a long quiet time; the epoch reached.
    """
    return self._advance()


@external
@nonreentrant
def lock(amount: uint256, end: uint256):
    """
    @notice Lock `amount` more of the caller's tokens until the beginning of epoch `end`, which is not before the end of
            the lock there is; zero only makes it longer.
    """
    now: uint256 = self._now()
    before: Lock = self.locks[msg.sender]
    assert before.amount == 0 or before.end > now, "votes: lock is over"
    assert before.amount != 0 or amount != 0, "votes: amount is zero"
    assert end >= before.end, "votes: lock would be shorter"
    assert end >= now + 2 and end <= now + 1 + max_epochs, "votes: lock is too short or too long"
    total: uint256 = before.amount + amount
    assert total <= MAX_AMOUNT, "votes: amount is too large"

    if before.amount != 0:
        self.amounts -= before.amount
        self.ends -= before.amount * before.end
        self.expiring[before.end] -= before.amount
    elif self.locked_since[msg.sender] == 0:
        self.locked_since[msg.sender] = now + 1
    self.amounts += total
    self.ends += total * end
    self.expiring[end] += total
    self._note(Lock(amount=total, end=end), now + 1)
    self.accounted[token] += amount

    log Locked(account=msg.sender, amount=total, end=end)

    if amount != 0:
        assert extcall Token(token).transferFrom(msg.sender, self, amount)


@external
@nonreentrant
def withdraw() -> uint256:
    """
    @notice Return to the caller what it locked, once the lock is over.
    """
    now: uint256 = self._now()
    before: Lock = self.locks[msg.sender]
    assert before.amount != 0 and before.end <= now, "votes: lock is not over"

    self._note(Lock(amount=0, end=0), now + 1)
    self.accounted[token] -= before.amount

    log Withdrawn(account=msg.sender, amount=before.amount)

    assert extcall Token(token).transfer(msg.sender, before.amount)
    return before.amount


@external
@nonreentrant
def book(income: address) -> uint256:
    """
    @notice Book what of a token was sent here, to the current epoch; anyone may. It waits while nobody has weight.
    """
    now: uint256 = self._now()
    if self.totals[now] == 0:
        return 0

    known: uint256 = self.accounted[income]
    amount: uint256 = staticcall Token(income).balanceOf(self) - known
    self.accounted[income] = known + amount
    self.pots[income][now] += amount

    log Booked(token=income, epoch=now, amount=amount)
    return amount


@external
@nonreentrant
def claim(income: address, account: address) -> uint256:
    """
    @notice Pay an account its share of up to 64 ended epochs in a token, oldest first; anyone may.
    """
    now: uint256 = self._now()
    since: uint256 = self.locked_since[account]
    if since == 0:
        return 0

    first: uint256 = max(self.cursor[income][account], since)
    stop: uint256 = min(now, first + MAX_STEPS)
    paid: uint256 = 0
    if first < stop:
        for epoch: uint256 in range(first, stop, bound=MAX_STEPS):
            weight: uint256 = self._weight(account, epoch)
            pot: uint256 = self.pots[income][epoch]
            if weight == 0 or pot == 0:
                continue

            left: uint256 = self.totals[epoch] - self.claimed_weight[income][epoch]
            share: uint256 = pot * weight // left
            self.pots[income][epoch] = pot - share
            self.claimed_weight[income][epoch] += weight
            paid += share
        self.cursor[income][account] = stop
    self.accounted[income] -= paid

    log Claimed(token=income, account=account, amount=paid)

    if paid != 0:
        assert extcall Token(income).transfer(account, paid, default_return_value=True)
    return paid


@external
@view
def current_epoch() -> uint256:
    """
    @notice The epoch of this block.
    """
    return self._epoch()


@external
@view
def weight_at(account: address, epoch: uint256) -> uint256:
    """
    @notice The weight of an account in an epoch, as the locks stand now.
    """
    return self._weight(account, epoch)


@external
@view
def total_at(epoch: uint256) -> uint256:
    """
    @notice The weight of all in an epoch that has begun and that totals have reached.
    """
    assert epoch <= self.last_epoch, "votes: epoch is not reached"

    return self.totals[epoch]


@internal
def _now() -> uint256:
    """
    @dev The current epoch, with totals up to date.
    """
    now: uint256 = self._advance()
    assert now == self._epoch(), "votes: advance first"
    return now


@internal
def _advance() -> uint256:
    last: uint256 = self.last_epoch
    now: uint256 = self._epoch()
    if last == now:
        return now

    amounts: uint256 = self.amounts
    ends: uint256 = self.ends
    for _: uint256 in range(MAX_STEPS):
        if last == now:
            break
        last += 1
        over: uint256 = self.expiring[last]
        if over != 0:
            amounts -= over
            ends -= over * last
        self.totals[last] = ends - amounts * last
    self.amounts = amounts
    self.ends = ends
    self.last_epoch = last
    return last


@internal
def _note(after: Lock, since: uint256):
    self.locks[msg.sender] = after
    checkpoint._set(convert(msg.sender, bytes32), since, after.amount << END_BITS | after.end)


@internal
@view
def _weight(account: address, epoch: uint256) -> uint256:
    packed: uint256 = checkpoint._at(convert(account, bytes32), epoch)
    end: uint256 = packed & END_MASK
    if end <= epoch:
        return 0

    return (packed >> END_BITS) * (end - epoch)


@internal
@view
def _epoch() -> uint256:
    return (block.number - start) // period
