# pragma version ~=0.4.3
"""
@title Reveals
@license Apache-2.0
@notice Who showed his weights in which epoch, and in which epochs anybody did: where nobody has, nobody votes.
"""

import checkpoint

uses: checkpoint

REVEALS: constant(uint256) = 3

# who revealed in an epoch, a bit for each uid
revealed: public(HashMap[uint256, HashMap[uint256, uint256]])
# from an epoch with reveals to the next; the first is found from 0, and each is stored plus one
_next: HashMap[uint256, HashMap[uint256, uint256]]


@internal
def _mark(subnet: uint256, epoch: uint256, uid: uint256):
    """
    @dev Note that a seat has revealed.
    """
    before: uint256 = self.revealed[subnet][epoch]
    if before == 0:
        key: bytes32 = self._key(subnet)
        self._next[subnet][checkpoint._latest(key)] = epoch + 1
        checkpoint._set(key, epoch, epoch + 1)
    self.revealed[subnet][epoch] = before | (1 << uid)


@internal
@view
def _recent(subnet: uint256, epoch: uint256) -> uint256:
    """
    @dev Who did not miss both this epoch's reveal and the one before, a bit for each uid.
    """
    if epoch == 0:
        return self.revealed[subnet][0]

    return self.revealed[subnet][epoch] | self.revealed[subnet][epoch - 1]


@internal
@view
def _next_judged(subnet: uint256, epoch: uint256) -> uint256:
    """
    @dev The first epoch from `epoch` on with a reveal in it or in the one before; the largest number if there is none.
    """
    if self._recent(subnet, epoch) != 0:
        return epoch

    found: uint256 = self._next[subnet][checkpoint._at(self._key(subnet), epoch)]
    if found == 0:
        return max_value(uint256)

    return found - 1


@internal
@pure
def _key(subnet: uint256) -> bytes32:
    return keccak256(abi_encode(subnet, empty(uint256), REVEALS))
