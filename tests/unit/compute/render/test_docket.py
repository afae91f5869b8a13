"""What a checker wants on record is asked for once an epoch, kept over a crash, and dropped in the end."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

from weftwork.closing.ballot import Phase
from weftwork.compute.render.docket import TRIES, Docket
from weftwork.errors import InsufficientFunds, LedgerUnavailable, NonceTooLow, Reverted, RpcError, Unavailable
from weftwork.spec.panel import Fault
from weftwork.store import Store
from weftwork.units import Digest

FAULT = Fault(7, 9, Digest.of(b"a receipt"))


@dataclass
class FakePanel:
    """A panel whose other members do as they are told; it is its own contract and its own ballot."""

    answer: Exception | str | None = "0x1"
    epoch: int = 3
    has_door: bool = True
    noted: set[tuple[int, int]] = field(default_factory=set)
    asked: int = 0
    address: str = "0x" + "11" * 20

    @property
    def panel(self) -> FakePanel:
        return self

    ballot = panel

    def phase(self) -> Phase:
        return Phase(self.epoch, True, 0, 1)

    def call(self, function: str, *args: Any) -> Any:
        if function == "is_door":
            return self.has_door
        return b"\1" * 32 if args in self.noted else bytes(32)

    async def decide(self, target: str, data: bytes, nonce: int = 0) -> str | None:
        assert (target, data, nonce) == (self.address, FAULT.call, 0)
        self.asked += 1
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


class Log:
    def info(self, *args: Any, **facts: Any) -> None: ...

    warning = info


@pytest.fixture
def panel() -> FakePanel:
    return FakePanel()


def open_docket(panel: FakePanel, store: Store) -> Docket:
    return Docket(panel, store, Log())  # type: ignore[arg-type]


async def test_fault_goes_on_record_once(panel: FakePanel) -> None:
    docket = open_docket(panel, Store(None))
    docket.accuse(FAULT)
    docket.accuse(Fault(7, 9, Digest.of(b"another tile of that job")))
    assert docket.waiting == [FAULT]
    assert await docket.press() == [FAULT]
    assert await docket.press() == docket.waiting == []
    assert panel.asked == 1


async def test_what_too_few_sign_is_asked_again_in_the_next_epochs_and_then_dropped(panel: FakePanel) -> None:
    store = Store(None)
    panel.answer = Unavailable("too few")
    docket = open_docket(panel, store)
    docket.accuse(FAULT)
    for number in range(1, TRIES + 1):
        assert docket.waiting == [FAULT]
        assert await docket.press() == []
        assert await docket.press() == [], "once an epoch"
        assert panel.asked == number
        panel.epoch += 1
        docket = open_docket(panel, store)
    assert docket.waiting == []


async def test_what_another_put_on_record_is_not_asked_for(panel: FakePanel) -> None:
    panel.noted.add((7, 9))
    docket = open_docket(panel, Store(None))
    docket.accuse(FAULT)
    assert await docket.press() == docket.waiting == []
    assert panel.asked == 0


async def test_call_that_fails_is_dropped_and_a_ledger_that_is_away_is_waited_for(panel: FakePanel) -> None:
    docket = open_docket(panel, Store(None))
    panel.answer = Reverted("panel: fault is on record")
    docket.accuse(FAULT)
    assert await docket.press() == docket.waiting == []
    panel.answer = LedgerUnavailable("away")
    docket.accuse(FAULT)
    with pytest.raises(LedgerUnavailable):
        await docket.press()
    assert docket.waiting == [FAULT]
    panel.answer = "0x2"
    assert await docket.press() == [FAULT], "that was no try"


@pytest.mark.parametrize(
    "passing",
    [
        InsufficientFunds("no coins for gas"),
        NonceTooLow("another was first"),
        RpcError(-32005, "too many requests"),
        Reverted("panel: majority is not reached"),
        Reverted("panel: epoch is not one of the last two"),
        Reverted(""),
    ],
)
async def test_what_may_pass_is_a_try_and_no_more(panel: FakePanel, passing: Exception) -> None:
    docket = open_docket(panel, Store(None))
    docket.accuse(FAULT)
    panel.answer = passing
    assert await docket.press() == []
    assert docket.waiting == [FAULT]
    for _ in range(TRIES):
        panel.epoch += 1
        await docket.press()
    assert (docket.waiting, panel.asked) == ([], TRIES)


async def test_what_was_settled_before_the_ledger_went_away_stays_settled(panel: FakePanel) -> None:
    store = Store(None)
    docket = open_docket(panel, store)
    other = Fault(7, 8, Digest.of(b"of another job"))
    panel.noted.add((7, 8))
    docket.accuse(other)
    docket.accuse(FAULT)
    panel.answer = LedgerUnavailable("away")
    with pytest.raises(LedgerUnavailable):
        await docket.press()
    assert open_docket(panel, store).waiting == [FAULT]


async def test_panel_without_a_docket_is_not_asked(panel: FakePanel) -> None:
    panel.has_door = False
    docket = open_docket(panel, Store(None))
    docket.accuse(FAULT)
    assert await docket.press() == docket.waiting == []
    assert panel.asked == 0
