# pragma version ~=0.4.3
"""
@title Payment channels
@license Apache-2.0
@notice One deposit for each (payer, receiver), spent by signed vouchers that name a growing total, so that a model
        call costs no gas. Anyone submits a voucher; the payment is shared by the channel's route into balances that
        are pulled.
@custom:halt Nobody can pause it, and it has no owner. A payer gets back what no voucher claims, `withdraw_delay`
             blocks after asking; a receiver claims at any time until then; balances are pulled for ever. If the
             contracts of subnets or epochs fail, only opening on a subnet and a subnet's pot stop.
"""

import eip712
import escrow
import route
import signature

initializes: eip712
initializes: escrow
initializes: route

exports: (
    eip712.DOMAIN_SEPARATOR,
    eip712.eip712Domain,
    escrow.channel_id,
    escrow.channel_of,
    escrow.request_withdraw,
    escrow.set_signer,
    escrow.withdraw_delay,
    route.balance_of,
    route.create_route,
    route.legs_of,
    route.to_burn,
)


interface Token:
    def transfer(receiver: address, amount: uint256) -> bool: nonpayable
    def transferFrom(owner: address, receiver: address, amount: uint256) -> bool: nonpayable
    def receiveWithAuthorization(
        owner: address, receiver: address, amount: uint256, valid_after: uint256, valid_before: uint256,
        nonce: bytes32, v: uint8, r: bytes32, s: bytes32,
    ): nonpayable
    def burn(amount: uint256): nonpayable


interface Subnets:
    def fee_split(subnet: uint256) -> (uint256, uint256): view


VOUCHER_TYPEHASH: constant(bytes32) = keccak256(
    "Voucher(bytes32 channel,uint256 cumulative,bytes32 receipt)"
)
OPEN_TAG: constant(bytes32) = keccak256("weft.open")
DEPOSIT_TAG: constant(bytes32) = keccak256("weft.deposit")
# Most vouchers in one call.
MAX_CLAIMS: constant(uint256) = 64
STALE: constant(uint256) = 1
EMPTY: constant(uint256) = 2
FORGED: constant(uint256) = 3

token: public(immutable(address))
subnets: public(immutable(address))
DEPLOYER: immutable(address)


struct Claim:
    payer: address
    receiver: address
    cumulative: uint256
    receipt: bytes32
    signature: Bytes[65]


struct Authorization:
    valid_after: uint256
    valid_before: uint256
    salt: bytes32
    v: uint8
    r: bytes32
    s: bytes32


epochs: public(address)
is_pot: public(HashMap[address, bool])
fees_of: public(HashMap[uint256, uint256])
burned_of: public(HashMap[uint256, uint256])


event Claimed:
    channel: indexed(bytes32)
    receipt: indexed(bytes32)
    amount: uint256
    claimed: uint256


event ClaimSkipped:
    channel: indexed(bytes32)
    index: uint256
    code: uint256


event Pulled:
    account: indexed(address)
    amount: uint256


event Collected:
    subnet: indexed(uint256)
    amount: uint256


event Burnt:
    amount: uint256


@deploy
def __init__(token_: address, subnets_: address, delay: uint256):
    """
    @notice A payer's withdrawal waits `delay` blocks. Without subnets (zero), channels are opened on subnet 0 only.
    """
    eip712.__init__("Weftwork", "1")
    token = token_
    subnets = subnets_
    escrow.__init__(delay)
    DEPLOYER = msg.sender


@external
def bind(epochs_: address):
    """
    @notice Name the contract that collects the subnets' pots; once, by the deployer.
    """
    assert msg.sender == DEPLOYER, "channels: caller is not the deployer"
    assert self.epochs == empty(address), "channels: already bound"

    self.epochs = epochs_


@external
def open(receiver: address, subnet: uint256, signer: address, amount: uint256) -> bytes32:
    """
    @notice Open a channel to `receiver`, whose payments are shared as the subnet shares fees now (0: all is the
            receiver's). `signer` is a session key beside the payer's own, or zero. Returns the channel's id.
    """
    channel: bytes32 = escrow._open(msg.sender, receiver, subnet, self._subnet_route(subnet), signer, amount)
    self._receive(msg.sender, amount)
    return channel


@external
def open_route(receiver: address, route_: bytes32, signer: address, amount: uint256) -> bytes32:
    """
    @notice Open a channel to `receiver`, whose payments are shared by a route made before.
    """
    assert len(route._legs[route_]) != 0, "channels: route is unknown"

    channel: bytes32 = escrow._open(msg.sender, receiver, 0, route_, signer, amount)
    self._receive(msg.sender, amount)
    return channel


@external
def open_with_authorization(
    payer: address, receiver: address, subnet: uint256, signer: address, amount: uint256, given: Authorization
) -> bytes32:
    """
    @notice Open a channel for a payer who signed an ERC-3009 receiveWithAuthorization to this contract, whose nonce
            is keccak(keccak("weft.open"), receiver, subnet, signer, salt); anyone submits and pays the gas.
    """
    nonce: bytes32 = keccak256(abi_encode(OPEN_TAG, receiver, subnet, signer, given.salt))
    channel: bytes32 = escrow._open(payer, receiver, subnet, self._subnet_route(subnet), signer, amount)
    self._receive_authorized(payer, amount, nonce, given)
    return channel


@external
def deposit(payer: address, receiver: address, amount: uint256):
    """
    @notice Add to an open channel from the caller's tokens; anyone may, unless it is empty.
    """
    escrow._deposit(escrow._id(payer, receiver), amount, msg.sender == payer)
    self._receive(msg.sender, amount)


@external
def deposit_with_authorization(payer: address, receiver: address, amount: uint256, given: Authorization):
    """
    @notice As `open_with_authorization`, for an open channel; the nonce is keccak(keccak("weft.deposit"), receiver,
            salt).
    """
    nonce: bytes32 = keccak256(abi_encode(DEPOSIT_TAG, receiver, given.salt))
    escrow._deposit(escrow._id(payer, receiver), amount, True)
    self._receive_authorized(payer, amount, nonce, given)


@external
def claim(payer: address, receiver: address, cumulative: uint256, receipt: bytes32, signature_: Bytes[65]) -> uint256:
    """
    @notice Redeem a voucher: the payment is what of `cumulative` is deposited and not yet claimed. Anyone may.
    """
    code: uint256 = 0
    amount: uint256 = 0
    code, amount = self._claim(escrow._id(payer, receiver), payer, receiver, cumulative, receipt, signature_)
    assert code != STALE, "channels: voucher is already claimed"
    assert code != EMPTY, "channels: channel is empty"
    assert code != FORGED, "channels: signature is not the payer's"

    return amount


@external
def claim_many(claims: DynArray[Claim, MAX_CLAIMS]) -> uint256:
    """
    @notice Redeem many vouchers. One that cannot be redeemed is skipped and named by `ClaimSkipped`, with code 1 for
            stale, 2 for an empty channel, 3 for a wrong signature. Returns what was paid in all.
    """
    total: uint256 = 0
    for i: uint256 in range(len(claims), bound=MAX_CLAIMS):
        code: uint256 = 0
        amount: uint256 = 0
        id: bytes32 = escrow._id(claims[i].payer, claims[i].receiver)
        code, amount = self._claim(
            id, claims[i].payer, claims[i].receiver, claims[i].cumulative, claims[i].receipt, claims[i].signature
        )
        total += amount
        if code != 0:
            log ClaimSkipped(channel=id, index=i, code=code)

    return total


@external
def withdraw(receiver: address) -> uint256:
    """
    @notice Pay the caller what it asked for and vouchers have left; returns the amount.
    """
    id: bytes32 = escrow._id(msg.sender, receiver)
    channel: escrow.Channel = escrow._get(id)
    assert channel.closing_amount != 0, "channels: no withdrawal is asked for"
    assert block.number >= channel.closing_at, "channels: withdrawal is not due"

    escrow._close(id, 0)
    return self._return(id, msg.sender, min(channel.closing_amount, escrow._balance(channel)))


@external
def release(payer: address, amount: uint256) -> uint256:
    """
    @notice Give the payer back, at once, up to `amount` that the caller, the receiver, will not claim.
    """
    id: bytes32 = escrow._id(payer, msg.sender)
    channel: escrow.Channel = escrow._get(id)
    return self._return(id, payer, min(amount, escrow._balance(channel)))


@external
def pull(account: address) -> uint256:
    """
    @notice Pay an account its balance; anyone may. A subnet's pot is only collected.
    """
    assert not self.is_pot[account], "channels: account is a subnet's pot"

    amount: uint256 = route._take(account)

    log Pulled(account=account, amount=amount)

    self._pay(account, amount)
    return amount


@external
def collect(subnet: uint256) -> uint256:
    """
    @notice Move a subnet's pot to the contract of epochs, which pays it out; returns the amount.
    """
    assert msg.sender == self.epochs, "channels: caller is not epochs"

    amount: uint256 = route._take(self._pot(subnet))

    log Collected(subnet=subnet, amount=amount)

    self._pay(msg.sender, amount)
    return amount


@external
def sweep_burn() -> uint256:
    """
    @notice Burn what payments have set aside to be burnt; anyone may.
    """
    amount: uint256 = route.to_burn
    route.to_burn = 0

    log Burnt(amount=amount)

    extcall Token(token).burn(amount)
    return amount


@external
@pure
def pot_of(subnet: uint256) -> address:
    """
    @notice The account, without a key, under which the fees of a subnet's validators are kept.
    """
    return self._pot(subnet)


@internal
@pure
def _pot(subnet: uint256) -> address:
    digest: bytes32 = keccak256(concat(b"weft.pot", convert(subnet, bytes32)))
    return convert(convert(convert(digest, uint256) & convert(max_value(uint160), uint256), uint160), address)


@internal
def _subnet_route(subnet: uint256) -> bytes32:
    """
    @dev The route of a subnet's fees as its parameters are now; none where the receiver gets all.
    """
    if subnet == 0:
        return empty(bytes32)

    assert subnets != empty(address), "channels: there are no subnets"

    validators_bps: uint256 = 0
    burn_bps: uint256 = 0
    validators_bps, burn_bps = staticcall Subnets(subnets).fee_split(subnet)
    legs: DynArray[route.Leg, route.MAX_LEGS] = []
    if validators_bps != 0:
        pot: address = self._pot(subnet)
        self.is_pot[pot] = True
        legs.append(route.Leg(account=pot, bps=validators_bps))
    if burn_bps != 0:
        legs.append(route.Leg(account=empty(address), bps=burn_bps))
    if len(legs) == 0:
        return empty(bytes32)

    return route._create(legs)


@internal
def _claim(
    id: bytes32, payer: address, receiver: address, cumulative: uint256, receipt: bytes32, signature_: Bytes[65]
) -> (uint256, uint256):
    """
    @dev Redeem one voucher: a code that is zero if it paid, and the payment.
    """
    claimed: uint256 = escrow.channels[id].claimed
    if cumulative <= claimed:
        return STALE, 0

    total: uint256 = min(cumulative, escrow.channels[id].deposited - escrow.channels[id].withdrawn)
    if total == claimed:
        return EMPTY, 0

    digest: bytes32 = eip712._digest(keccak256(abi_encode(VOUCHER_TYPEHASH, id, cumulative, receipt)))
    signer: address = signature._recover(digest, signature_)
    if signer == empty(address):
        return FORGED, 0

    if signer != payer and signer != escrow._signer(escrow.channels[id]):
        return FORGED, 0

    amount: uint256 = total - claimed
    escrow.channels[id].claimed = total
    burnt: uint256 = route._share(escrow.channels[id].route, receiver, amount)
    subnet: uint256 = escrow.channels[id].subnet
    if subnet != 0:
        self.fees_of[subnet] += amount
        self.burned_of[subnet] += burnt

    log Claimed(channel=id, receipt=receipt, amount=amount, claimed=total)
    return 0, amount


@internal
def _return(id: bytes32, payer: address, amount: uint256) -> uint256:
    escrow._withdraw(id, amount)
    self._pay(payer, amount)
    return amount


@internal
def _receive(account: address, amount: uint256):
    assert extcall Token(token).transferFrom(account, self, amount)


@internal
def _receive_authorized(account: address, amount: uint256, nonce: bytes32, given: Authorization):
    extcall Token(token).receiveWithAuthorization(
        account, self, amount, given.valid_after, given.valid_before, nonce, given.v, given.r, given.s
    )


@internal
def _pay(account: address, amount: uint256):
    if amount != 0:
        assert extcall Token(token).transfer(account, amount)
