# pragma version ~=0.4.3
"""
@title Collateral
@license Apache-2.0
@notice What an account locks to stand for an agent's work on a subnet. It stays slashable until it has been paid back,
        and stands for nothing from the moment in which it is asked back: an agent cannot serve with collateral that
        leaves at will.
"""

struct Collateral:
    account: address
    amount: uint256
    release: uint256
    lapse: uint256


# it can be paid back from block `release` on and before block `lapse`; both are 0 where it was not asked for
collaterals: public(HashMap[uint256, HashMap[uint256, Collateral]])


event CollateralChanged:
    subnet: indexed(uint256)
    agent: indexed(uint256)
    account: indexed(address)
    amount: uint256
    release: uint256


@external
@view
def collateral_of(subnet: uint256, agent: uint256) -> uint256:
    """
    @notice The collateral that stands for an agent; none from a request for its release on, until that lapses.
    """
    held: Collateral = self.collaterals[subnet][agent]
    if self._stands(held):
        return held.amount

    return 0


@internal
def _lock(subnet: uint256, agent: uint256, amount: uint256):
    """
    @dev Add the caller's `amount`; a release under way is called off.
    """
    held: Collateral = self.collaterals[subnet][agent]
    assert held.amount == 0 or held.account == msg.sender, "stakes: collateral is another account's"
    assert amount != 0, "stakes: amount is too small"

    self._set(subnet, agent, Collateral(account=msg.sender, amount=held.amount + amount, release=0, lapse=0))


@internal
def _release(subnet: uint256, agent: uint256, unbonding: uint256) -> uint256:
    """
    @dev First start the unbonding, then give up the collateral: what is to be paid to the caller now. A request that
         has lapsed starts anew.
    """
    held: Collateral = self.collaterals[subnet][agent]
    assert held.account == msg.sender and held.amount != 0, "stakes: caller has no collateral here"

    if self._stands(held):
        held.release = block.number + unbonding
        held.lapse = held.release + unbonding
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
@view
def _stands(held: Collateral) -> bool:
    """
    @dev Whether no request for it is under way.
    """
    return held.release == 0 or block.number >= held.lapse


@internal
def _set(subnet: uint256, agent: uint256, held: Collateral):
    self.collaterals[subnet][agent] = held

    log CollateralChanged(
        subnet=subnet, agent=agent, account=held.account, amount=held.amount, release=held.release
    )
