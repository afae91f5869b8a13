"""What a deployment may ask for at most, and the words that it may use.

Resources are in the units of the manifest: thousandths of a CPU, GPUs, bytes. Prices are per block in the
smallest unit of their denomination, with 18 decimals (:data:`weftwork.units.Wad`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

WAD = 10**18
MI, TI = 1 << 20, 1 << 40


@dataclass(frozen=True, slots=True)
class Limits:
    """Smallest and largest amount of each resource of one unit, and the number of units and groups."""

    cpu: tuple[int, int] = (10, 384_000)
    gpu: tuple[int, int] = (0, 24)
    memory: tuple[int, int] = (MI, 2 * TI)
    storage: tuple[int, int] = (5 * MI, 32 * TI)
    count: tuple[int, int] = (1, 50)
    price: int = 10_000_000 * WAD
    groups: int = 20
    units: int = 20


LIMITS = Limits()

DENOMS = ("uakt", "uact", "uweft", "uusd")
"""Denominations that strict mode knows; lenient mode takes any that :data:`DENOM` matches."""
GPU_VENDORS = ("nvidia",)
GPU_INTERFACES = ("pcie", "sxm")
STORAGE_CLASSES = ("default", "beta1", "beta2", "beta3", "ram")
ATTRIBUTE_TRUE, ATTRIBUTE_FALSE = ("true", "on", "yes"), ("false", "off", "no")
TEE_TYPES = ("cpu", "cpu-gpu")
PERMISSIONS = ("deployment", "logs", "events")
NEXT_CASES = ("error", "timeout", "500", "502", "503", "504", "403", "404", "429", "off")
HTTP_DEFAULTS = {
    "max_body_size": 1_048_576,
    "read_timeout": 60_000,
    "send_timeout": 60_000,
    "next_tries": 3,
    "next_timeout": 0,
}
HTTP_MAXIMA = {
    "max_body_size": 104_857_600,
    "proxy_buffer_size": 1_048_576,
    "read_timeout": 60_000,
    "send_timeout": 60_000,
    "next_tries": 2**32 - 1,
    "next_timeout": 2**32 - 1,
}
MAX_PORT = 65_535
MIN_PASSWORD, MIN_EMAIL = 6, 5

SERVICE_NAME = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")
ENDPOINT_NAME = re.compile(r"[a-z][-_0-9a-z]+")
ENV_NAME = re.compile(r"(?!\.\.?$|\.\.)[-._a-zA-Z][-._a-zA-Z0-9]*")
HOST_NAME = re.compile(r"(?=.{1,253}$)[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
ATTRIBUTE_KEY = re.compile(r"[a-zA-Z][\w/.\-]{1,126}[\w*]?", re.ASCII)
DENOM = re.compile(r"[a-zA-Z][a-zA-Z0-9/:._-]{2,127}")
AMOUNT = re.compile(r"[0-9]+(\.[0-9]+)?")
WINDOW = re.compile(r"[1-9][0-9]*(s|m|h)")
