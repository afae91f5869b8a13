# pragma version ~=0.4.3
"""
@title Epochs
@license Apache-2.0
@notice Emission and fees of each epoch, paid by a closing that a quorum of validators' stake has signed, claim by claim.
        Never more than the pot, whatever a closing says.
@custom:halt Nobody can pause this contract. Validators who do not sign delay an epoch; after `stall_epochs` anyone
             skips it: its emission is never minted and its fees carry over. Open claims can be made for ever.
"""

import book
import closing
import eip712
import emission
import fault
import merkle
import quorum
import signature

initializes: book
initializes: closing
initializes: eip712
initializes: fault

exports: (
    book.carried,
    book.epochs,
    book.next_close,
    book.next_seal,
    book.previous,
    book.reserved,
    closing.hash_closing,
    closing.is_claimed,
    eip712.DOMAIN_SEPARATOR,
    eip712.eip712Domain,
)


interface Token:
    def transfer(receiver: address, amount: uint256) -> bool: nonpayable
    def mint(receiver: address, amount: uint256): nonpayable
    def burn(amount: uint256): nonpayable
    def minted() -> uint256: view
    def CAP() -> uint256: view


interface Stakes:
    def unbonding() -> uint256: view
    def reward(subnet: uint256, agent: uint256, amount: uint256): nonpayable
    def slash(
        subnet: uint256, agent: uint256, bps: uint256, culprit: address, reporter: address
    ) -> uint256: nonpayable
    def slash_collateral(subnet: uint256, agent: uint256, amount: uint256, bps: uint256) -> uint256: nonpayable


struct ClosingRules:
    params: bytes32
    first_block: uint256
    tempo: uint256
    current: uint256
    window: uint256
    stall: uint256
    equivocation_bps: uint256
    fault_bps: uint256
    live: bool


interface Subnets:
    def closing_rules(subnet: uint256, epoch: uint256) -> ClosingRules: view
    def note_pay(subnet: uint256, agent: uint256, epoch: uint256, amount: uint256): nonpayable


interface Weights:
    def seat(subnet: uint256, epoch: uint256, uid: uint256) -> (uint256, address, uint256): view
    def total_stake(subnet: uint256, epoch: uint256) -> uint256: view
    def seated_stake(subnet: uint256, epoch: uint256) -> uint256: view
    def next_judged(subnet: uint256, epoch: uint256) -> uint256: view


interface Channels:
    def collect(subnet: uint256) -> uint256: nonpayable


interface Policy:
    def allot(subnet: uint256, budget: uint256) -> uint256: nonpayable


MAX_CLAIMS: constant(uint256) = 32
PAY: constant(uint256) = 0
STAKE: constant(uint256) = 1
SLASH: constant(uint256) = 2

token: public(immutable(address))
identity: public(immutable(address))
reputation: public(immutable(address))
validation: public(immutable(address))
stakes: public(immutable(address))
subnets: public(immutable(address))
weights: public(immutable(address))
channels: public(immutable(address))
policy: public(immutable(address))
base_emission: public(immutable(uint256))
CAP: immutable(uint256)

# the stake that signed an epoch's closing
signed_of: public(HashMap[uint256, HashMap[uint256, uint256]])
# the stake on all seats of an epoch, counted once when its first slash is claimed
_seated: HashMap[uint256, HashMap[uint256, uint256]]


event Raised:
    network: indexed(address)


event Closed:
    subnet: indexed(uint256)
    epoch: indexed(uint256)
    id: indexed(bytes32)
    closing: closing.Closing
    signed: uint256
    minted: uint256


event Claimed:
    subnet: indexed(uint256)
    epoch: indexed(uint256)
    agent: indexed(uint256)
    index: uint256
    kind: uint256
    account: address
    amount: uint256


event Equivocated:
    subnet: indexed(uint256)
    epoch: indexed(uint256)
    agent: indexed(uint256)
    uid: uint256
    slashed: uint256


@deploy
def __init__(
    token_: address,
    identity_: address,
    reputation_: address,
    validation_: address,
    stakes_: address,
    subnets_: address,
    weights_: address,
    channels_: address,
    policy_: address,
    base_emission_: uint256,
):
    """
    @notice `base_emission_` is what a block mints before the first halving; `channels_` may be zero (no fees). The
            registries are kept only so that one address leads to the whole network.
    """
    eip712.__init__("Weftwork", "1")
    token = token_
    identity = identity_
    reputation = reputation_
    validation = validation_
    stakes = stakes_
    subnets = subnets_
    weights = weights_
    channels = channels_
    policy = policy_
    base_emission = base_emission_
    CAP = staticcall Token(token_).CAP()

    log Raised(network=self)


@external
def seal(subnet: uint256, epoch: uint256) -> uint256:
    """
    @notice Fix what an epoch that has ended may pay, and whose stake decides on it; anyone, in order. The pot. Epochs
            in which nobody could vote are passed by, this one too: their fees wait, or are burnt where the subnet is
            dissolved and nobody judges any more.
    """
    rules: ClosingRules = staticcall Subnets(subnets).closing_rules(subnet, epoch)
    assert epoch < rules.current, "epochs: epoch has not ended"
    first: uint256 = book.next_seal[subnet]
    assert (
        first == epoch or (first < epoch and staticcall Weights(weights).next_judged(subnet, first) >= epoch)
    ), "epochs: epochs are sealed in order"

    if channels != empty(address):
        fees: uint256 = extcall Channels(channels).collect(subnet)
        book.carried[subnet] += fees
    issued: uint256 = staticcall Token(token).minted() + book.reserved
    budget: uint256 = emission._block_emission(issued, CAP, base_emission) * rules.tempo
    total: uint256 = staticcall Weights(weights).total_stake(subnet, epoch)
    allotted: uint256 = 0
    # asked for the newest epoch in any case, so that a policy that counts usage forgets a subnet that has died
    if total != 0 or epoch + 1 == rules.current:
        allotted = extcall Policy(policy).allot(subnet, budget)
    if total == 0:
        book._pass(subnet, epoch)
        if not rules.live and book.next_close[subnet] == book.next_seal[subnet]:
            self._burn(subnet)
        return 0

    if first != epoch:
        book._pass(subnet, epoch - 1)
    minting: uint256 = 0
    if rules.live and rules.current <= epoch + rules.stall:
        minting = min(min(allotted, budget), CAP - min(issued, CAP))
    last: uint256 = rules.first_block + rules.tempo - 1
    snapshot: bytes32 = empty(bytes32)
    if block.number - last <= 256:
        snapshot = blockhash(last)
    book._seal(subnet, epoch, minting, total, snapshot)
    return book.epochs[subnet][epoch].pot


@external
def close(result: closing.Closing, votes: DynArray[quorum.Vote, quorum.MAX_VOTES]):
    """
    @notice Accept an epoch's result: at once with two thirds of the stake, with more than half after the window. Votes
            come by rising uid.
    """
    subnet: uint256 = result.subnet
    sealed: book.Epoch = book._open(subnet, result.epoch)
    rules: ClosingRules = staticcall Subnets(subnets).closing_rules(subnet, result.epoch)
    assert rules.current <= result.epoch + rules.stall, "epochs: epoch has stalled"
    assert result.snapshot == sealed.snapshot, "epochs: snapshot differs"
    assert result.params == rules.params, "epochs: params differ"
    assert result.previous == book.previous[subnet], "epochs: previous closing differs"
    assert result.pot == sealed.pot, "epochs: pot differs"
    assert result.payout <= sealed.pot, "epochs: payout is over the pot"
    id: bytes32 = closing._hash(result)
    signed: uint256 = quorum._signed(weights, identity, subnet, result.epoch, eip712._digest(id), votes)
    is_late: bool = block.number >= rules.first_block + rules.tempo + rules.window
    assert quorum._accepts(signed, sealed.total, is_late), "epochs: quorum is not reached"

    self.signed_of[subnet][result.epoch] = signed
    minted: uint256 = book._close(subnet, result.epoch, result.payout, result.claims, id)

    log Closed(subnet=subnet, epoch=result.epoch, id=id, closing=result, signed=signed, minted=minted)

    if minted != 0:
        extcall Token(token).mint(self, minted)


@external
def skip(subnet: uint256, epoch: uint256):
    """
    @notice Give up an epoch that stalled; its fees carry over and nothing is minted.
    """
    sealed: book.Epoch = book._open(subnet, epoch)
    rules: ClosingRules = staticcall Subnets(subnets).closing_rules(subnet, epoch)
    assert rules.current > epoch + rules.stall, "epochs: epoch has not stalled"

    book._skip(subnet, epoch)


@external
def claim(subnet: uint256, epoch: uint256, item: merkle.Claim):
    """
    @notice Carry out one leaf of a closing: pay an account, reward a stake pool, or burn collateral; anyone for anyone.
            Collateral is burnt only if more than half of the stake on all seats, silent ones too, signed the closing.
    """
    self._claim(subnet, epoch, item)


@external
def claim_many(subnet: uint256, epoch: uint256, claims: DynArray[merkle.Claim, MAX_CLAIMS]):
    """
    @notice Carry out several leaves of one closing; those that were carried out before are passed over.
    """
    for item: merkle.Claim in claims:
        if not closing._is_claimed(subnet, epoch, item.index):
            self._claim(subnet, epoch, item)


@external
def report_equivocation(
    uid: uint256,
    first: closing.Closing,
    first_signature: Bytes[65],
    second: closing.Closing,
    second_signature: Bytes[65],
):
    """
    @notice Slash a validator that signed two different closings of a sealed epoch, once for all that it signed up to
            now and while its stake of then is still within reach. A tenth of its own loss goes to the caller.
    """
    assert first.subnet == second.subnet and first.epoch == second.epoch, "epochs: closings are of two epochs"
    subnet: uint256 = first.subnet
    epoch: uint256 = first.epoch
    first_id: bytes32 = closing._hash(first)
    second_id: bytes32 = closing._hash(second)
    assert first_id != second_id, "epochs: the closings are the same"
    agent: uint256 = 0
    signer: address = empty(address)
    _stake: uint256 = 0
    agent, signer, _stake = staticcall Weights(weights).seat(subnet, epoch, uid)
    assert signer != empty(address), "epochs: nobody had that seat"
    assert signature._recover(eip712._digest(first_id), first_signature) == signer, "epochs: signer differs"
    assert signature._recover(eip712._digest(second_id), second_signature) == signer, "epochs: signer differs"

    rules: ClosingRules = staticcall Subnets(subnets).closing_rules(subnet, epoch)
    assert epoch < book.next_seal[subnet], "epochs: epoch is not sealed"
    ended: uint256 = rules.first_block + rules.tempo
    assert block.number < ended + staticcall Stakes(stakes).unbonding(), "epochs: evidence is too old"

    fault._judge(subnet, epoch, agent, rules.current)
    slashed: uint256 = extcall Stakes(stakes).slash(subnet, agent, rules.equivocation_bps, signer, msg.sender)

    log Equivocated(subnet=subnet, epoch=epoch, agent=agent, uid=uid, slashed=slashed)


@external
@view
def may_slash(subnet: uint256, epoch: uint256) -> bool:
    """
    @notice Whether an epoch's closing was signed by enough stake for its leaves that burn collateral.
    """
    return quorum._may_slash(
        self.signed_of[subnet][epoch], staticcall Weights(weights).seated_stake(subnet, epoch)
    )


@external
@view
def block_emission() -> uint256:
    """
    @notice What the next epoch to be sealed is given for each of its blocks, over all subnets.
    """
    return emission._block_emission(staticcall Token(token).minted() + book.reserved, CAP, base_emission)


@internal
def _burn(subnet: uint256):
    """
    @dev Burn fees that nobody can ever be paid.
    """
    amount: uint256 = book.carried[subnet]
    if amount != 0:
        book.carried[subnet] = 0
        extcall Token(token).burn(amount)


@internal
def _check_slash(subnet: uint256, epoch: uint256):
    seated: uint256 = self._seated[subnet][epoch]
    if seated == 0:
        seated = staticcall Weights(weights).seated_stake(subnet, epoch)
        self._seated[subnet][epoch] = seated
    assert quorum._may_slash(self.signed_of[subnet][epoch], seated), "epochs: too little stake signed to slash"


@internal
def _claim(subnet: uint256, epoch: uint256, item: merkle.Claim):
    closed: book.Epoch = book.epochs[subnet][epoch]
    assert closed.status == book.Status.CLOSED, "epochs: epoch is not closed"
    assert merkle._holds(closed.claims, subnet, epoch, item), "epochs: proof does not hold"

    closing._mark(subnet, epoch, item.index)
    if item.kind == SLASH:
        self._check_slash(subnet, epoch)
    else:
        assert closed.claimed + item.amount <= closed.payout, "epochs: claims are over the payout"
        book.epochs[subnet][epoch].claimed = closed.claimed + item.amount

    log Claimed(
        subnet=subnet,
        epoch=epoch,
        agent=item.agent,
        index=item.index,
        kind=item.kind,
        account=item.account,
        amount=item.amount,
    )

    if item.kind == SLASH:
        fault._mark(subnet, epoch, item.agent)
        rules: ClosingRules = staticcall Subnets(subnets).closing_rules(subnet, epoch)
        extcall Stakes(stakes).slash_collateral(subnet, item.agent, item.amount, rules.fault_bps)
        return

    extcall Subnets(subnets).note_pay(subnet, item.agent, epoch, item.amount)
    if item.kind == PAY:
        assert extcall Token(token).transfer(item.account, item.amount)
    else:
        assert item.kind == STAKE, "epochs: there is no such kind of claim"
        assert extcall Token(token).transfer(stakes, item.amount)
        extcall Stakes(stakes).reward(subnet, item.agent, item.amount)
