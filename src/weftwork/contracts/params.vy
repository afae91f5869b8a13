# pragma version ~=0.4.3
"""
@title Parameters of a subnet
@license Apache-2.0
@notice All that a subnet's owner sets, in one struct whose hash every closing names, and what it was in each epoch.
        Shares of u16 are out of 65,535, bps out of 10,000, times in blocks.
"""

import checkpoint
import clock

uses: checkpoint
uses: clock

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


struct Rules:
    max_validators: uint256
    stake_threshold: uint256
    min_weights: uint256
    max_weight: uint256
    version_key: uint256


_params: HashMap[uint256, HashMap[uint256, Params]]
_hashes: HashMap[uint256, HashMap[uint256, bytes32]]
_versions: HashMap[uint256, uint256]


event ParamsChanged:
    subnet: indexed(uint256)
    epoch: indexed(uint256)
    hash: bytes32


@external
@view
def params_at(subnet: uint256, epoch: uint256) -> Params:
    """
    @notice The parameters that hold in `epoch`.
    """
    return self._params[subnet][self._version(subnet, epoch)]


@external
@view
def params_hash(subnet: uint256, epoch: uint256) -> bytes32:
    """
    @notice The hash of the parameters that hold in `epoch`.
    """
    return self._hashes[subnet][self._version(subnet, epoch)]


@external
@view
def fee_split(subnet: uint256) -> (uint256, uint256):
    """
    @notice What of a fee goes to the subnet's validators and what is burnt, in bps, in the current epoch.
    """
    version: uint256 = self._version(subnet, clock._epoch(subnet, block.number))
    return self._params[subnet][version].validators_fee_bps, self._params[subnet][version].burn_fee_bps


@external
@view
def rules(subnet: uint256, epoch: uint256) -> Rules:
    """
    @notice What weights must satisfy in `epoch`.
    """
    version: uint256 = self._version(subnet, epoch)
    return Rules(
        max_validators=self._params[subnet][version].max_validators,
        stake_threshold=self._params[subnet][version].stake_threshold,
        min_weights=self._params[subnet][version].min_weights,
        max_weight=self._params[subnet][version].max_weight,
        version_key=self._params[subnet][version].version_key,
    )


@internal
@view
def _version(subnet: uint256, epoch: uint256) -> uint256:
    return checkpoint._at(convert(subnet, bytes32), epoch)


@internal
def _set(subnet: uint256, epoch: uint256, p: Params):
    """
    @dev Let `p` hold from `epoch` on.
    """
    version: uint256 = self._versions[subnet]
    self._versions[subnet] = version + 1
    self._params[subnet][version] = p
    hash: bytes32 = keccak256(abi_encode(p))
    self._hashes[subnet][version] = hash
    checkpoint._set(convert(subnet, bytes32), epoch, version)

    log ParamsChanged(subnet=subnet, epoch=epoch, hash=hash)


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
