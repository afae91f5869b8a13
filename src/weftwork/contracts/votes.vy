# pragma version ~=0.4.3
"""
@title Votes by delegation
@license Apache-2.0
@notice Who votes with whose balance, now and at any earlier block (ERC-5805, clock by ERC-6372). The token that uses
        this tells it of every change of a balance.
"""

import checkpoint

initializes: checkpoint


SUPPLY_KEY: constant(bytes32) = empty(bytes32)


delegates: public(HashMap[address, address])


event DelegateChanged:
    delegator: indexed(address)
    fromDelegate: indexed(address)
    toDelegate: indexed(address)


event DelegateVotesChanged:
    delegate: indexed(address)
    previousVotes: uint256
    newVotes: uint256


@external
@view
def getVotes(account: address) -> uint256:
    """
    @notice The votes delegated to `account` now.
    """
    return checkpoint._latest(self._votes_key(account))


@external
@view
def getPastVotes(account: address, timepoint: uint256) -> uint256:
    """
    @notice The votes delegated to `account` at the end of block `timepoint`, which must have passed.
    """
    assert timepoint < block.number, "token: block has not passed"

    return checkpoint._at(self._votes_key(account), timepoint)


@external
@view
def getPastTotalSupply(timepoint: uint256) -> uint256:
    """
    @notice The total supply at the end of block `timepoint`, which must have passed.
    """
    assert timepoint < block.number, "token: block has not passed"

    return checkpoint._at(SUPPLY_KEY, timepoint)


@external
@view
def clock() -> uint48:
    """
    @notice The block number, which is this token's clock (ERC-6372).
    """
    return convert(block.number, uint48)


@external
@pure
def CLOCK_MODE() -> String[32]:
    return "mode=blocknumber&from=default"


@internal
def _set_supply(supply: uint256):
    checkpoint._set(SUPPLY_KEY, block.number, supply)


@internal
def _move(owner: address, receiver: address, amount: uint256):
    """
    @dev Votes follow `amount` from one balance to the other; nobody votes for the zero address.
    """
    self._move_votes(self.delegates[owner], self.delegates[receiver], amount)


@internal
def _delegate(owner: address, delegatee: address, balance: uint256):
    """
    @dev Let `delegatee` vote with all of `owner`'s balance.
    """
    previous: address = self.delegates[owner]
    self.delegates[owner] = delegatee

    log DelegateChanged(delegator=owner, fromDelegate=previous, toDelegate=delegatee)

    self._move_votes(previous, delegatee, balance)


@internal
@pure
def _votes_key(account: address) -> bytes32:
    return convert(account, bytes32)


@internal
def _move_votes(source: address, target: address, amount: uint256):
    if source == target or amount == 0:
        return

    if source != empty(address):
        before: uint256 = checkpoint._latest(self._votes_key(source))
        checkpoint._set(self._votes_key(source), block.number, before - amount)
        log DelegateVotesChanged(delegate=source, previousVotes=before, newVotes=before - amount)

    if target != empty(address):
        before: uint256 = checkpoint._latest(self._votes_key(target))
        checkpoint._set(self._votes_key(target), block.number, before + amount)
        log DelegateVotesChanged(delegate=target, previousVotes=before, newVotes=before + amount)
