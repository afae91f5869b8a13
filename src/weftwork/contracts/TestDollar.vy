# pragma version ~=0.4.3
"""
@title Test dollar
@license Apache-2.0
@notice A dollar without worth, for networks on one machine: an ERC-20 that its owner mints. A real network lists a
        stablecoin that exists.
@custom:halt Nobody can pause transfers, freeze an account or take its tokens. The owner mints as much as it likes.
"""

from ethereum.ercs import IERC20
from ethereum.ercs import IERC20Detailed

import ownable

implements: IERC20
implements: IERC20Detailed

initializes: ownable

exports: (
    ownable.owner,
    ownable.pending_owner,
    ownable.propose_owner,
    ownable.accept_owner,
    ownable.renounce_owner,
)


name: public(constant(String[11])) = "Test dollar"
symbol: public(constant(String[4])) = "TUSD"

decimals: public(immutable(uint8))

balanceOf: public(HashMap[address, uint256])
allowance: public(HashMap[address, HashMap[address, uint256]])
totalSupply: public(uint256)


event Transfer:
    sender: indexed(address)
    receiver: indexed(address)
    value: uint256


event Approval:
    owner: indexed(address)
    spender: indexed(address)
    value: uint256


@deploy
def __init__(owner: address, decimals_: uint8, first: uint256):
    """
    @notice `owner` gets `first` smallest units now, and mints.
    """
    ownable.__init__(owner)
    decimals = decimals_
    self._mint(owner, first)


@external
def transfer(receiver: address, amount: uint256) -> bool:
    self._transfer(msg.sender, receiver, amount)
    return True


@external
def transferFrom(owner: address, receiver: address, amount: uint256) -> bool:
    allowed: uint256 = self.allowance[owner][msg.sender]
    if allowed != max_value(uint256):
        assert allowed >= amount, "dollar: allowance is too low"
        self.allowance[owner][msg.sender] = unsafe_sub(allowed, amount)
    self._transfer(owner, receiver, amount)
    return True


@external
def approve(spender: address, amount: uint256) -> bool:
    self.allowance[msg.sender][spender] = amount

    log Approval(owner=msg.sender, spender=spender, value=amount)
    return True


@external
def mint(receiver: address, amount: uint256):
    """
    @notice Create `amount` for `receiver`; only the owner.
    """
    ownable._check_owner()

    self._mint(receiver, amount)


@internal
def _mint(receiver: address, amount: uint256):
    assert receiver != empty(address), "dollar: receiver is zero"

    self.totalSupply += amount
    self.balanceOf[receiver] += amount

    log Transfer(sender=empty(address), receiver=receiver, value=amount)


@internal
def _transfer(owner: address, receiver: address, amount: uint256):
    assert receiver != empty(address), "dollar: receiver is zero"
    assert self.balanceOf[owner] >= amount, "dollar: balance is too low"

    self.balanceOf[owner] = unsafe_sub(self.balanceOf[owner], amount)
    self.balanceOf[receiver] += amount

    log Transfer(sender=owner, receiver=receiver, value=amount)
