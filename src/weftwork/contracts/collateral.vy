# pragma version ~=0.4.3
"""
@title Collateral
@license Apache-2.0
@notice What an account locks to stand for an agent's work on a subnet. It stays slashable until it has been paid back.
"""

BPS: constant(uint256) = 10_000


struct Collateral:
    account: address
    amount: uint256
    release: uint256


collaterals: public(HashMap[uint256, HashMap[uint256, Collateral]])


event CollateralChanged:
    subnet: indexed(uint256)
    agent: indexed(uint256)
    account: indexed(address)
    amount: uint256
    release: uint256


@internal
def _lock(subnet: uint256, agent: uint256, amount: uint256):
    """
    @dev Add the caller's `amount`; a release under way is called off.
    """
    held: Collateral = self.collaterals[subnet][agent]
    assert held.amount == 0 or held.account == msg.sender, "stakes: collateral is another account's"
    assert amount != 0, "stakes: amount is too small"

    self._set(subnet, agent, Collateral(account=msg.sender, amount=held.amount + amount, release=0))


@internal
def _release(subnet: uint256, agent: uint256, unbonding: uint256) -> uint256:
    """
    @dev First start the unbonding, then give up the collateral: what is to be paid to the caller now.
    """
    held: Collateral = self.collaterals[subnet][agent]
    assert held.account == msg.sender and held.amount != 0, "stakes: caller has no collateral here"

    if held.release == 0:
        held.release = block.number + unbonding
        self._set(subnet, agent, held)
        return 0

    assert block.number >= held.release, "stakes: collateral is still unbonding"

    self._set(subnet, agent, empty(Collateral))
    return held.amount


@internal
def _cut(subnet: uint256, agent: uint256, amount: uint256) -> uint256:
    """
    @dev Take up to `amount` away: what was taken.
    """
    held: Collateral = self.collaterals[subnet][agent]
    cut: uint256 = min(amount, held.amount)
    if cut != 0:
        held.amount -= cut
        self._set(subnet, agent, held)
    return cut


@internal
def _set(subnet: uint256, agent: uint256, held: Collateral):
    self.collaterals[subnet][agent] = held

    log CollateralChanged(
        subnet=subnet, agent=agent, account=held.account, amount=held.amount, release=held.release
    )
