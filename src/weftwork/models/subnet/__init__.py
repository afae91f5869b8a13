"""Subnets: kinds of work, each with its tasks and its rule of judgement. Two ship: ``intent`` and ``chat``.

Others are found by the entry point group ``weftwork.subnets``, whose objects are called with the options
given here.
"""

from __future__ import annotations

from typing import Any

from weftwork.errors import BadConfig
from weftwork.models.subnet.port import FULL as FULL
from weftwork.models.subnet.port import Subnet as Subnet
from weftwork.models.subnet.port import Task as Task
from weftwork.models.subnet.port import Worker as Worker

GROUP = "weftwork.subnets"
SHIPPED = ("intent", "chat")


def open_subnet_rule(name: str, **options: Any) -> Subnet:
    """The subnet of that name with its ``options``; raises :class:`BadConfig` where there is none."""
    if name == "intent":
        from weftwork.models.subnet.intent import IntentSubnet

        return IntentSubnet(**options)
    if name == "chat":
        from weftwork.models.subnet.chat import ChatSubnet

        return ChatSubnet(**options)
    from importlib.metadata import entry_points

    for entry in entry_points(group=GROUP, name=name):
        made: Subnet = entry.load()(**options)
        return made
    raise BadConfig(
        f"there is no subnet rule {name[:40]!r}",
        value=name[:80],
        hint=f"use {' or '.join(SHIPPED)}, or install a package with an entry point in {GROUP}",
    )
