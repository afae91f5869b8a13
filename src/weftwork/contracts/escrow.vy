# pragma version ~=0.4.3
"""
@title Deposits of payment channels
@license Apache-2.0
@notice The book of channels: what was ever deposited, claimed and withdrawn in each, which session key counts, and
        which withdrawal is under way. The contract that uses this moves the tokens.
"""

withdraw_delay: public(immutable(uint256))


struct Channel:
    subnet: uint256
    route: bytes32
    deposited: uint256
    claimed: uint256
    withdrawn: uint256
    signer: address
    next_signer: address
    signer_at: uint256
    closing_amount: uint256
    closing_at: uint256


channels: HashMap[bytes32, Channel]


event Opened:
    channel: indexed(bytes32)
    payer: indexed(address)
    receiver: indexed(address)
    subnet: uint256
    route: bytes32
    signer: address


event Deposited:
    channel: indexed(bytes32)
    amount: uint256


event SignerSet:
    channel: indexed(bytes32)
    signer: indexed(address)
    since: uint256


event WithdrawalRequested:
    channel: indexed(bytes32)
    amount: uint256
    at: uint256


event Withdrawn:
    channel: indexed(bytes32)
    amount: uint256


@deploy
def __init__(delay: uint256):
    withdraw_delay = delay


@external
def set_signer(receiver: address, signer: address):
    """
    @notice Change the session key of the caller's channel. A key in use stays good for `withdraw_delay` blocks, so
            that what it signed is claimed; the first key, or one for an empty channel, holds at once.
    """
    id: bytes32 = self._id(msg.sender, receiver)
    channel: Channel = self._get(id)
    current: address = self._signer(channel)
    since: uint256 = block.number
    if current != empty(address) and self._balance(channel) != 0:
        since += withdraw_delay

    self.channels[id].signer = current
    self.channels[id].next_signer = signer
    self.channels[id].signer_at = since

    log SignerSet(channel=id, signer=signer, since=since)


@external
def request_withdraw(receiver: address, amount: uint256):
    """
    @notice Ask for `amount` back, payable after `withdraw_delay` blocks; a new request replaces the last, and zero
            cancels it.
    """
    id: bytes32 = self._id(msg.sender, receiver)
    self._get(id)
    self._close(id, amount)


@external
@pure
def channel_id(payer: address, receiver: address) -> bytes32:
    """
    @notice The id of a channel, which vouchers name.
    """
    return self._id(payer, receiver)


@external
@view
def channel_of(payer: address, receiver: address) -> Channel:
    """
    @notice The channel as it is; `signer` is the session key that counts in this block.
    """
    channel: Channel = self.channels[self._id(payer, receiver)]
    channel.signer = self._signer(channel)
    return channel


@internal
@pure
def _id(payer: address, receiver: address) -> bytes32:
    return keccak256(abi_encode(payer, receiver))


@internal
@view
def _get(id: bytes32) -> Channel:
    channel: Channel = self.channels[id]
    assert channel.deposited != 0, "channels: channel is not open"

    return channel


@internal
@pure
def _balance(channel: Channel) -> uint256:
    return channel.deposited - channel.withdrawn - channel.claimed


@internal
@view
def _signer(channel: Channel) -> address:
    if block.number >= channel.signer_at:
        return channel.next_signer

    return channel.signer


@internal
def _open(
    payer: address, receiver: address, subnet: uint256, route_: bytes32, signer: address, amount: uint256
) -> bytes32:
    """
    @dev An emptied channel may be opened anew, on other terms.
    """
    assert receiver != empty(address), "channels: receiver is zero"

    id: bytes32 = self._id(payer, receiver)
    channel: Channel = self.channels[id]
    assert self._balance(channel) == 0, "channels: channel is open"

    channel.subnet = subnet
    channel.route = route_
    channel.signer = empty(address)
    channel.next_signer = signer
    channel.signer_at = 0
    channel.closing_amount = 0
    channel.closing_at = 0
    self.channels[id] = channel

    log Opened(channel=id, payer=payer, receiver=receiver, subnet=subnet, route=route_, signer=signer)

    self._add(id, amount)
    return id


@internal
def _deposit(id: bytes32, amount: uint256, is_payer: bool):
    """
    @dev Only the payer fills a channel that is empty, so that nobody keeps him from opening it anew.
    """
    assert self._balance(self._get(id)) != 0 or is_payer, "channels: channel is empty"

    self._add(id, amount)


@internal
def _add(id: bytes32, amount: uint256):
    """
    @dev What was given back counts as claimed once the channel is filled anew: no voucher of before draws on that.
    """
    assert amount != 0, "channels: amount is zero"

    channel: Channel = self.channels[id]
    if channel.withdrawn != 0 and self._balance(channel) == 0:
        self.channels[id].claimed = channel.deposited
        self.channels[id].withdrawn = 0
    self.channels[id].deposited = channel.deposited + amount

    log Deposited(channel=id, amount=amount)


@internal
def _close(id: bytes32, amount: uint256):
    """
    @dev Set the withdrawal under way, and when it is due; zero for none.
    """
    at: uint256 = 0
    if amount != 0:
        at = block.number + withdraw_delay

    self.channels[id].closing_amount = amount
    self.channels[id].closing_at = at

    log WithdrawalRequested(channel=id, amount=amount, at=at)


@internal
def _withdraw(id: bytes32, amount: uint256):
    self.channels[id].withdrawn += amount

    log Withdrawn(channel=id, amount=amount)
