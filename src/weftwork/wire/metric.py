"""Counters of one role, in the exposition format of Prometheus.

The hot path adds to plain dictionaries; ``prometheus_client`` only writes them out when ``/metrics`` is read.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator
from typing import Any

BUCKETS = (0.001, 0.005, 0.025, 0.1, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
"""Upper bounds, in seconds, of the histogram of request times."""

Labels = tuple[tuple[str, str], ...]


class Metrics:
    """Requests by method, route and status with their times, and any counters and gauges that a role adds."""

    def __init__(self, role: str) -> None:
        self.role = role
        self._requests: dict[tuple[str, str, int], list[float]] = {}
        self._counts: dict[str, dict[Labels, float]] = {}
        self._gauges: dict[str, Callable[[], float]] = {}

    def observe(self, method: str, route: str, status: int, seconds: float) -> None:
        """Counts one request that took ``seconds``."""
        row = self._requests.get((method, route, status))
        if row is None:
            row = self._requests[method, route, status] = [0.0] * (len(BUCKETS) + 2)
        row[bisect_left(BUCKETS, seconds)] += 1
        row[-1] += seconds

    def count(self, name: str, by: float = 1, **labels: str) -> None:
        """Adds to the counter ``weft_NAME_total``."""
        rows = self._counts.setdefault(name, {})
        key = tuple(sorted(labels.items()))
        rows[key] = rows.get(key, 0) + by

    def gauge(self, name: str, read: Callable[[], float]) -> None:
        """Shows ``read()`` as the gauge ``weft_NAME``."""
        self._gauges[name] = read

    def value(self, name: str, **labels: str) -> float:
        """What a counter stands at."""
        return self._counts.get(name, {}).get(tuple(sorted(labels.items())), 0)

    def requests(self, status: int | None = None) -> int:
        """How many requests were served, of one status or of all."""
        return int(sum(sum(r[:-1]) for k, r in self._requests.items() if status in (None, k[2])))

    def collect(self) -> Iterator[Any]:
        """The families, as ``prometheus_client`` asks a collector for them."""
        from prometheus_client.core import (
            CounterMetricFamily,
            GaugeMetricFamily,
            HistogramMetricFamily,
        )

        times = HistogramMetricFamily(
            "weft_http_request_seconds",
            "Time of HTTP requests.",
            labels=["role", "method", "route", "status"],
        )
        bounds = [*map(str, BUCKETS), "+Inf"]
        for (method, route, status), row in sorted(self._requests.items()):
            total, pairs = 0.0, []
            for bound, number in zip(bounds, row[:-1], strict=True):
                total += number
                pairs.append((bound, total))
            times.add_metric([self.role, method, route, str(status)], buckets=pairs, sum_value=row[-1])
        yield times
        for name, rows in sorted(self._counts.items()):
            labels = sorted({label for key in rows for label, _ in key})
            family = CounterMetricFamily(f"weft_{name}", f"{name} of this role.", labels=["role", *labels])
            for key, number in sorted(rows.items()):
                values = dict(key)
                family.add_metric([self.role, *(values.get(label, "") for label in labels)], number)
            yield family
        for name, read in sorted(self._gauges.items()):
            gauge = GaugeMetricFamily(f"weft_{name}", f"{name} of this role.", labels=["role"])
            gauge.add_metric([self.role], float(read()))
            yield gauge

    def render(self) -> bytes:
        """The text of ``/metrics``."""
        from prometheus_client import CollectorRegistry, generate_latest

        registry = CollectorRegistry(auto_describe=False)
        registry.register(self)
        return generate_latest(registry)
