"""The parameters of a subnet, as ``params.vy`` stores them: one order, one hash, named presets.

Shares of u16 are out of 65,535, bps out of 10,000, times in blocks, ``stake_threshold`` and prices in wad,
``bonds_moving_average`` and ``price_bump`` in millionths.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Final

from weftwork.spec.epoch import LiquidAlpha, Params
from weftwork.spec.merkle import encode_words
from weftwork.units import BPS, Digest, keccak

WAD: Final = 10**18


@dataclass(frozen=True, slots=True)
class SubnetParams:
    """All that a subnet's owner sets; the fields stand in the contract's order."""

    yuma: int = 3
    kappa: int = 32_767
    bonds_penalty: int = 16_384
    bonds_moving_average: int = 900_000
    liquid: int = 1
    liquid_low: int = 45_875
    liquid_high: int = 58_982
    liquid_steepness: int = 1_000
    max_uids: int = 256
    max_validators: int = 64
    stake_threshold: int = 0
    immunity: int = 5_000
    min_weights: int = 1
    max_weight: int = 65_535
    version_key: int = 0
    miners_bps: int = 5_000
    owner_bps: int = 0
    validators_fee_bps: int = 500
    burn_fee_bps: int = 500
    price_min: int = WAD // 2_000
    price_max: int = 100 * WAD
    price_half_life: int = 360
    price_bump: int = 1_260_000
    closing_window: int = 100
    stall_epochs: int = 2
    equivocation_slash_bps: int = 1_000
    fault_slash_bps: int = 1_000

    @property
    def words(self) -> tuple[int, ...]:
        """The values in the contract's order."""
        return tuple(getattr(self, field.name) for field in fields(self))

    @property
    def hash(self) -> Digest:
        """``keccak(abi.encode(params))``: what every closing names."""
        return Digest(keccak(encode_words(*self.words)))

    @property
    def validators_bps(self) -> int:
        """The validators' part of the emission, with what is left over."""
        return BPS - self.miners_bps - self.owner_bps

    @property
    def miners_part(self) -> int:
        """The miners' part of what is left after the owner's, in bps, downwards."""
        return self.miners_bps * BPS // (BPS - self.owner_bps) if self.owner_bps < BPS else 0

    def yuma_params(self, neurons: int, tempo: int) -> Params:
        """The parameters of the epoch itself; seats and activity are settled on the ledger before it."""
        liquid = (
            LiquidAlpha(self.liquid_low, self.liquid_high, self.liquid_steepness) if self.liquid else None
        )
        return Params(
            yuma=self.yuma,
            kappa=self.kappa,
            bonds_penalty=self.bonds_penalty,
            bonds_moving_average=self.bonds_moving_average,
            liquid_alpha=liquid,
            max_validators=neurons,
            activity_cutoff=tempo,
            stake_threshold=self.stake_threshold,
        )

    def replace(self, **changes: int) -> SubnetParams:
        """A copy with some parameters changed."""
        return replace(self, **changes)


SUBNET_PRESETS: Final[dict[str, SubnetParams]] = {
    "weft": SubnetParams(),
    "subtensor": SubnetParams(
        bonds_penalty=65_535,
        liquid=0,
        miners_bps=4_100,
        owner_bps=1_800,
        validators_fee_bps=0,
        burn_fee_bps=0,
    ),
    "local": SubnetParams(immunity=0, closing_window=5, price_min=WAD, price_half_life=20),
}
"""``weft``: bonds penalty 0.25, liquid alpha, half and half. ``subtensor``: that chain's defaults, 18/41/41.
``local``: ``weft`` with short times, for a network on one machine."""
