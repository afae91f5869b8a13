"""Conformance files of format ``weft-yuma/1``: run them through the epoch, or check what they expect.

A case is a subnet's parameters and a list of steps (replace a neuron, set weights, close an epoch). The
answer holds one entry an epoch, in the shape of the file's own ``expect``.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from weftwork.errors import BadCase
from weftwork.lab.yuma_case import FORMAT, Case, State, Step, read_case, read_expect
from weftwork.spec.epoch import Result, Row, Snapshot
from weftwork.spec.fixed import U16_MAX
from weftwork.spec.yuma import run_epoch, upscale_weights

FAST_FROM: Final = 48
"""From so many neurons on the numpy form of the epoch is used; the two are equal."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One number that is not what the file expects: where it is, both values, and what was allowed."""

    id: str
    epoch: int
    field: str
    at: str
    expected: Any
    got: Any
    tolerance: int

    def to_json(self) -> dict[str, Any]:
        """The difference as an object."""
        return asdict(self)


def run_file(
    source: str | Path | dict[str, Any] | list[Any], *, allow_exploitable: bool = False
) -> list[dict[str, Any]]:
    """What ``expect`` would hold for each case: ``[{"id": ..., "expect": [one object an epoch]}]``.

    Args:
        source: a path, or the parsed content of a file: ``{format, cases}``, a list of cases, or one case.
        allow_exploitable: run Yuma 2 with a bonds penalty below 1 all the same.

    Raises:
        BadCase: the file is malformed; the sentence names the place.
        Exploitable: a case asks for Yuma 2 with a bonds penalty below 1.
    """
    cases = [read_case(raw, where) for where, raw in split_file(read_source(source))]
    return [{"id": case.id, "expect": run_case(case, allow_exploitable=allow_exploitable)} for case in cases]


def check_file(
    source: str | Path | dict[str, Any] | list[Any], *, allow_exploitable: bool = False
) -> tuple[list[str], list[str], list[Difference]]:
    """Compare each case with its ``expect``: ids checked, ids without an ``expect``, and the differences.

    u16 values may differ by ``tolerance_u16``, emissions by ``ceil(tolerance_u16 emission / 65535)``, permits
    not. Raises as :func:`run_file`.
    """
    checked: list[str] = []
    unchecked: list[str] = []
    differences: list[Difference] = []
    cases = [
        (read_case(raw, where), read_expect(raw, where)) for where, raw in split_file(read_source(source))
    ]
    for case, expect in cases:
        if expect is None:
            unchecked.append(case.id)
            continue
        checked.append(case.id)
        differences.extend(compare(case, expect, run_case(case, allow_exploitable=allow_exploitable)))
    return checked, unchecked, differences


def read_source(source: str | Path | dict[str, Any] | list[Any]) -> Any:
    """The parsed JSON of a path, strictly: no repeated keys, no NaN; parsed content is passed on."""
    if isinstance(source, (dict, list)):
        return source
    path = Path(source)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise BadCase(
            f"cannot read {path}: {error.strerror}", value=str(path), hint="give the path of a JSON file"
        ) from error
    return read_text(data, str(path))


def read_text(data: bytes, name: str) -> Any:
    """The JSON in some bytes, strictly; ``name`` is how an error calls them."""
    from pydantic_core import from_json

    try:
        text = data.decode("utf-8-sig")
        from_json(text, allow_inf_nan=False)  # bounds the nesting, which json.loads leaves to the stack
        value = json.loads(text, object_pairs_hook=_refuse_repeats, parse_constant=_refuse_constant)
    except UnicodeDecodeError as error:
        raise BadCase(f"{name} is not UTF-8 text", value=name, hint="save the file as UTF-8 JSON") from error
    except (ValueError, RecursionError) as error:
        raise BadCase(
            f"{name} is not JSON: {error}", value=name, hint="check the file with a JSON parser"
        ) from error
    if not isinstance(value, (dict, list)):
        raise BadCase(f"{name}: an object or a list is wanted", value=type(value).__name__)
    return value


def _refuse_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    out = dict(pairs)
    if len(out) != len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise ValueError(f"the key {twice!r} comes twice in one object")
    return out


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not a number")


def split_file(data: Any) -> Iterator[tuple[str, Any]]:
    """The cases of a file with their places, for each of the three shapes a file may have."""
    if isinstance(data, list):
        yield from ((f"[{k}]", raw) for k, raw in enumerate(data))
    elif isinstance(data, dict) and "cases" in data:
        name = data.get("format", FORMAT)
        name = name.get("name") if isinstance(name, dict) else name
        if name != FORMAT:
            raise BadCase(f"format: this reads {FORMAT}, not {name!r}", value=str(name))
        if not isinstance(data["cases"], list):
            raise BadCase("cases: a list of cases is wanted", value=type(data["cases"]).__name__)
        yield from ((f"cases[{k}]", raw) for k, raw in enumerate(data["cases"]))
    else:
        yield "$", data


def run_case(case: Case, *, allow_exploitable: bool = False) -> list[dict[str, Any]]:
    """Run the steps of one case; one entry for each epoch among them."""
    state = State.begin(case)
    entries = []
    for step in case.steps:
        apply_step(state, step)
        if step.epoch:
            entries.append(describe(close_epoch(case, state, step, allow_exploitable)))
    return entries


def apply_step(state: State, step: Step) -> None:
    """Everything in a step that comes before its epoch, in the order that the format gives."""
    if step.last_tempo is not None:
        state.last_tempo = step.last_tempo
    for uid, (stake, registered_at) in step.replace.items():
        state.stakes[uid] = stake
        state.registered_at[uid] = state.last_update[uid] = registered_at
        state.permits[uid] = False
        state.bonds[uid], state.weights[uid] = {}, {}
        for row in state.weights:
            if uid in row:
                row[uid] = 0
    for uid in step.reset_bonds_on:
        for row in state.bonds:
            row.pop(uid, None)
    for uid, (uids, values) in step.set_weights.items():
        state.weights[uid] = dict(zip(uids, upscale_weights(values), strict=True))
        state.last_update[uid] = step.block


def close_epoch(case: Case, state: State, step: Step, allow_exploitable: bool) -> Result:
    """Run the epoch of a step and keep the permits and bonds that it leaves."""
    snapshot = Snapshot(
        block=step.block,
        last_tempo=state.last_tempo,
        owner=case.owner,
        stakes=state.stakes,
        registered_at=state.registered_at,
        last_update=state.last_update,
        permits=state.permits,
        weights=state.weights,
        bonds=state.bonds,
    )
    epoch = run_epoch
    if snapshot.n >= FAST_FROM:
        from weftwork.spec.yuma_fast import run_epoch_fast as epoch
    result = epoch(snapshot, case.params, case.emission, allow_exploitable=allow_exploitable)
    state.permits, state.bonds = list(result.permits), [dict(row) for row in result.bonds]
    return result


def describe(result: Result) -> dict[str, Any]:
    """An epoch in the shape of ``expect``."""
    return {
        "consensus_u16": result.consensus_u16,
        "incentive_u16": result.incentive_u16,
        "dividends_u16": result.dividends_u16,
        "emission": result.emission,
        "validator_permit": result.permits,
        "bonds_u16": [{str(j): b for j, b in row.items()} for row in result.bonds],
    }


def compare(case: Case, expect: list[dict[str, Any]], got: list[dict[str, Any]]) -> Iterator[Difference]:
    """The differences between what a case expects and what it gave, beyond its tolerance."""
    if len(expect) != len(got):
        yield Difference(case.id, 0, "expect", "length", len(expect), len(got), 0)
        return
    near = case.tolerance_u16
    allowed = {"validator_permit": 0, "emission": -(-near * case.emission // U16_MAX)}
    for epoch, (want, have) in enumerate(zip(expect, got, strict=True)):
        for name, values in want.items():
            slack = allowed.get(name, near)
            for at, a, b in pair_up(name, values, have[name]):
                if abs(a - b) > slack:
                    yield Difference(case.id, epoch, name, at, a, b, slack)


def pair_up(name: str, want: list[Any], have: list[Any]) -> Iterator[tuple[str, Any, Any]]:
    """Each expected value beside the computed one, with its place."""
    for i, (a, b) in enumerate(zip(want, have, strict=True)):
        if name != "bonds_u16":
            yield str(i), a, b
            continue
        row: Row = {int(j): value for j, value in b.items()}
        for j in sorted(a.keys() | row.keys()):
            yield f"{i},{j}", a.get(j, 0), row.get(j, 0)
