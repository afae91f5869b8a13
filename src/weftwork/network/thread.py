"""A thread as one object: gathered from the stores of a home, drawn, written to a file, read back.

The parts of a thread lie with the roles that made them (the gateway holds requests and vouchers, a validator
its scores). On one machine they are gathered from every store of the home; a file holds them all.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from weftwork.errors import BadInput, NotFound
from weftwork.records import KINDS, Record, Signed
from weftwork.spec.merkle import ClaimKind
from weftwork.store import open_reader
from weftwork.units import Digest, Wad

ORDER = tuple(KINDS)
FORMAT = "weft-thread/1"


@dataclass(slots=True)
class Entry:
    """One record as it was found: its raw object and its signatures, not yet believed."""

    id: str
    raw: dict[str, Any]
    signatures: list[str] = field(default_factory=list)

    @property
    def kind(self) -> str:
        """The kind that the raw object claims."""
        return str(self.raw.get("kind"))

    def signed(self) -> Record | Signed[Any]:
        """The record with its first signature; raises BadRecord where it is malformed or has another id."""
        if self.signatures:
            return Signed.from_json({**self.raw, "id": self.id, "signature": self.signatures[0]})
        record: Record = Record.from_json(self.raw)
        if str(record.id) != self.id:
            from weftwork.errors import BadRecord

            raise BadRecord(f"the {record.kind} does not hash to the id it carries", value=self.id)
        return record


@dataclass(slots=True)
class Thread:
    """All records of one piece of work, the private content behind them, and the network they belong to."""

    start: str
    network: dict[str, Any]
    entries: dict[str, Entry] = field(default_factory=dict)
    links: set[tuple[str, str]] = field(default_factory=set)
    contents: dict[str, dict[str, str]] = field(default_factory=dict)

    def of(self, kind: str) -> list[Entry]:
        """The entries of one kind, in the order found."""
        return [entry for entry in self.entries.values() if entry.kind == kind]

    def to_json(self) -> dict[str, Any]:
        """The thread as one object, of format ``weft-thread/1``."""
        ranked = sorted(self.entries.values(), key=lambda e: ORDER.index(e.kind) if e.kind in ORDER else 99)
        return {
            "format": FORMAT,
            "start": self.start,
            "network": self.network,
            "records": [{**e.raw, "id": e.id, "signatures": e.signatures} for e in ranked],
            "links": sorted(self.links),
            "contents": self.contents,
        }

    @classmethod
    def from_json(cls, data: Any) -> Thread:
        """The thread of an object; raises :class:`BadInput` naming what is wrong with its shape."""
        if not isinstance(data, Mapping) or data.get("format") != FORMAT:
            raise BadInput(
                f"this is no thread of format {FORMAT}", hint="write one with `weft trace ID --json`"
            )
        try:
            thread = cls(str(data["start"]), dict(data["network"]))
            for item in data["records"]:
                raw = {k: v for k, v in item.items() if k not in ("id", "signatures")}
                thread.entries[item["id"]] = Entry(item["id"], raw, list(item["signatures"]))
            thread.links = {(str(a), str(b)) for a, b in data["links"]}
            thread.contents = {str(k): dict(v) for k, v in data["contents"].items()}
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise BadInput(f"the thread is malformed: {error!r}", value=str(error)) from error
        return thread

    @classmethod
    def read(cls, path: Path) -> Thread:
        """The thread in a file; raises :class:`BadInput`."""
        try:
            return cls.from_json(json.loads(path.read_text()))
        except (OSError, ValueError) as error:
            raise BadInput(f"{path} cannot be read as JSON: {error}", value=str(path)) from error


class _Shelf:
    """One store file, opened only to be read: a running role is not disturbed, and nothing is believed."""

    def __init__(self, path: Path) -> None:
        self.link = open_reader(path)

    def close(self) -> None:
        self.link.close()

    def entry(self, digest: bytes) -> Entry | None:
        row = self.link.execute("SELECT body, signature FROM record WHERE id = ?", (digest,)).fetchone()
        if row is None:
            return None
        try:
            raw = json.loads(row[0])
        except ValueError:
            raw = {"kind": "unreadable", "body": row[0]}
        more = self.link.execute("SELECT signature FROM signature WHERE id = ? ORDER BY seq", (digest,))
        signatures = list(dict.fromkeys(s for s in (row[1], *(r[0] for r in more)) if s))
        return Entry("0x" + digest.hex(), raw, ["0x" + s.hex() for s in signatures])

    def links(self, digest: bytes) -> Iterable[tuple[bytes, bytes]]:
        yield from self.link.execute(
            "SELECT parent, child FROM link WHERE child = ?1 OR parent = ?1", (digest,)
        )

    def closings(self, weights: Mapping[str, Any]) -> list[bytes]:
        """Ids of the closings of the epoch that ``weights`` are of, whichever validator closed it."""
        rows = self.link.execute(
            "SELECT id FROM record WHERE kind = 'closing' AND json_extract(body, '$.subnet') = ? "
            "AND json_extract(body, '$.epoch') = ?",
            (weights.get("subnet"), weights.get("epoch")),
        )
        return [row[0] for row in rows]

    def content(self, digest: bytes) -> tuple[bytes, bytes] | None:
        row = self.link.execute("SELECT salt, body FROM content WHERE digest = ?", (digest,)).fetchone()
        return (row[0], row[1]) if row else None

    def find(self, prefix: str) -> list[bytes]:
        low = bytes.fromhex(prefix + "0" * (64 - len(prefix)))
        high = bytes.fromhex(prefix + "f" * (64 - len(prefix)))
        rows = self.link.execute("SELECT id FROM record WHERE id BETWEEN ? AND ? LIMIT 3", (low, high))
        return [row[0] for row in rows]


def gather(stores: Iterable[Path], start: str, network: Mapping[str, Any], *, limit: int = 2_000) -> Thread:
    """The thread of the record ``start`` (its id, or the first eight or more digits of it) from ``stores``.

    It holds the ancestors of that record, and all that followed from any of them within this piece of work.
    Raises :class:`NotFound` where no store has the record.
    """
    with contextlib.ExitStack() as open_shelves:
        shelves = [open_shelves.enter_context(contextlib.closing(_Shelf(path))) for path in stores]
        return _gather(shelves, start, network, limit)


def _gather(shelves: list[_Shelf], start: str, network: Mapping[str, Any], limit: int) -> Thread:
    first = _find(shelves, start)
    thread = Thread("0x" + first.hex(), dict(network))
    up, down = [first], []
    seen_up: set[bytes] = set()
    while up:
        here = up.pop()
        if here in seen_up:
            continue
        seen_up.add(here)
        _take(shelves, thread, here)
        down.append(here)
        up += [p for shelf in shelves for p, c in shelf.links(here) if c == here]
    roots = {entry.id for entry in thread.of("request")}
    down = [bytes.fromhex(r[2:]) for r in roots] or down
    _walk_down(shelves, thread, down, limit)
    for entry in thread.of("weights"):
        closings = [one for shelf in shelves for one in shelf.closings(entry.raw)]
        thread.links |= {(entry.id, "0x" + one.hex()) for one in closings}
        _walk_down(shelves, thread, closings, limit)
    for entry in thread.of("weights"):
        _take_scores(shelves, thread, entry)
    return thread


def _walk_down(shelves: list[_Shelf], thread: Thread, starts: list[bytes], limit: int) -> None:
    """Take the records ``starts`` and all that follow from them."""
    down = list(starts)
    seen: set[bytes] = set()
    while down and len(seen) < limit:
        here = down.pop()
        if here in seen:
            continue
        seen.add(here)
        _take(shelves, thread, here)
        for shelf in shelves:
            for parent, child in shelf.links(here):
                if parent == here:
                    thread.links.add(("0x" + parent.hex(), "0x" + child.hex()))
                    down.append(child)


def _take_scores(shelves: list[_Shelf], thread: Thread, weights: Entry) -> None:
    """All scores under the Merkle root that weights name, so that the root can be computed again."""
    root = bytes.fromhex(str(weights.raw.get("scores", ""))[2:])
    for shelf in shelves:
        for parent, child in shelf.links(root):
            if child == root:
                thread.links.add(("0x" + parent.hex(), "0x" + root.hex()))
                _take(shelves, thread, parent)


def _find(shelves: list[_Shelf], start: str) -> bytes:
    digits = start.lower().removeprefix("0x")
    if not digits or any(c not in "0123456789abcdef" for c in digits) or len(digits) > 64:
        raise BadInput(f"{start!r} is no record id", value=start, hint="an id is 0x and up to 64 digits")
    if len(digits) < 8:
        raise BadInput("give at least 8 digits of the id", value=start)
    found = {one for shelf in shelves for one in shelf.find(digits)}
    if len(found) != 1:
        what = "several records begin" if found else "no record here begins"
        raise NotFound(
            f"{what} with 0x{digits}", value=start, hint="copy the whole id from `weft ask` or `weft demo`"
        )
    return found.pop()


def _take(shelves: list[_Shelf], thread: Thread, digest: bytes) -> None:
    name = "0x" + digest.hex()
    for shelf in shelves:
        entry = shelf.entry(digest)
        if entry is not None:
            held = thread.entries.setdefault(name, entry)
            held.signatures += [s for s in entry.signatures if s not in held.signatures]
    entry = thread.entries.get(name)
    for value in (name, *(entry.raw.values() if entry else ())):
        if not isinstance(value, str) or len(value) != 66 or value in thread.contents:
            continue
        for shelf in shelves:
            found = shelf.content(Digest(value))
            if found is not None:
                salt, body = found
                thread.contents[value] = {"salt": salt.hex(), "body": body.decode(errors="replace")}
                break


def read_order(thread: Thread, entry: Entry) -> dict[str, Any] | None:
    """What a request of ``thread`` orders, or the one that a receipt answers, where that is a tile."""
    asked = thread.entries.get(str(entry.raw.get("request"))) if entry.kind == "receipt" else entry
    kept = thread.contents.get(str(asked.raw.get("content"))) if asked is not None else None
    if kept is None:
        return None
    try:
        told = json.loads(kept["body"])
        numbers = [*told["tile"], told["job"], told["spp"]]
    except (ValueError, KeyError, TypeError):
        return None
    fits = len(numbers) == 7 and all(type(one) is int for one in numbers) and "bundle" in told
    return dict(told) if fits else None


def describe_tile(order: Mapping[str, Any]) -> str:
    """A tile in words: frame, size and place in pixels, samples a pixel."""
    frame, x, y, width, height = order["tile"]
    return f"frame {frame}, {width} x {height} pixels at {x}, {y}, {order['spp']} samples each"


def describe_entry(
    entry: Entry, names: Mapping[str, str] | None = None, order: Mapping[str, Any] | None = None
) -> str:
    """One line about a record, for people; ``names`` are words for addresses, ``order`` is a tile's."""
    raw, names = entry.raw, names or {}

    def who(field_name: str) -> str:
        text = str(raw.get(field_name, "?"))
        return names.get(text, text[:10])

    match entry.kind:
        case "request" if order is not None:
            tile = describe_tile(order)
            return f"{who('requester')} ordered {tile}, {_coins(raw['max_price'])} of job {order['job']}"
        case "receipt" if order is not None:
            done = f"{who('worker')} rendered {raw['output_tokens']} samples"
            return f"{done}, {_coins(raw['price'])} due by job {order['job']}"
        case "request":
            return f"{who('requester')} asked on subnet {raw['subnet']}, at most {_coins(raw['max_price'])}"
        case "receipt":
            end = "" if raw["final"] else f" (partial {raw['sequence']})"
            return f"{who('worker')} answered{end}: {raw['output_tokens']} tokens, {_coins(raw['price'])} due"
        case "voucher":
            return f"paid up to {_coins(raw['cumulative'])} in channel {str(raw['channel'])[:10]}"
        case "score":
            return f"{who('validator')} judged uid {raw['uid']}: {int(raw['value']) / 10_000:.1f} %"
        case "weights":
            pairs = ", ".join(f"{u}:{v}" for u, v in zip(raw["uids"], raw["values"], strict=False))
            return f"{who('validator')} weighed epoch {raw['epoch']}: {pairs}"
        case "closing":
            return f"epoch {raw['epoch']} closed, {_coins(raw['payout'])} of {_coins(raw['pot'])} paid out"
        case "payment" if raw["claim"] == ClaimKind.SLASH:
            return f"{_coins(raw['amount'])} of agent {raw['agent']}'s collateral burnt (leaf {raw['index']})"
        case "payment":
            return f"{_coins(raw['amount'])} to {who('account')} (leaf {raw['index']})"
    return "unreadable"


def read_talk(thread: Thread) -> tuple[str, str]:
    """What was asked and what was answered, for people; empty where the private content is not here."""
    question = answer = ""
    for entry in thread.of("request"):
        kept = thread.contents.get(str(entry.raw.get("content")))
        if kept and not question:
            try:
                body = json.loads(kept["body"])
                question = str(body["messages"][-1]["content"] if "messages" in body else body["prompt"])
            except (ValueError, KeyError, TypeError, IndexError):
                order = read_order(thread, entry)
                question = kept["body"] if order is None else describe_tile(order)
    for entry in thread.of("receipt"):
        kept = thread.contents.get(str(entry.raw.get("output")))
        if kept and entry.raw.get("final"):
            answer = kept["body"]
    return question, answer


def _coins(value: Any) -> str:
    return f"{Wad(int(value)).format()} WEFT"


def draw_thread(thread: Thread, names: Mapping[str, str] | None = None) -> list[str]:
    """The thread as lines of a tree, each record under the first parent that is here."""
    children: dict[str, list[str]] = {}
    placed: set[str] = set()
    for parent, child in sorted(_edges(thread), key=lambda pair: _rank(thread, pair[1])):
        if child not in placed:
            children.setdefault(parent, []).append(child)
            placed.add(child)
    roots = [
        name
        for name, entry in thread.entries.items()
        if name not in placed and (entry.kind != "score" or name == thread.start)
    ]
    lines: list[str] = []

    def walk(name: str, indent: str, last: bool, top: bool) -> None:
        entry = thread.entries[name]
        branch = "" if top else ("└─ " if last else "├─ ")
        told = describe_entry(entry, names, read_order(thread, entry))
        lines.append(f"{indent}{branch}{entry.kind:<8} {name[:10]}…  {told}")
        inner = indent + ("" if top else ("   " if last else "│  "))
        below = children.get(name, [])
        for i, child in enumerate(below):
            walk(child, inner, i == len(below) - 1, False)

    for name in sorted(roots, key=lambda one: _rank(thread, one)):
        walk(name, "", True, True)
    return lines


def _edges(thread: Thread) -> Iterator[tuple[str, str]]:
    """Parent and child among the entries; a Merkle root between scores and weights is stepped over."""
    known = thread.entries
    work = {name for name, entry in known.items() if entry.kind == "receipt"}
    judged = {child for parent, child in thread.links if parent in work} | {thread.start}
    for parent, child in thread.links:
        if parent in known and child in known:
            yield parent, child
        elif parent in judged and child not in known:
            yield from ((parent, below) for root, below in thread.links if root == child and below in known)


def _rank(thread: Thread, name: str) -> tuple[int, str]:
    kind = thread.entries[name].kind if name in thread.entries else ""
    return (ORDER.index(kind) if kind in ORDER else len(ORDER), name)
