"""The strict reader of one ``weft-yuma/1`` case: what is wrong is named by its place in the file."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any, Final

from weftwork.errors import BadCase, BadConfig
from weftwork.spec.epoch import LiquidAlpha, Params, Row
from weftwork.spec.fixed import U16_MAX

FORMAT: Final = "weft-yuma/1"
MAX_N: Final = 65536
MAX_BLOCK: Final = 2**63 - 1
MAX_AMOUNT: Final = 2**128 - 1
REQUIRED: Final = {
    "yuma": (2, 3),
    "n": (1, MAX_N),
    "max_validators": (0, MAX_N),
    "kappa_u16": (0, U16_MAX),
    "bonds_penalty_u16": (0, U16_MAX),
    "bonds_moving_average_millionths": (0, 1_000_000),
    "activity_cutoff": (0, MAX_BLOCK),
    "stake_threshold": (0, MAX_AMOUNT),
    "emission": (0, MAX_AMOUNT),
    "last_tempo": (0, MAX_BLOCK),
}
LISTS: Final = {"stakes": MAX_AMOUNT, "registered_at": MAX_BLOCK}
VECTORS: Final = (
    "consensus_u16",
    "incentive_u16",
    "dividends_u16",
    "emission",
    "validator_permit",
    "bonds_u16",
)


@dataclass(frozen=True, slots=True)
class Step:
    """One step; ``replace`` maps a uid to (stake, registered_at), ``set_weights`` to (uids, values)."""

    block: int
    last_tempo: int | None
    replace: dict[int, tuple[int, int]]
    reset_bonds_on: list[int]
    set_weights: dict[int, tuple[list[int], list[int]]]
    epoch: bool


@dataclass(frozen=True, slots=True)
class Case:
    """One case, validated."""

    id: str
    tolerance_u16: int
    params: Params
    n: int
    owner: int | None
    emission: int
    last_tempo: int
    stakes: list[int]
    registered_at: list[int]
    steps: list[Step]


@dataclass(slots=True)
class State:
    """What a case carries from step to step."""

    last_tempo: int
    stakes: list[int]
    registered_at: list[int]
    last_update: list[int]
    permits: list[bool]
    weights: list[Row]
    bonds: list[Row]

    @classmethod
    def begin(cls, case: Case) -> State:
        """The state before the first step: nobody has a permit, weights or bonds."""
        n = case.n
        return cls(
            last_tempo=case.last_tempo,
            stakes=list(case.stakes),
            registered_at=list(case.registered_at),
            last_update=list(case.registered_at),
            permits=[False] * n,
            weights=[{} for _ in range(n)],
            bonds=[{} for _ in range(n)],
        )


def read_case(raw: Any, where: str) -> Case:
    """Read one case.

    Raises:
        BadCase: something is missing, unknown, of the wrong type or out of range; the sentence names the
        place.
    """
    outer = _object(raw, where)
    name = outer.get("id")
    if not isinstance(name, str):
        raise _bad(f"{where}.id", "a text is wanted", name)
    where = f"{where} ({name})" if where != "$" else name
    if "case" not in outer:
        raise _bad(f"{where}.case", "is missing", None)
    place = f"{where}.case"
    case = _object(outer["case"], place)
    _known(case, {*REQUIRED, *LISTS, "owner", "liquid_alpha", "steps"}, place)
    numbers = {key: _number(case, key, place, *bounds) for key, bounds in REQUIRED.items()}
    n = numbers["n"]
    lists = {key: _numbers(_get(case, key, place), f"{place}.{key}", 0, top, n) for key, top in LISTS.items()}
    owner = None if case.get("owner") is None else _number(case, "owner", place, 0, n - 1)
    steps = _get(case, "steps", place)
    if not isinstance(steps, list):
        raise _bad(f"{place}.steps", "a list is wanted", steps)
    return Case(
        id=name,
        tolerance_u16=_number(outer, "tolerance_u16", where, 0, U16_MAX) if "tolerance_u16" in outer else 0,
        params=_read_params(case, numbers, place),
        n=n,
        owner=owner,
        emission=numbers["emission"],
        last_tempo=numbers["last_tempo"],
        stakes=lists["stakes"],
        registered_at=lists["registered_at"],
        steps=[_read_step(step, f"{place}.steps[{k}]", n, owner) for k, step in enumerate(steps)],
    )


def _read_params(case: dict[str, Any], numbers: dict[str, int], place: str) -> Params:
    liquid = None
    if case.get("liquid_alpha") is not None:
        spot = f"{place}.liquid_alpha"
        given = _object(case["liquid_alpha"], spot)
        _known(given, {"low_u16", "high_u16", "steepness"}, spot)
        low = _number(given, "low_u16", spot, 0, U16_MAX)
        high = _number(given, "high_u16", spot, 0, U16_MAX)
        steepness = _number(given, "steepness", spot, -32768, 32767)
        try:
            liquid = LiquidAlpha(low, high, steepness)
        except BadConfig as error:
            raise _bad(spot, error.sentence, error.value) from error
    return Params(
        yuma=numbers["yuma"],
        kappa=numbers["kappa_u16"],
        bonds_penalty=numbers["bonds_penalty_u16"],
        bonds_moving_average=numbers["bonds_moving_average_millionths"],
        liquid_alpha=liquid,
        max_validators=numbers["max_validators"],
        activity_cutoff=numbers["activity_cutoff"],
        stake_threshold=numbers["stake_threshold"],
    )


def _read_step(raw: Any, place: str, n: int, owner: int | None) -> Step:
    step = _object(raw, place)
    _known(step, {"block", "last_tempo", "replace", "reset_bonds_on", "set_weights", "epoch"}, place)
    replace: dict[int, tuple[int, int]] = {}
    for uid, spot, value in _by_uid(step, "replace", place, n):
        entry = _object(value, spot)
        _known(entry, {"stake", "registered_at"}, spot)
        if uid == owner:
            raise _bad(spot, "the owner is never replaced", uid)
        replace[uid] = (
            _number(entry, "stake", spot, 0, MAX_AMOUNT),
            _number(entry, "registered_at", spot, 0, MAX_BLOCK),
        )
    weights: dict[int, tuple[list[int], list[int]]] = {}
    for uid, spot, value in _by_uid(step, "set_weights", place, n):
        if not isinstance(value, list) or len(value) != 2:
            raise _bad(spot, "a pair [[uids], [values]] is wanted", value)
        uids = _numbers(value[0], f"{spot}[0]", 0, n - 1)
        if any(a >= b for a, b in itertools.pairwise(uids)):
            raise _bad(f"{spot}[0]", "uids ascend and none comes twice", uids)
        weights[uid] = (uids, _numbers(value[1], f"{spot}[1]", 0, U16_MAX, len(uids)))
    epoch = step.get("epoch", False)
    if not isinstance(epoch, bool):
        raise _bad(f"{place}.epoch", "true or false is wanted", epoch)
    return Step(
        block=_number(step, "block", place, 0, MAX_BLOCK),
        last_tempo=_number(step, "last_tempo", place, 0, MAX_BLOCK) if "last_tempo" in step else None,
        replace=replace,
        reset_bonds_on=_numbers(step.get("reset_bonds_on", []), f"{place}.reset_bonds_on", 0, n - 1),
        set_weights=weights,
        epoch=epoch,
    )


def read_expect(raw: Any, where: str) -> list[dict[str, Any]] | None:
    """The ``expect`` of a case with uids as numbers, None where it has none; raises as :func:`read_case`."""
    case = read_case(raw, where)
    if raw.get("expect") is None:
        return None
    place = f"{where} ({case.id}).expect" if where != "$" else f"{case.id}.expect"
    if not isinstance(raw["expect"], list):
        raise _bad(place, "a list with one entry an epoch is wanted", raw["expect"])
    out: list[dict[str, Any]] = []
    for k, entry in enumerate(raw["expect"]):
        spot = f"{place}[{k}]"
        given = _object(entry, spot)
        _known(given, set(VECTORS), spot)
        out.append(
            {
                name: _read_vector(name, given[name], f"{spot}.{name}", case.n)
                for name in VECTORS
                if name in given
            }
        )
    return out


def _read_vector(name: str, value: Any, spot: str, n: int) -> list[Any]:
    if name not in ("validator_permit", "bonds_u16"):
        return _numbers(value, spot, 0, MAX_AMOUNT if name == "emission" else U16_MAX, n)
    if not isinstance(value, list) or len(value) != n:
        raise _bad(spot, f"a list of {n} is wanted", value)
    if name == "validator_permit":
        for i, flag in enumerate(value):
            if not isinstance(flag, bool):
                raise _bad(f"{spot}[{i}]", "true or false is wanted", flag)
        return value
    rows = []
    for i, row in enumerate(value):
        spot_i = f"{spot}[{i}]"
        items = _by_uid({"row": row}, "row", spot_i, n)
        rows.append({uid: _check(b, f"{spot_i}.{uid}", 0, U16_MAX) for uid, _, b in items})
    return rows


def _by_uid(step: dict[str, Any], key: str, place: str, n: int) -> list[tuple[int, str, Any]]:
    """The entries of an object whose keys are uids: (uid, place, value)."""
    if key not in step:
        return []
    out = []
    for name, value in _object(step[key], f"{place}.{key}").items():
        spot = f"{place}.{key}.{name}"
        if not (name.isascii() and name.isdecimal() and str(int(name[:9])) == name and int(name) < n):
            raise _bad(spot, f"a uid from 0 to {n - 1} is wanted as the key", name)
        out.append((int(name), spot, value))
    return out


def _bad(place: str, what: str, value: Any) -> BadCase:
    return BadCase(f"{place}: {what}", value=repr(value)[:100])


def _object(value: Any, place: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise _bad(place, f"an object is wanted, not {_kind(value)}", value)
    return value


def _known(given: dict[str, Any], names: set[str], place: str) -> None:
    for name in given:
        if name not in names:
            raise _bad(
                f"{place}.{name}", f"is not a field of the format; there are {', '.join(sorted(names))}", name
            )


def _get(given: dict[str, Any], key: str, place: str) -> Any:
    if key not in given:
        raise _bad(f"{place}.{key}", "is missing", None)
    return given[key]


def _number(given: dict[str, Any], key: str, place: str, low: int, high: int) -> int:
    return _check(_get(given, key, place), f"{place}.{key}", low, high)


def _check(value: Any, place: str, low: int, high: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise _bad(place, f"an integer is wanted, not {_kind(value)}", value)
    if not low <= value <= high:
        raise _bad(place, f"an integer from {low} to {high} is wanted", value)
    return value


def _numbers(value: Any, place: str, low: int, high: int, length: int | None = None) -> list[int]:
    if not isinstance(value, list):
        raise _bad(place, f"a list is wanted, not {_kind(value)}", value)
    if length is not None and len(value) != length:
        raise _bad(place, f"{length} entries are wanted, not {len(value)}", len(value))
    return [_check(x, f"{place}[{i}]", low, high) for i, x in enumerate(value)]


def _kind(value: Any) -> str:
    names = {dict: "an object", list: "a list", str: "a text", bool: "true or false", float: "a fraction"}
    return "null" if value is None else names.get(type(value), type(value).__name__)
