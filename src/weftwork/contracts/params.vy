# pragma version ~=0.4.3
"""
@title Parameters of a subnet
@license Apache-2.0
@notice All that a subnet's owner sets, in one struct whose hash every closing names. Shares of u16 are out of 65,535,
        bps out of 10,000, times in blocks.
"""

U16: constant(uint256) = 65_535
MILLION: constant(uint256) = 1_000_000
BPS: constant(uint256) = 10_000
MAX_VALIDATORS: constant(uint256) = 64
MAX_UIDS: constant(uint256) = 256


struct Params:
    # consensus
    yuma: uint256
    kappa: uint256
    bonds_penalty: uint256
    bonds_moving_average: uint256
    liquid: uint256
    liquid_low: uint256
    liquid_high: uint256
    liquid_steepness: uint256
    # who takes part
    max_uids: uint256
    max_validators: uint256
    stake_threshold: uint256
    immunity: uint256
    # weights
    min_weights: uint256
    max_weight: uint256
    version_key: uint256
    # money
    miners_bps: uint256
    owner_bps: uint256
    validators_fee_bps: uint256
    burn_fee_bps: uint256
    price_min: uint256
    price_max: uint256
    price_half_life: uint256
    price_bump: uint256
    # closings
    closing_window: uint256
    stall_epochs: uint256
    equivocation_slash_bps: uint256
    fault_slash_bps: uint256


@internal
@pure
def _check(p: Params):
    assert p.yuma == 3 or (p.yuma == 2 and p.bonds_penalty == U16), "params: yuma 2 needs full bonds penalty"
    assert p.kappa <= U16 and p.bonds_penalty <= U16, "params: share is over 65535"
    assert p.bonds_moving_average <= MILLION, "params: moving average is over a million"
    assert p.liquid <= 1 and p.liquid_low <= p.liquid_high, "params: liquid alpha range is empty"
    assert p.liquid_high <= U16 and p.liquid_steepness <= 32_767, "params: liquid alpha is out of range"
    assert p.max_uids <= MAX_UIDS and p.max_uids != 0, "params: max_uids is 1 to 256"
    assert p.max_validators <= MAX_VALIDATORS and p.max_validators != 0, "params: max_validators is 1 to 64"
    assert p.max_weight <= U16 and p.max_weight != 0, "params: max_weight is 1 to 65535"
    assert p.miners_bps + p.owner_bps <= BPS, "params: split is over the whole"
    assert p.validators_fee_bps + p.burn_fee_bps <= BPS, "params: fee split is over the whole"
    assert p.price_min <= p.price_max and p.price_half_life != 0, "params: price range is empty"
    assert p.price_bump >= MILLION and p.price_bump <= 10 * MILLION, "params: price bump is 1 to 10"
    assert p.stall_epochs != 0 and p.stall_epochs <= 1_000, "params: stall_epochs is 1 to 1000"
    assert p.equivocation_slash_bps <= BPS and p.fault_slash_bps <= BPS, "params: slash is over the whole"


@internal
@pure
def _hash(p: Params) -> bytes32:
    return keccak256(abi_encode(p))
