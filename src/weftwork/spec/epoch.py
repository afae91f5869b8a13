"""What an epoch reads and what it gives: parameters, the snapshot of a subnet, the result."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from weftwork.errors import BadConfig, BadInput
from weftwork.spec.fixed import U16_MAX, to_u16

Row = dict[int, int]
"""One sparse row of a matrix: uid of the column to value. An entry of 0 is present, a missing one absent."""

MILLION: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class LiquidAlpha:
    """The range and slope of the bond-moving average that depends on each weight.

    ``low`` and ``high`` are u16 proportions, ``steepness`` is in hundredths and may be negative.
    """

    low: int = 45875
    high: int = 58982
    steepness: int = 1000

    def __post_init__(self) -> None:
        if not 0 <= self.low <= self.high <= U16_MAX:
            raise BadConfig(
                f"liquid alpha needs 0 <= low <= high <= {U16_MAX}, not {self.low} and {self.high}",
                value=self.low,
                hint="swap or correct low and high",
            )
        if not -32768 <= self.steepness <= 32767:
            raise BadConfig(
                f"the steepness of liquid alpha is a 16-bit number, not {self.steepness}",
                value=self.steepness,
                hint="1000 means a slope of 10 and is the usual choice",
            )


@dataclass(frozen=True, slots=True)
class Params:
    """The parameters of a subnet's epoch, in the units that a chain stores.

    ``kappa`` and ``bonds_penalty`` (the paper's beta) are u16 proportions, ``bonds_moving_average`` is in
    millionths, ``activity_cutoff`` in blocks, ``stake_threshold`` in the unit of the stakes.

    Raises:
        BadConfig: a value is outside its range.
    """

    yuma: int = 3
    kappa: int = 32767
    bonds_penalty: int = U16_MAX
    bonds_moving_average: int = 900_000
    liquid_alpha: LiquidAlpha | None = None
    max_validators: int = 64
    activity_cutoff: int = 5000
    stake_threshold: int = 0

    def __post_init__(self) -> None:
        if self.yuma not in (2, 3):
            raise BadConfig(
                f"there is Yuma 2 and Yuma 3, not {self.yuma}", value=self.yuma, hint="use yuma 3"
            )
        for name, top in (("kappa", U16_MAX), ("bonds_penalty", U16_MAX), ("bonds_moving_average", MILLION)):
            value = getattr(self, name)
            if not 0 <= value <= top:
                raise BadConfig(
                    f"{name} lies between 0 and {top}, not at {value}", value=value, hint="see docs/yuma.md"
                )
        for name in ("max_validators", "activity_cutoff", "stake_threshold"):
            if getattr(self, name) < 0:
                raise BadConfig(f"{name} is not negative", value=getattr(self, name), hint="see docs/yuma.md")

    @property
    def exploitable(self) -> bool:
        """True where one voter on an unpopular miner could take that miner's whole bond column."""
        return self.yuma == 2 and self.bonds_penalty < U16_MAX

    def to_json(self) -> dict[str, Any]:
        """The parameters as an object whose keys always come in the same order."""
        liquid = self.liquid_alpha
        return {
            "yuma": self.yuma,
            "kappa_u16": self.kappa,
            "bonds_penalty_u16": self.bonds_penalty,
            "bonds_moving_average_millionths": self.bonds_moving_average,
            "liquid_alpha": liquid
            and {"low_u16": liquid.low, "high_u16": liquid.high, "steepness": liquid.steepness},
            "max_validators": self.max_validators,
            "activity_cutoff": self.activity_cutoff,
            "stake_threshold": self.stake_threshold,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Params:
        """The parameters that :meth:`to_json` wrote.

        Raises:
            BadConfig: a key is missing or unknown, or a value is not an integer in its range.
        """
        given = dict(data)
        try:
            liquid = given.pop("liquid_alpha")
            plain = {name: _integer(name, given.pop(key)) for name, key in _JSON_KEYS.items()}
            if liquid is not None:
                liquid = LiquidAlpha(
                    **{name: _integer(name, liquid[key]) for name, key in _LIQUID_KEYS.items()},
                )
        except (KeyError, TypeError) as error:
            raise BadConfig(
                f"the parameters lack {error}", value=str(error), hint="write them with Params.to_json"
            ) from error
        if given:
            raise BadConfig(f"unknown parameter {min(given)!r}", value=min(given), hint="see docs/yuma.md")
        return cls(liquid_alpha=liquid, **plain)


_JSON_KEYS: Final = {
    "yuma": "yuma",
    "kappa": "kappa_u16",
    "bonds_penalty": "bonds_penalty_u16",
    "bonds_moving_average": "bonds_moving_average_millionths",
    "max_validators": "max_validators",
    "activity_cutoff": "activity_cutoff",
    "stake_threshold": "stake_threshold",
}
_LIQUID_KEYS: Final = {"low": "low_u16", "high": "high_u16", "steepness": "steepness"}


def _integer(name: str, value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise BadConfig(f"{name} is an integer, not {value!r}", value=repr(value), hint="see docs/yuma.md")
    return value


PRESETS: Final[dict[str, Params]] = {
    "subtensor": Params(),
    "weft": Params(bonds_penalty=16384, liquid_alpha=LiquidAlpha()),
}
"""``subtensor``: what a new subnet of that chain gets. ``weft``: bonds penalty 0.25 and liquid alpha on."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything public that an epoch depends on, at its last block; n neurons share one range of uids.

    Attributes:
        block: the current block.
        last_tempo: a bond on j is kept only if ``registered_at[j] < last_tempo``.
        owner: the subnet owner's uid, or None.
        stakes: raw stake of each neuron.
        registered_at: block at which each uid was last registered.
        last_update: block of each neuron's last weights (or of its commitment).
        permits: validator permits that the epoch before granted.
        weights: one sparse row of u16 a neuron, upscaled on submission.
        bonds: one sparse row of u16 a neuron, as the epoch before stored them.
        commit_block: block of each neuron's earliest open commitment, None where it has none.
    """

    block: int
    last_tempo: int
    owner: int | None
    stakes: list[int]
    registered_at: list[int]
    last_update: list[int]
    permits: list[bool]
    weights: list[Row]
    bonds: list[Row]
    commit_block: list[int | None] = field(default_factory=list)

    def __post_init__(self) -> None:
        n = len(self.stakes)
        for name in ("registered_at", "last_update", "permits", "weights", "bonds"):
            if len(getattr(self, name)) != n:
                raise BadInput(
                    f"the snapshot has {n} stakes but {len(getattr(self, name))} entries of {name}",
                    value=name,
                    hint="give one entry a neuron",
                )
        if self.commit_block and len(self.commit_block) != n:
            raise BadInput(
                "commit_block has one entry a neuron, or none", value="commit_block", hint="leave it empty"
            )
        if self.owner is not None and not 0 <= self.owner < n:
            raise BadInput(
                f"the owner's uid {self.owner} is not below {n}", value=self.owner, hint="use a uid or None"
            )

    @property
    def n(self) -> int:
        """The number of neurons."""
        return len(self.stakes)


@dataclass(frozen=True, slots=True)
class Result:
    """What an epoch decides; every list has one entry a neuron.

    ``stake``, ``active_stake``, ``consensus``, ``validator_trust``, ``incentive`` and ``dividends`` are
    I32F32. ``emission`` is the combined pay of a neuron by one rounding (also its pruning score);
    ``miner_emission`` and ``validator_emission`` are what it is paid in each role by the split. ``bonds`` are
    stored u16 rows without zeros. ``fallback`` says that nobody had usable weights and pay went by stake.
    """

    stake: list[int]
    active_stake: list[int]
    active: list[bool]
    permits: list[bool]
    consensus: list[int]
    validator_trust: list[int]
    incentive: list[int]
    dividends: list[int]
    emission: list[int]
    miner_emission: list[int]
    validator_emission: list[int]
    bonds: list[Row]
    fallback: bool

    @property
    def consensus_u16(self) -> list[int]:
        """Consensus as stored: ``floor(65535 C)``."""
        return [to_u16(x) for x in self.consensus]

    @property
    def incentive_u16(self) -> list[int]:
        """Incentive as stored: ``floor(65535 I)``."""
        return [to_u16(x) for x in self.incentive]

    @property
    def dividends_u16(self) -> list[int]:
        """Dividends as stored: ``floor(65535 D)``."""
        return [to_u16(x) for x in self.dividends]

    @property
    def validator_trust_u16(self) -> list[int]:
        """Validator trust as stored: ``floor(65535 T)``."""
        return [to_u16(x) for x in self.validator_trust]
