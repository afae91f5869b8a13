# pragma version ~=0.4.3
"""
@title Young stake
@license Apache-2.0
@notice Stake that has not yet stood through a whole epoch, and what was paid for it: if it leaves before, it takes no
        reward along. So nobody steps in for one block to share what the stake of others has earned.
"""

SHARES_BITS: constant(uint256) = 112
MASK: constant(uint256) = 2**112 - 1


struct Young:
    epoch: uint256
    shares: uint256
    paid: uint256


# epoch, shares and price in one word
_young: HashMap[bytes32, HashMap[address, uint256]]


@internal
@view
def _get(key: bytes32, account: address, epoch: uint256) -> Young:
    """
    @dev What of an account's stake is young in `epoch`; it is of age in the second epoch after it came.
    """
    word: uint256 = self._young[key][account]
    if (word >> (2 * SHARES_BITS)) + 1 < epoch:
        return Young(epoch=epoch, shares=0, paid=0)

    return Young(
        epoch=word >> (2 * SHARES_BITS), shares=(word >> SHARES_BITS) & MASK, paid=word & MASK
    )


@internal
def _put(key: bytes32, account: address, young: Young):
    assert young.shares <= MASK and young.paid <= MASK, "stakes: stake is too large"

    self._young[key][account] = (young.epoch << (2 * SHARES_BITS)) | (young.shares << SHARES_BITS) | young.paid


@internal
def _add(key: bytes32, account: address, epoch: uint256, shares: uint256, paid: uint256):
    """
    @dev Note new stake; what was young stays so as long as the new.
    """
    young: Young = self._get(key, account, epoch)
    self._put(key, account, Young(epoch=epoch, shares=young.shares + shares, paid=young.paid + paid))


@internal
def _leave(
    key: bytes32, account: address, epoch: uint256, held: uint256, shares: uint256, worth: uint256
) -> uint256:
    """
    @dev What `shares` of the `held` take along of their `worth`: the old ones all, the young at most what was paid for
         them. The oldest leave first.
    """
    young: Young = self._get(key, account, epoch)
    old: uint256 = held - young.shares
    if shares <= old or young.shares == 0:
        return worth

    going: uint256 = shares - old
    price: uint256 = young.paid * going // young.shares
    young.shares -= going
    young.paid -= price
    self._put(key, account, young)
    return min(worth, worth * old // shares + price)
