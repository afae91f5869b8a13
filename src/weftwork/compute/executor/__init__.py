"""What runs a lease: one port (:mod:`.port`), and behind it a sandbox, containers, a cluster, or tasks."""

from weftwork.compute.executor.port import (
    Address,
    Capacity,
    Executor,
    Limits,
    LogLine,
    ServiceStatus,
    State,
    Status,
    key,
)

__all__ = [
    "Address",
    "Capacity",
    "Executor",
    "Limits",
    "LogLine",
    "ServiceStatus",
    "State",
    "Status",
    "key",
]
