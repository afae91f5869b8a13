# pragma version ~=0.4.3
"""
@title Epoch clock
@license Apache-2.0
@notice A subnet's time: epochs of `tempo` blocks from its first block on, numbered from 0. In the first `commit_blocks`
        of each, weights are committed; in the others they are revealed.
"""


struct Clock:
    start: uint256
    tempo: uint256
    commit_blocks: uint256


clocks: public(HashMap[uint256, Clock])


@external
@view
def current_epoch(subnet: uint256) -> uint256:
    """
    @notice The number of the epoch of this block, from 0.
    """
    return self._epoch(subnet, block.number)


@external
@view
def first_block(subnet: uint256, epoch: uint256) -> uint256:
    """
    @notice The first block of an epoch; its last is the one before the next epoch's first.
    """
    return self._first(subnet, epoch)


@external
@view
def phase(subnet: uint256) -> (uint256, bool):
    """
    @notice The current epoch, and whether it takes commitments now (else reveals).
    """
    epoch: uint256 = self._epoch(subnet, block.number)
    return epoch, block.number < self._first(subnet, epoch) + self.clocks[subnet].commit_blocks


@internal
def _start(subnet: uint256, tempo: uint256, commit_blocks: uint256):
    """
    @dev Let epoch 0 begin with this block.
    """
    assert commit_blocks != 0 and commit_blocks < tempo, "subnets: tempo has no room to commit and reveal"

    self.clocks[subnet] = Clock(start=block.number, tempo=tempo, commit_blocks=commit_blocks)


@internal
@view
def _epoch(subnet: uint256, number: uint256) -> uint256:
    """
    @dev The epoch of block `number`.
    """
    clock: Clock = self.clocks[subnet]
    assert clock.tempo != 0, "subnets: there is no such subnet"
    return (number - clock.start) // clock.tempo


@internal
@view
def _first(subnet: uint256, epoch: uint256) -> uint256:
    return self.clocks[subnet].start + epoch * self.clocks[subnet].tempo
