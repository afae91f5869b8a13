# pragma version ~=0.4.3
"""
@title Streaming escrow
@license Apache-2.0
@notice Accounts that pay streams by the block, settled when somebody looks. A counter of blocks that were paid whole
        stands for every stream at once, so that settling costs the same for one or for twenty. A dry account pauses:
        nobody is owed for later blocks, and a top-up that covers a block resumes it. Mirror of `spec/escrow.py`.
"""

# Most people with money in one account, the tenant among them.
MAX_DEPOSITS: constant(uint256) = 8
# Most streams that run at once in one account.
MAX_PAYMENTS: constant(uint256) = 20
OPEN: constant(uint256) = 1
PAUSED: constant(uint256) = 2
CLOSED: constant(uint256) = 3
PRO_RATA: constant(uint256) = 1


struct Deposit:
    owner: address
    amount: uint256


struct Account:
    state: uint256
    mode: uint256
    settled_at: uint256
    paused_at: uint256
    blocks: uint256
    rate: uint256
    balance: uint256


struct Payment:
    rate: uint256
    since: uint256
    balance: uint256
    running: bool


accounts: HashMap[uint256, Account]
deposits: HashMap[uint256, DynArray[Deposit, MAX_DEPOSITS]]
running: HashMap[uint256, DynArray[uint256, MAX_PAYMENTS]]
payments: HashMap[uint256, Payment]


event Deposited:
    id: indexed(uint256)
    owner: indexed(address)
    amount: uint256


event TakenBack:
    id: indexed(uint256)
    owner: indexed(address)
    amount: uint256


event Paused:
    id: indexed(uint256)
    at: uint256


event Resumed:
    id: indexed(uint256)


@external
@view
def account_of(id: uint256) -> Account:
    """
    @notice The account as it was last settled: state (1 open, 2 paused, 3 closed), mode (0 in order, 1 by rate), blocks
            settled and paused at, blocks paid whole, rate a block, balance.
    """
    return self.accounts[id]


@external
@view
def deposits_of(id: uint256) -> DynArray[Deposit, MAX_DEPOSITS]:
    """
    @notice Who has money in the account, as it was last settled; the tenant is the first.
    """
    return self.deposits[id]


@external
@view
def payment_of(order: uint256) -> Payment:
    """
    @notice The stream of an order: rate a block, the counter from which it runs, what was earned before that.
    """
    return self.payments[order]


@external
@view
def dry_block(id: uint256) -> uint256:
    """
    @notice The first block that the account cannot pay whole; the largest number if it pays nothing.
    """
    account: Account = self.accounts[id]
    if account.state == PAUSED:
        return account.paused_at

    if account.state != OPEN or account.rate == 0:
        return max_value(uint256)

    return account.settled_at + account.balance // account.rate


@internal
def _open(id: uint256, owner: address, mode: uint256, amount: uint256):
    assert mode <= PRO_RATA, "escrow: mode is unknown"
    assert amount != 0, "escrow: amount is zero"

    self.accounts[id] = Account(
        state=OPEN, mode=mode, settled_at=block.number, paused_at=0, blocks=0, rate=0, balance=amount
    )
    self.deposits[id].append(Deposit(owner=owner, amount=amount))

    log Deposited(id=id, owner=owner, amount=amount)


@internal
def _deposit(id: uint256, owner: address, amount: uint256, least: uint256):
    self._check_open(id)
    assert amount != 0, "escrow: amount is zero"

    self._settle(id)
    count: uint256 = len(self.deposits[id])
    place: uint256 = self._find(id, owner)
    if place == count:
        assert amount >= least, "escrow: deposit is too small"

        for i: uint256 in range(1, count, bound=MAX_DEPOSITS):
            if self.deposits[id][i].amount == 0:
                place = i
                break
        if place == count:
            assert count < MAX_DEPOSITS, "escrow: too many depositors"

            self.deposits[id].append(Deposit(owner=owner, amount=0))
        else:
            self.deposits[id][place].owner = owner
    self.deposits[id][place].amount += amount
    self.accounts[id].balance += amount
    self._resume(id)

    log Deposited(id=id, owner=owner, amount=amount)


@internal
def _take_back(id: uint256, owner: address, amount: uint256):
    self._check_open(id)

    self._settle(id)
    place: uint256 = self._find(id, owner)
    assert amount != 0 and place != len(self.deposits[id]), "escrow: deposit is not that large"
    assert self.deposits[id][place].amount >= amount, "escrow: deposit is not that large"

    self.deposits[id][place].amount -= amount
    self.accounts[id].balance -= amount

    log TakenBack(id=id, owner=owner, amount=amount)


@internal
def _add(id: uint256, order: uint256, rate: uint256):
    """
    @dev Start a stream; the account must be able to pay a block to all.
    """
    self._check_open(id)
    self._settle(id)
    assert self.accounts[id].state == OPEN, "escrow: account is paused"
    assert rate != 0, "escrow: rate is zero"
    assert self.accounts[id].balance >= self.accounts[id].rate + rate, "escrow: balance does not pay a block"

    self.payments[order] = Payment(rate=rate, since=self.accounts[id].blocks, balance=0, running=True)
    self.accounts[id].rate += rate
    self.running[id].append(order)


@internal
def _end(id: uint256, order: uint256):
    """
    @dev Stop a running stream; what it earned stays to be withdrawn.
    """
    self._settle(id)
    payment: Payment = self.payments[order]
    payment.balance += payment.rate * (self.accounts[id].blocks - payment.since)
    payment.running = False
    self.payments[order] = payment
    self.accounts[id].rate -= payment.rate
    left: DynArray[uint256, MAX_PAYMENTS] = []
    for one: uint256 in self.running[id]:
        if one != order:
            left.append(one)
    self.running[id] = left
    self._resume(id)


@internal
def _withdraw(id: uint256, order: uint256) -> uint256:
    """
    @dev All that a stream has earned, which is the payee's from now on.
    """
    payment: Payment = self.payments[order]
    assert payment.rate != 0, "escrow: there is no such payment"

    self._settle(id)
    amount: uint256 = self.payments[order].balance
    if payment.running:
        blocks: uint256 = self.accounts[id].blocks
        amount += payment.rate * (blocks - payment.since)
        self.payments[order].since = blocks
    self.payments[order].balance = 0
    return amount


@internal
def _close(id: uint256) -> DynArray[Deposit, MAX_DEPOSITS]:
    """
    @dev Close an account whose streams have ended: what is left of each deposit, to be paid back.
    """
    self._check_open(id)
    self._settle(id)
    refunds: DynArray[Deposit, MAX_DEPOSITS] = self.deposits[id]
    for i: uint256 in range(len(refunds), bound=MAX_DEPOSITS):
        self.deposits[id][i].amount = 0
    self.accounts[id].state = CLOSED
    self.accounts[id].balance = 0
    return refunds


@internal
def _settle(id: uint256):
    """
    @dev Bring the account up to this block.
    """
    account: Account = self.accounts[id]
    passed: uint256 = block.number - account.settled_at
    if passed == 0:
        return

    self.accounts[id].settled_at = block.number
    if account.state != OPEN or account.rate == 0:
        return

    full: uint256 = min(passed, account.balance // account.rate)
    spent: uint256 = account.rate * full
    if full != 0:
        self.accounts[id].blocks = account.blocks + full
    if full < passed:
        self._share(id, account, account.balance - spent)
        spent = account.balance
        self.accounts[id].state = PAUSED
        self.accounts[id].paused_at = account.settled_at + full
        log Paused(id=id, at=account.settled_at + full)
    if spent != 0:
        self.accounts[id].balance = account.balance - spent
        self._spend(id, spent)


@internal
def _share(id: uint256, account: Account, rest: uint256):
    """
    @dev Give what does not pay a whole block to the streams, in their order or by rate; no unit stays.
    """
    left: uint256 = rest
    orders: DynArray[uint256, MAX_PAYMENTS] = self.running[id]
    if account.mode == PRO_RATA:
        for order: uint256 in orders:
            left -= rest * self.payments[order].rate // account.rate
    for order: uint256 in orders:
        rate: uint256 = self.payments[order].rate
        part: uint256 = min(rate, left)
        if account.mode == PRO_RATA:
            over: uint256 = min(left, 1)
            left -= over
            part = rest * rate // account.rate + over
        else:
            left -= part
        if part != 0:
            self.payments[order].balance += part


@internal
def _spend(id: uint256, amount: uint256):
    """
    @dev Take out of the deposits: the others' in their order, the tenant's own last.
    """
    left: uint256 = amount
    count: uint256 = len(self.deposits[id])
    for i: uint256 in range(1, count, bound=MAX_DEPOSITS):
        has: uint256 = self.deposits[id][i].amount
        part: uint256 = min(has, left)
        if part != 0:
            self.deposits[id][i].amount = has - part
            left -= part
        if left == 0:
            return

    self.deposits[id][0].amount -= left


@internal
def _resume(id: uint256):
    if self.accounts[id].state == PAUSED and self.accounts[id].balance >= self.accounts[id].rate:
        self.accounts[id].state = OPEN
        log Resumed(id=id)


@internal
@view
def _find(id: uint256, owner: address) -> uint256:
    """
    @dev The place of an owner's deposit; the number of places if it has none.
    """
    count: uint256 = len(self.deposits[id])
    for i: uint256 in range(count, bound=MAX_DEPOSITS):
        if self.deposits[id][i].owner == owner:
            return i

    return count


@internal
@view
def _check_open(id: uint256):
    state: uint256 = self.accounts[id].state
    assert state == OPEN or state == PAUSED, "escrow: account is not open"
