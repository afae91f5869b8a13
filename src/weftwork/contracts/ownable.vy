# pragma version ~=0.4.3
"""
@title Ownership in two steps
@license Apache-2.0
@notice An owner that proposes its successor, who must accept; or that gives up the office for good.
"""

owner: public(address)
pending_owner: public(address)


event OwnerProposed:
    owner: indexed(address)
    proposed: indexed(address)


event OwnerChanged:
    previous: indexed(address)
    owner: indexed(address)


@deploy
def __init__(owner: address):
    self.owner = owner
    log OwnerChanged(previous=empty(address), owner=owner)


@external
def propose_owner(account: address):
    """
    @notice Offer the office to `account`; zero withdraws the offer.
    """
    self._check_owner()

    self.pending_owner = account

    log OwnerProposed(owner=msg.sender, proposed=account)


@external
def accept_owner():
    """
    @notice Take the office that was offered to the caller.
    """
    assert msg.sender == self.pending_owner, "ownable: caller was not proposed"

    self._set_owner(msg.sender)


@external
def renounce_owner():
    """
    @notice Give up the office: nobody holds it from now on.
    """
    self._check_owner()

    self._set_owner(empty(address))


@internal
@view
def _check_owner():
    assert msg.sender == self.owner, "ownable: caller is not the owner"


@internal
def _set_owner(account: address):
    previous: address = self.owner
    self.owner = account
    self.pending_owner = empty(address)

    log OwnerChanged(previous=previous, owner=account)
