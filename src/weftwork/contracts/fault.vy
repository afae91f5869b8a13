# pragma version ~=0.4.3
"""
@title Faults
@license Apache-2.0
@notice Who was slashed for what already: a leaf of a closing counts once, and two closings signed by a validator count
        once for all that it signed up to the report.
"""

_slashed: HashMap[bytes32, bool]
# the first epoch of which an agent can still be accused
_judged: HashMap[uint256, HashMap[uint256, uint256]]


@internal
def _mark(subnet: uint256, epoch: uint256, agent: uint256):
    """
    @dev Note that an agent lost collateral by a closing.
    """
    key: bytes32 = keccak256(abi_encode(subnet, epoch, agent))
    assert not self._slashed[key], "epochs: already slashed"

    self._slashed[key] = True


@internal
def _judge(subnet: uint256, epoch: uint256, agent: uint256, current: uint256):
    """
    @dev Note that an agent was accused of two closings of `epoch`: one slash covers all epochs before `current`.
    """
    assert epoch >= self._judged[subnet][agent], "epochs: already slashed"

    self._judged[subnet][agent] = current
