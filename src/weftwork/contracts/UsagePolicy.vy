# pragma version ~=0.4.3
"""
@title Emission by usage
@license Apache-2.0
@notice A subnet attracts emission by the part of its fees that was burnt since its last epoch: its share of what all
        subnets burnt in their last epochs, and always less than it burnt itself. So who pays himself loses.
@custom:halt Nothing to halt: it holds no tokens. Only `Epochs` counts usage.
"""


interface Channels:
    def burned_of(subnet: uint256) -> uint256: view


BPS: constant(uint256) = 10_000

channels: public(immutable(address))
return_bps: public(immutable(uint256))
DEPLOYER: immutable(address)


epochs: public(address)
counted: public(HashMap[uint256, uint256])
recent: public(HashMap[uint256, uint256])
total: public(uint256)


@deploy
def __init__(channels_: address, return_bps_: uint256):
    """
    @notice At most `return_bps_` of what was burnt comes back as emission; below the whole.
    """
    assert return_bps_ < BPS, "usage: a fee must burn more than it attracts"

    channels = channels_
    return_bps = return_bps_
    DEPLOYER = msg.sender


@external
def bind(epochs_: address):
    """
    @notice Name the contract that seals epochs; once, by the deployer.
    """
    assert msg.sender == DEPLOYER, "usage: caller is not the deployer"
    assert self.epochs == empty(address), "usage: already bound"

    self.epochs = epochs_


@external
def allot(subnet: uint256, budget: uint256) -> uint256:
    """
    @notice What a subnet may mint out of `budget`, which all subnets share; counts its usage up to now.
    """
    assert msg.sender == self.epochs, "usage: caller is not the epochs contract"

    burned: uint256 = staticcall Channels(channels).burned_of(subnet)
    fresh: uint256 = burned - self.counted[subnet]
    total: uint256 = self.total + fresh - self.recent[subnet]
    self.counted[subnet] = burned
    self.recent[subnet] = fresh
    self.total = total
    if total == 0:
        return 0

    return min(budget * fresh // total, fresh * return_bps // BPS)
