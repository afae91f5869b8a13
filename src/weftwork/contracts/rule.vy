# pragma version ~=0.4.3
"""
@title Rules of the market
@license Apache-2.0
@notice The bid deposit, the most bids on an order, and the waiting times in blocks; the owner sets them within bounds.
"""

import ownable

uses: ownable


# Most open bids on one order.
MAX_BIDS: constant(uint256) = 20
# Longest waiting time that can be set, blocks.
MAX_WAIT: constant(uint256) = 1_000_000


struct Params:
    bid_deposit: uint256
    max_bids: uint256
    cooldown: uint256
    grace: uint256
    min_window: uint256
    max_window: uint256


params: public(Params)


event ParamsChanged:
    params: Params


@deploy
def __init__(params_: Params):
    self._set_params(params_)


@external
def set_params(params: Params):
    """
    @notice Change the bid deposit of bids to come, the most bids, and the waiting times, in blocks.
    """
    ownable._check_owner()

    self._set_params(params)


@internal
def _set_params(params: Params):
    assert params.max_bids != 0 and params.max_bids <= MAX_BIDS, "market: max_bids is 1 to 20"
    assert (
        params.min_window <= params.max_window
        and max(max(params.cooldown, params.grace), params.max_window) <= MAX_WAIT
    ), "market: waiting time is out of range"

    self.params = params

    log ParamsChanged(params=params)
