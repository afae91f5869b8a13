"""What a home sells beside answers: what cannot be had is left out, or refused, and all else goes on."""

from __future__ import annotations

from typing import Any

import pytest

from weftwork import sandbox
from weftwork.compute.render import worker
from weftwork.errors import ExtraMissing, Unavailable
from weftwork.network.plan import Plan
from weftwork.network.supply import Supply


class Network:
    """A network that writes down what it is told."""

    def __init__(self, **plan: Any) -> None:
        self.plan = Plan(**plan)
        self.told: list[str] = []
        self.saved: list[list[str]] = []

    def tell(self, name: str, text: str) -> None:
        self.told.append(f"{name}: {text}")

    def save(self) -> None:
        self.saved.append(list(self.supply.coming))

    @property
    def supply(self) -> Supply:
        if not hasattr(self, "_supply"):
            self._supply = Supply(self)  # type: ignore[arg-type]
        return self._supply


@pytest.fixture
def no_mitsuba(monkeypatch: pytest.MonkeyPatch) -> None:
    def find() -> None:
        raise ExtraMissing("Mitsuba is not installed", value="mitsuba")

    monkeypatch.setattr(worker, "find_mitsuba", find)


@pytest.fixture
def all_there(monkeypatch: pytest.MonkeyPatch) -> None:
    async def run(argv: list[str]) -> None:
        assert argv == ["/bin/true"]

    monkeypatch.setattr(worker, "find_mitsuba", lambda: None)
    monkeypatch.setattr(sandbox, "run_sandboxed", run)


async def test_a_renderer_that_nobody_named_is_left_out_where_it_cannot_be(no_mitsuba: None) -> None:
    network = Network(spare=("renderer",))
    await network.supply.check_renderer("render-1")
    assert network.told == ["render-1: left out: Mitsuba is not installed"]
    assert network.supply.coming == []


async def test_a_renderer_that_was_named_is_refused_where_it_cannot_be(no_mitsuba: None) -> None:
    network = Network(roles=("ledger", "renderer"))
    with pytest.raises(ExtraMissing):
        await network.supply.check_renderer("render-1")


@pytest.mark.parametrize("error", [Unavailable("the ledger is away"), ValueError("a fault of ours")])
async def test_what_fails_later_is_not_waited_for_any_more(
    all_there: None, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    network = Network()
    begun = []

    async def fail(name: str, lazy: bool) -> None:
        begun.append((name, lazy))
        raise error

    monkeypatch.setattr(network.supply, "_add_node", fail)
    await network.supply.check_renderer("render-1")
    assert network.supply.coming == ["render-1"]
    assert begun == [], "it follows when the rest is up"
    await network.supply.follow()
    assert begun == [("render-1", True)]
    assert network.saved == [[]]
