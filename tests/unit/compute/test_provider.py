"""A provider's small rooms: what strangers send, what is free, what it must not forget, what it asks."""

from __future__ import annotations

import asyncio
import json
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from weftwork.compute import sdl
from weftwork.compute.bidding import Request
from weftwork.compute.binding import BindingQuote, check_quote
from weftwork.compute.error import BadManifest, LeaseNotFound, NoBid
from weftwork.compute.matching import read_demand, read_offer
from weftwork.compute.provider.book import QUOTES_OF_ONE, Book, Engagement, Kept
from weftwork.compute.provider.pricing import FunctionPricer, open_pricing, read_tariff
from weftwork.compute.provider.stock import Stock, make_offer, offer_json, read_amounts, read_attributes
from weftwork.compute.sdl.received import check_manifest, read_group, read_manifest
from weftwork.compute.venue import format_order, parse_order
from weftwork.eip712 import Domain
from weftwork.errors import BadConfig, BadInput, BadSignature, Busy
from weftwork.ledger import Account
from weftwork.spec.placement import Demand, Offer, Unit
from weftwork.store import Store
from weftwork.units import WAD, Digest

FILE = """
version: "2.1"
services:
  web:
    image: nginx
    env: [A=1]
    params: {storage: {data: {mount: /data, readOnly: false}}}
    credentials: {host: hub, username: ada, password: secret99}
    expose: [{port: 80, accept: [a.example], to: [{global: true}]}]
  db: {image: postgres, expose: [{port: 5432, to: [{service: web}]}]}
profiles:
  compute:
    web:
      resources:
        cpu: {units: 2}
        memory: {size: 1Gi}
        gpu: {units: 1, attributes: {vendor: {nvidia: [{model: a100, ram: 80Gi}]}}}
        storage: [{size: 1Gi}, {name: data, size: 2Gi, attributes: {persistent: true, class: beta2}}]
    db: {resources: {cpu: {units: 1}, memory: {size: 1Gi}, storage: {size: 1Gi}}}
  placement:
    west:
      attributes: {region: us-west}
      signedBy: {anyOf: ["0x1111111111111111111111111111111111111111"]}
      pricing: {web: {denom: uakt, amount: 0.25}, db: {denom: uakt, amount: 3}}
deployment:
  web: {west: {profile: web, count: 2}}
  db: {west: {profile: db, count: 1}}
"""


@pytest.fixture(scope="module")
def file() -> sdl.Deployment:
    return sdl.parse(FILE)


def over_the_wire(value: Any) -> Any:
    return json.loads(json.dumps(value))


def test_what_was_sent_is_read_back_whole(file: sdl.Deployment) -> None:
    (group,) = (read_group(over_the_wire(spec)) for spec in file.group_specs_json())
    (manifest,) = read_manifest(over_the_wire(file.manifest_json()))
    assert (group, manifest) == (file.groups[0], file.manifest[0])
    check_manifest(group, manifest)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("name",), 5),
        (("services", 0, "resources", "cpu", "units", "val"), "1e9"),
        (("services", 0, "resources", "cpu", "units", "val"), "007"),
        (("services", 0, "count"), True),
        (("services", 0, "count"), 10**9),
        (("services", 0, "expose", 0, "port"), 70_000),
        (("services", 0, "image"), None),
        (("services", 0, "unknown"), 1),
        (("services", 0, "env"), "A=1"),
        (("services", 0, "params", "storage", 0, "readOnly"), "no"),
        (("services",), "all"),
    ],
)
def test_a_manifest_that_is_not_what_a_file_gives_is_refused(
    file: sdl.Deployment, path: tuple[Any, ...], value: Any
) -> None:
    sent = over_the_wire(file.manifest_json())
    place = sent[0]
    web = next(i for i, one in enumerate(place["services"]) if one["name"] == "web")
    words = [web if word == 0 and number == 1 else word for number, word in enumerate(path)]
    for word in words[:-1]:
        place = place[word]
    place[words[-1]] = value
    with pytest.raises(BadManifest):
        read_manifest(sent)


@pytest.mark.parametrize("value", [None, [], {}, "x", [1], [{"name": "x"}], [[[[[]]]]]])
def test_what_is_no_manifest_at_all_is_refused(value: Any) -> None:
    with pytest.raises(BadManifest):
        read_manifest(value)
    with pytest.raises(BadManifest):
        read_group(value)


def test_a_manifest_takes_what_was_ordered_and_no_more(file: sdl.Deployment) -> None:
    for change, reason in (
        (
            lambda one: one["services"][0]["resources"]["memory"]["size"].update(val=str(2**40)),
            "other resources",
        ),
        (lambda one: one["services"][0].update(count=3), "another number of replicas"),
        (lambda one: one["services"].pop(), "another number of replicas"),
        (lambda one: one.update(name="east"), "another name"),
    ):
        sent = deepcopy(over_the_wire(file.manifest_json()))
        change(sent[0])
        with pytest.raises(BadManifest, match=reason):
            check_manifest(file.groups[0], read_manifest(sent)[0])


def test_orders_hold_what_they_ask_for_until_they_are_released(file: sdl.Deployment) -> None:
    offer = make_offer("ada", read_amounts("cpu=8,memory=8Gi,storage=8Gi,storage/beta2=8Gi,gpu=2"), ())
    assert read_offer("ada", offer_json(offer)) == offer
    stock = Stock(offer)
    demand = read_demand(file.groups[0])
    stock.hold(1, demand)
    stock.hold(1, demand)
    free = stock.free
    assert (free.cpu, free.memory, free.gpu) == (3_000, 5 * 2**30, 0)
    assert (free.storage["default"], free.storage["beta2"]) == (5 * 2**30, 4 * 2**30)
    assert {one.constraint for one in stock.find_failures(demand)} >= {"cpu", "gpu"}
    stock.release(1)
    stock.release(1)
    assert stock.free == offer


@pytest.mark.parametrize("text", ["cpu", "cpu=-1", "memory=lots", "gpu=1.5", "disk=1Gi", "cpu=1,,memory"])
def test_amounts_that_cannot_be_read_are_named(text: str) -> None:
    with pytest.raises(BadConfig, match="cannot be read"):
        read_amounts(text)


def test_attributes_are_pairs() -> None:
    assert read_attributes(["b=2", "a=1=1"]) == (("a", "1=1"), ("b", "2"))
    with pytest.raises(BadConfig):
        read_attributes(["region"])


def kept(number: int, tenant: str = "0xAA", expiry: int = 100) -> Kept:
    return Kept(f"0x{number:064x}", tenant, "0xBB", 5, 0, expiry, {"n": number})


def test_a_book_remembers_quotes_and_leases_over_a_restart(tmp_path: Path) -> None:
    big = (7 << 64) | (1 << 32) | 1
    with Store(tmp_path / "a.db") as store:
        book = Book(store)
        book.keep(kept(1), 0.0)
        book.keep(kept(1, expiry=200), 0.0)
        book.set(Engagement(big, "0xAA", "0xBB", 10**30, 0, {"x": 1}, "bid", 5.0))
        book.change(big, phase="won")
        book.move_cursor(9, [big])
        book.set(Engagement(big + 1, "0xAA", "0xBB", 5, 0, {"x": 1}, "bid", 5.0))
        book.change(big + 1, phase="lost")
        assert big + 1 not in book
    with Store(tmp_path / "a.db") as store:
        book = Book(store)
        found = book.find_quote(kept(1).digest, "0xaa", "0xbb", now=150.0)
        assert found is not None
        assert found.expiry == 200
        assert book.find_quote(kept(1).digest, "0xAA", "0xBB", now=201.0) is None
        assert book.find_group(kept(1).digest, "0xAA", "0xBB") == found
        assert (book.find(big).phase, book.find(big).price) == ("won", 10**30)
        assert (book.cursor, book.watched) == (9, [big])
        assert big + 1 not in book
        with pytest.raises(LeaseNotFound):
            book.find(8)


def test_a_tenant_holds_so_many_quotes_and_no_more() -> None:
    with Store(None) as store:
        book = Book(store)
        for number in range(QUOTES_OF_ONE):
            book.keep(kept(number), 0.0)
        with pytest.raises(Busy):
            book.keep(kept(999), 0.0)
        book.keep(kept(999, tenant="0xCC"), 0.0)
        book.keep(kept(1_000), 101.0)


def test_prices_by_kind_are_read_and_nonsense_is_named() -> None:
    tariff = read_tariff("cpu=2,memory=1,storage=0.1,storage/beta3=0.5,gpu=100,gpu/a100=900")
    assert tariff.storage["beta3"] == WAD // 2
    assert tariff.storage["default"] == WAD // 10
    assert tariff.gpu_by_kind == {"vendor/*/model/a100": 900 * WAD}
    for text in ("cpu=x", "moon=1", "cpu=-1"):
        with pytest.raises(BadConfig):
            read_tariff(text)


async def test_a_pricing_is_a_tariff_a_function_or_says_what_it_cannot_find(tmp_path: Path) -> None:
    request = Request(Demand((Unit(1, 1_000, 2**30),)), "tenant", "weft", WAD)
    assert await open_pricing(None, "cpu=429909").price(request) == WAD
    for text in ("nowhere.sh", "no.module:"):
        with pytest.raises(BadConfig):
            open_pricing(text)
    failing = FunctionPricer(lambda request: 1 // 0)
    with pytest.raises(NoBid, match="ZeroDivisionError"):
        await failing.price(request)
    with pytest.raises(NoBid, match="makes no bid"):
        await FunctionPricer(lambda request: None).price(request)


def test_a_quote_is_its_signers_word_for_one_market(file: sdl.Deployment) -> None:
    key, place = Account.create(seed="ada"), "0x" + "11" * 20
    domain, other = Domain(1, place), Domain(2, place)
    quote = BindingQuote(3, Digest(b"\x05" * 32), place, place, 10**20, 7, 1_000)
    signed = over_the_wire(quote.sign(key, domain))
    assert check_quote(signed, key.address, domain, now=999) == quote
    with pytest.raises(BadSignature):
        check_quote(signed, key.address, other, now=999)
    for broken in (None, {}, {"quote": {}}, {"quote": signed["quote"], "signature": "0xzz"}):
        with pytest.raises((BadInput, BadSignature)):
            check_quote(broken, key.address, domain, now=999)


def test_orders_are_named_by_people_and_programs() -> None:
    order = (12 << 64) | (3 << 32) | 4
    assert format_order(order) == "12/3/4"
    assert parse_order("12/3/4") == parse_order(str(order)) == order
    assert parse_order("12") == (12 << 64) | (1 << 32) | 1
    for text in ("", "x", "1/2/3/4", "0", "-1", "1//2", "9" * 50):
        with pytest.raises(BadInput):
            parse_order(text)


def test_an_offer_without_a_name_for_its_storage_is_of_the_default_class() -> None:
    assert make_offer("a", {"storage": 5, "cpu": 1}, ()) == Offer("a", 1, 0, {"default": 5}, 0)


def test_asyncio_runs_a_pricing_twice() -> None:
    pricer = FunctionPricer(lambda request: 5)
    request = Request(Demand(()), "tenant", "weft", 10)
    assert [asyncio.run(pricer.price(request)) for _ in range(2)] == [5, 5]
