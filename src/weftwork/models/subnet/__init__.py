"""Subnets: kinds of work, each with its tasks and its rule of judgement. Three ship: ``intent``, ``chat``,
``script``.

Others are found by the entry point group ``weftwork.subnets``: each names a class that has the methods of
:class:`~weftwork.models.subnet.port.Subnet`, and is called with the options given here.
"""

from __future__ import annotations

from typing import Any

from weftwork.closing.standing import FULL as FULL
from weftwork.errors import BadConfig
from weftwork.models.subnet.port import Subnet as Subnet
from weftwork.models.subnet.port import Task as Task
from weftwork.models.subnet.port import Worker as Worker

GROUP = "weftwork.subnets"
SHIPPED = ("intent", "chat", "script")


def find_rule(name: str) -> Any:
    """The class of the subnet rule of that name; raises :class:`BadConfig` where there is none."""
    if name == "intent":
        from weftwork.models.subnet.intent import IntentSubnet

        return IntentSubnet
    if name == "chat":
        from weftwork.models.subnet.chat import ChatSubnet

        return ChatSubnet
    if name == "script":
        from weftwork.models.subnet.script import ScriptSubnet

        return ScriptSubnet
    from importlib.metadata import entry_points

    for entry in entry_points(group=GROUP, name=name):
        return entry.load()
    raise BadConfig(
        f"there is no subnet rule {name[:40]!r}",
        value=name[:80],
        hint=f"use one of {', '.join(SHIPPED)}, or install a package with an entry point in {GROUP}",
    )


def open_subnet_rule(name: str, **options: Any) -> Subnet:
    """The subnet of that name with its ``options``; raises :class:`BadConfig` where there is none."""
    made: Subnet = find_rule(name)(**options)
    return made
