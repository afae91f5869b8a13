"""A provider's own pricing function, in a process that may hang, spin, break and end."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weftwork.compute.bidding import Request, unpack_request
from weftwork.compute.error import NoBid
from weftwork.compute.provider import open_pricing
from weftwork.compute.provider.clerk import Clerk
from weftwork.errors import BadConfig
from weftwork.spec.placement import Demand, Unit, Volume

SHOP = '''
import os, subprocess, sys, time
from weftwork.compute.error import NoBid

counted = 0

def quote(request):
    """As the order's owner says."""
    global counted
    counted += 1
    print("to standard output")
    word = request.owner
    if word == "sleep":
        time.sleep(3600)
    if word == "sleep with others":
        other = subprocess.Popen(["sleep", "3600"])
        with open(os.environ["SHOP_NOTE"], "w") as note:
            note.write(str(other.pid))
        other.wait()
    if word == "spin":
        while True:
            pass
    if word == "end":
        os._exit(3)
    if word == "exit":
        sys.exit("enough")
    if word == "refuse":
        raise NoBid("not on Sundays", value="Sunday")
    if word == "count":
        return counted
    return {
        "raise": lambda: 1 // 0, "float": lambda: 2.5, "negative": lambda: -1, "none": lambda: None,
        "text": lambda: "7", "true": lambda: True, "dear": lambda: 10**18, "huge": lambda: 10**6000,
        "input": lambda: len(sys.stdin.read()) or 9, "memory": lambda: request.demand.units[0].memory,
    }[word]()

WORD = "no function"
'''
SECONDS = 1.5


def order(word: str) -> Request:
    return Request(Demand((Unit(1, 500, 77),)), word, "weft", 10**9)


def is_there(pid: int) -> bool:
    """Whether a process of that id is there, zombies too."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, 0)
        return True
    return False


def runs(pid: int) -> bool:
    """Whether a process of that id runs; one that ended and that nobody reaped yet does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the provider's module, found as its own modules are."""
    (tmp_path / "shop.py").write_text(SHOP)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("SHOP_NOTE", str(tmp_path / "note"))
    return tmp_path


@pytest.fixture
async def clerk(shop: Path) -> AsyncIterator[Clerk]:
    made = open_pricing("shop:quote", seconds=SECONDS)
    assert isinstance(made, Clerk)
    assert made.pid is None, "it is started when it is needed"
    await made.check()
    yield made
    pid = made.pid
    await made.close()
    assert pid is None or not is_there(pid)


async def test_a_function_is_asked_in_one_process_that_stays_between_orders(clerk: Clerk) -> None:
    first, pid = await clerk.price(order("count")), clerk.pid
    assert [await clerk.price(order("count")) for _ in range(3)] == [first + 1, first + 2, first + 3]
    assert clerk.pid == pid
    assert pid is not None
    assert await clerk.price(order("memory")) == 77
    assert await clerk.price(order("input")) == 9, "it has no part in the pipes"
    assert await asyncio.gather(*(clerk.price(order("memory")) for _ in range(20))) == [77] * 20


@pytest.mark.parametrize("word", ["sleep", "spin"])
async def test_a_function_that_hangs_is_killed_and_the_next_order_is_priced(clerk: Clerk, word: str) -> None:
    pid = clerk.pid
    assert pid is not None
    began = time.monotonic()
    with pytest.raises(NoBid, match=r"did not answer in 1\.5 s"):
        await clerk.price(order(word))
    assert time.monotonic() - began < SECONDS + 1.0
    await clerk.check()
    assert not is_there(pid)
    assert await clerk.price(order("memory")) == 77


async def test_an_order_behind_one_that_hangs_waits_no_longer_than_its_own_time(clerk: Clerk) -> None:
    hung = asyncio.ensure_future(clerk.price(order("sleep")))
    await asyncio.sleep(0)
    began = time.monotonic()
    with pytest.raises(NoBid, match=r"in 1\.5 s"):
        await clerk.price(order("sleep"))
    assert time.monotonic() - began < SECONDS + 1.0
    with pytest.raises(NoBid):
        await hung


@pytest.mark.parametrize(
    ("word", "reason"),
    [
        ("end", "ended its process: status 3"),
        ("exit", "SystemExit: enough"),
        ("raise", "ZeroDivisionError"),
        ("float", "gave a float"),
        ("text", "gave a str"),
        ("true", "gave a bool"),
        ("negative", "makes no bid"),
        ("none", "makes no bid"),
        ("dear", "over the order's"),
        ("huge", "over the order's"),
        ("refuse", "not on Sundays"),
    ],
)
async def test_what_is_no_price_is_no_bid_with_the_reason(clerk: Clerk, word: str, reason: str) -> None:
    with pytest.raises(NoBid, match=reason) as said:
        await clerk.price(order(word))
    str(said.value), said.value.to_json()
    assert await clerk.price(order("memory")) == 77


async def test_what_a_function_started_ends_with_it(clerk: Clerk, shop: Path) -> None:
    with pytest.raises(NoBid):
        await clerk.price(order("sleep with others"))
    await clerk.check()
    other = int((shop / "note").read_text())
    assert not runs(other)


async def test_one_that_was_killed_between_orders_is_started_again(clerk: Clerk) -> None:
    assert clerk.pid is not None
    os.kill(clerk.pid, 9)
    await asyncio.to_thread(os.waitid, os.P_PID, clerk.pid, os.WEXITED | os.WNOWAIT)
    assert await clerk.price(order("memory")) == 77


async def test_closing_does_not_wait_for_a_function_that_hangs(clerk: Clerk) -> None:
    hung = asyncio.ensure_future(clerk.price(order("sleep")))
    await asyncio.sleep(0.05)
    began = time.monotonic()
    await clerk.close()
    assert time.monotonic() - began < 1.0
    with pytest.raises(NoBid, match="signal 9"):
        await hung
    await clerk.check()
    assert await clerk.price(order("memory")) == 77, "it may be asked again"


@pytest.mark.parametrize(
    ("named", "reason"),
    [
        ("no.module:price", "ModuleNotFoundError"),
        ("shop:nothing", "AttributeError"),
        ("shop:WORD", "WORD is no function"),
        ("leaving:price", "status 5"),
        ("exiting:price", "SystemExit"),
    ],
)
async def test_what_cannot_be_loaded_is_named(shop: Path, named: str, reason: str) -> None:
    (shop / "leaving.py").write_text("import os\nos._exit(5)\n")
    (shop / "exiting.py").write_text("raise SystemExit(5)\n")
    pricer = Clerk(named, SECONDS)
    with pytest.raises(BadConfig, match=reason):
        await pricer.check()
    with pytest.raises(NoBid, match="there is no pricing function"):
        await pricer.price(order("memory"))
    assert pricer.pid is None
    await pricer.close()


units = st.builds(
    Unit,
    st.integers(1, 50),
    st.integers(0, 2**64),
    st.integers(0, 2**64),
    st.lists(st.builds(Volume, st.integers(0, 2**64), st.text(), st.booleans()), max_size=3).map(tuple),
    st.integers(0, 8),
    st.lists(st.text(), max_size=2).map(tuple),
    st.integers(0, 9),
    st.integers(0, 9),
)
texts = st.lists(st.text(), max_size=2).map(tuple)
demands = st.builds(
    Demand,
    st.lists(units, max_size=3).map(tuple),
    st.lists(st.tuples(st.text(), st.text()), max_size=2).map(tuple),
    texts,
    texts,
)


@given(st.builds(Request, demands, st.text(), st.text(), st.integers(0, 2**256)))
def test_an_order_is_the_same_on_the_other_side(request: Request) -> None:
    packed = request.pack()
    assert "\n" not in packed
    assert unpack_request(packed) == request
