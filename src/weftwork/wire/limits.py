"""What a server grants to strangers: sizes in bytes, times in seconds, counts."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Caps of one server; each is enforced before the memory or the time is spent."""

    head_bytes: int = 65_536
    body_bytes: int = 8 * 1024 * 1024
    head_seconds: float = 10.0
    body_seconds: float = 30.0
    idle_seconds: float = 75.0
    write_seconds: float = 30.0
    drain_seconds: float = 5.0
    linger_bytes: int = 256 * 1024 * 1024
    connections: int = 4096
    concurrency: int = 1024
    pipeline: int = 16

    @property
    def tick(self) -> float:
        """How often, in seconds, the deadlines of connections are looked at."""
        least = min(self.head_seconds, self.body_seconds, self.idle_seconds, self.write_seconds)
        return min(max(least / 4, 0.02), 1.0)
