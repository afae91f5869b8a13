"""Who serves what: the miners of a gateway's subnets, refreshed in the background, read on each call.

Discovery walks the capped neuron list of each subnet; the identity registry only resolves a neuron's
endpoint. A miner's standing and purse stay with its wallet when the list changes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from weftwork.errors import NoMiner, UnknownModel
from weftwork.models.gateway.openai import Call
from weftwork.models.gateway.route import Option, Policy, Standing, Wheel
from weftwork.units import ZERO, Digest

if TYPE_CHECKING:
    from weftwork.models.channel import ChannelPurse

_FRESH = 0.25
_LISTED = ("uid", "endpoint", "model", "input_price", "output_price", "engine", "incentive", "agent", "local")


@dataclass(slots=True, eq=False)
class Seat:
    """One miner as this gateway knows it: where it is, its model, prices (wad a token), how it did."""

    wallet: str
    subnet: int
    uid: int
    endpoint: str
    model: str
    input_price: int = 0
    output_price: int = 0
    engine: Digest = ZERO
    incentive: float = 0.0
    agent: int = 0
    local: bool = False
    purse: ChannelPurse | None = None
    held: int = 0
    vouched: float = -1e9
    strict: bool = False
    together: bool = True
    standing: Standing = field(default_factory=Standing)
    public: bytes | None = None

    @property
    def key(self) -> tuple[int, str]:
        """What this miner is known by: subnet and wallet."""
        return self.subnet, self.wallet

    def quote(self, call: Call) -> int:
        """The most that ``call`` may cost here: each byte of it a token, and all the tokens it allows."""
        size = len(call.text) if call.text.isascii() else len(call.text.encode())
        return self.input_price * (size + 64) + self.output_price * call.max_tokens

    def covers(self, quote: int) -> bool:
        """True if the channel's deposit covers one more call of at most ``quote`` beside those under way."""
        room = self.purse.room if self.purse is not None else 0
        return room is None or room - self.held >= quote


class Directory:
    """The seats of one gateway, by model; :meth:`update` replaces them, the rest only reads."""

    def __init__(self, policy: Policy, clock: Callable[[], float], now: Callable[[], float]) -> None:
        """``clock`` counts seconds evenly; ``now`` gives the time of day (for /v1/models)."""
        self._policy = policy
        self._clock = clock
        self._now = now
        self._seats: dict[tuple[int, str], Seat] = {}
        self._models: dict[str, list[Seat]] = {}
        self._seen: dict[str, int] = {}
        self._wheels: dict[str, tuple[float, Wheel[Seat]]] = {}

    def update(self, found: Iterable[Seat]) -> list[Seat]:
        """Replaces what is served; known miners keep standing, purse and key. Returns the new ones."""
        seats: dict[tuple[int, str], Seat] = {}
        for seat in found:
            old = self._seats.get(seat.key)
            if old is not None:
                old.together = old.together or old.endpoint != seat.endpoint
                for name in _LISTED:
                    setattr(old, name, getattr(seat, name))
                old.purse = seat.purse or old.purse
                seat = old
            seats[seat.key] = seat
        models: dict[str, list[Seat]] = {}
        for seat in seats.values():
            models.setdefault(seat.model, []).append(seat)
            self._seen.setdefault(seat.model, int(self._now()))
        new = [seat for key, seat in seats.items() if key not in self._seats]
        self._seats, self._models = seats, models
        self._wheels.clear()
        return new

    def seats(self, model: str | None = None) -> list[Seat]:
        """The miners of one model, or all."""
        return list(self._seats.values()) if model is None else list(self._models.get(model, ()))

    def models(self) -> dict[str, int]:
        """Each model that is served now, with the time (seconds) at which it was first seen."""
        return {model: self._seen[model] for model in self._models}

    def find(self, wallet: str) -> Seat | None:
        """The seat of a miner's wallet; None if it has none."""
        return next((seat for seat in self._seats.values() if seat.wallet == wallet), None)

    def wheel(self, model: str) -> Wheel[Seat]:
        """The choice among miners of ``model`` that can be paid, at most a fraction of a second old."""
        now = self._clock()
        held = self._wheels.get(model)
        if held is not None and now - held[0] < _FRESH:
            return held[1]
        seats = self._models.get(model)
        if not seats:
            raise UnknownModel.named(model)
        ready = [seat for seat in seats if seat.purse is not None]
        if not ready:
            raise NoMiner(f"No miner of {model} has an open channel with this gateway yet.", value=model)
        total = sum(seat.incentive for seat in ready) or 1.0
        options = [
            Option(seat.key, seat.incentive / total, seat.input_price + seat.output_price, seat.standing)
            for seat in ready
        ]
        wheel = Wheel(ready, options, now, self._policy)
        self._wheels[model] = (now, wheel)
        return wheel

    def settle(self, seat: Seat, took_us: int | None) -> None:
        """Counts an answer of ``seat`` after ``took_us`` microseconds; None: a failure, and it rests."""
        if took_us is not None:
            seat.standing.succeed(took_us)
            return
        seat.standing.fail(self._clock(), self._policy)
        self._wheels.pop(seat.model, None)
