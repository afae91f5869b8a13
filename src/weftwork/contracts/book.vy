# pragma version ~=0.4.3
"""
@title Book of epochs
@license Apache-2.0
@notice What each epoch may pay and has paid, in order: sealed, then closed or skipped. An epoch in which nobody could
        vote is passed by: it has no page, and its fees wait for the next.
"""


flag Status:
    SEALED
    CLOSED
    SKIPPED


struct Epoch:
    status: Status
    pot: uint256
    fees: uint256
    total: uint256
    snapshot: bytes32
    payout: uint256
    claimed: uint256
    claims: bytes32
    closing: bytes32


epochs: public(HashMap[uint256, HashMap[uint256, Epoch]])
next_seal: public(HashMap[uint256, uint256])
next_close: public(HashMap[uint256, uint256])
previous: public(HashMap[uint256, bytes32])
carried: public(HashMap[uint256, uint256])
reserved: public(uint256)
# from a sealed epoch to the one that was sealed next
_after: HashMap[uint256, HashMap[uint256, uint256]]
_last: HashMap[uint256, uint256]


event Sealed:
    subnet: indexed(uint256)
    epoch: indexed(uint256)
    pot: uint256
    fees: uint256
    total: uint256
    snapshot: bytes32


event Passed:
    subnet: indexed(uint256)
    first: indexed(uint256)
    last: indexed(uint256)


event Skipped:
    subnet: indexed(uint256)
    epoch: indexed(uint256)


@internal
def _pass(subnet: uint256, last: uint256):
    """
    @dev Leave out the epochs up to `last`, in which nobody could vote.
    """
    first: uint256 = self.next_seal[subnet]
    if self.next_close[subnet] == first:
        self.next_close[subnet] = last + 1
    self.next_seal[subnet] = last + 1

    log Passed(subnet=subnet, first=first, last=last)


@internal
def _seal(subnet: uint256, epoch: uint256, minting: uint256, total: uint256, snapshot: bytes32):
    """
    @dev Write down an epoch that may mint `minting` and pay all fees that wait.
    """
    fees: uint256 = self.carried[subnet]
    self.carried[subnet] = 0
    self.reserved += minting
    if self.next_close[subnet] != epoch:
        self._after[subnet][self._last[subnet]] = epoch
    self._last[subnet] = epoch
    self.next_seal[subnet] = epoch + 1
    self.epochs[subnet][epoch] = Epoch(
        status=Status.SEALED,
        pot=minting + fees,
        fees=fees,
        total=total,
        snapshot=snapshot,
        payout=0,
        claimed=0,
        claims=empty(bytes32),
        closing=empty(bytes32),
    )

    log Sealed(subnet=subnet, epoch=epoch, pot=minting + fees, fees=fees, total=total, snapshot=snapshot)


@internal
@view
def _open(subnet: uint256, epoch: uint256) -> Epoch:
    """
    @dev The page of the epoch that is to be closed or skipped next.
    """
    sealed: Epoch = self.epochs[subnet][epoch]
    assert sealed.status != empty(Status), "epochs: epoch is not sealed"
    assert sealed.status != Status.CLOSED, "epochs: epoch is already closed"
    assert sealed.status != Status.SKIPPED, "epochs: epoch was skipped"
    assert epoch == self.next_close[subnet], "epochs: epochs are closed in order"
    return sealed


@internal
def _close(subnet: uint256, epoch: uint256, payout: uint256, claims: bytes32, id: bytes32) -> uint256:
    """
    @dev Settle an epoch: fees are paid out first, what is missing is minted, what is left over waits. What to mint.
    """
    sealed: Epoch = self.epochs[subnet][epoch]
    minted: uint256 = 0
    if payout > sealed.fees:
        minted = payout - sealed.fees
    self._settle(subnet, epoch, sealed.pot - sealed.fees, sealed.fees + minted - payout)
    self.previous[subnet] = id
    sealed.status = Status.CLOSED
    sealed.payout = payout
    sealed.claims = claims
    sealed.closing = id
    self.epochs[subnet][epoch] = sealed
    return minted


@internal
def _skip(subnet: uint256, epoch: uint256):
    """
    @dev Give an epoch up: nothing is minted, its fees wait.
    """
    sealed: Epoch = self.epochs[subnet][epoch]
    self._settle(subnet, epoch, sealed.pot - sealed.fees, sealed.fees)
    self.epochs[subnet][epoch].status = Status.SKIPPED

    log Skipped(subnet=subnet, epoch=epoch)


@internal
def _settle(subnet: uint256, epoch: uint256, freed: uint256, left: uint256):
    self.reserved -= freed
    self.carried[subnet] += left
    next: uint256 = self._after[subnet][epoch]
    if next == 0:
        next = self.next_seal[subnet]
    self.next_close[subnet] = next
