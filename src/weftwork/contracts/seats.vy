# pragma version ~=0.4.3
"""
@title Validators' seats
@license Apache-2.0
@notice Who sits where in which epoch: a bit for each uid, the agent on the seat, and the key that signs for it. A change
        counts from an epoch on and earlier epochs stay as they were.
"""

import checkpoint

uses: checkpoint

SEATS: constant(uint256) = 0
AGENT: constant(uint256) = 1
SIGNER: constant(uint256) = 2

_words: HashMap[uint256, HashMap[uint256, uint256]]
_changes: HashMap[uint256, uint256]


@internal
@pure
def _has(word: uint256, uid: uint256) -> bool:
    return (word >> uid) & 1 == 1


@internal
@pure
def _key(subnet: uint256, uid: uint256, kind: uint256) -> bytes32:
    return keccak256(abi_encode(subnet, uid, kind))


@internal
@view
def _at(subnet: uint256, epoch: uint256) -> uint256:
    """
    @dev Who has a seat in `epoch`, a bit for each uid.
    """
    return self._words[subnet][checkpoint._at(self._key(subnet, 0, SEATS), epoch)]


@internal
def _set(subnet: uint256, epoch: uint256, word: uint256):
    change: uint256 = self._changes[subnet] + 1
    self._changes[subnet] = change
    self._words[subnet][change] = word
    checkpoint._set(self._key(subnet, 0, SEATS), epoch, change)


@internal
@view
def _agent_at(subnet: uint256, uid: uint256, epoch: uint256) -> uint256:
    return checkpoint._at(self._key(subnet, uid, AGENT), epoch)


@internal
def _set_agent(subnet: uint256, uid: uint256, epoch: uint256, agent: uint256):
    checkpoint._set(self._key(subnet, uid, AGENT), epoch, agent)


@internal
@view
def _signer_at(subnet: uint256, uid: uint256, epoch: uint256) -> address:
    return convert(convert(checkpoint._at(self._key(subnet, uid, SIGNER), epoch), uint160), address)


@internal
def _set_signer(subnet: uint256, uid: uint256, epoch: uint256, signer: address):
    if self._signer_at(subnet, uid, epoch) != signer:
        checkpoint._set(self._key(subnet, uid, SIGNER), epoch, convert(signer, uint256))
