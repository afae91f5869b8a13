"""What ``weft up`` and ``weft join`` are to start."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from weftwork.errors import BadConfig
from weftwork.units import WAD

ROLES = ("ledger", "gateway", "miner", "validator", "provider", "renderer")
TRIALS = ("drill", "render")
"""How a validator of the availability subnet finds out who is there."""
PORT = 8642
ENGINES = ("weft-intent", "weft-intent")
EVERYWHERE = frozenset(("0.0.0.0", "::", ""))  # noqa: S104 - these are recognised, not bound to


@dataclass(frozen=True, slots=True)
class Plan:
    """What to start: roles, where they bind and are found, and what they stand on.

    Times are in seconds, amounts in wad, ``tempo``, ``commit_blocks`` and ``window`` in blocks. A provider
    that is ``ready`` also stands ready, for drills and their pay; a renderer is a provider of renders that
    comes when all others are up. Roles in ``spare`` are left out, with a word, where this machine cannot have
    them. Raises BadConfig.
    """

    roles: tuple[str, ...] = ROLES
    ledger: str | None = None
    host: str = "127.0.0.1"
    port: int = PORT
    endpoint: str | None = None
    origins: tuple[str, ...] = ()
    subnet: int = 1
    engines: tuple[str, ...] = ENGINES
    model: str | None = None
    stake: int = 1_000 * WAD
    fund_from: str | None = None
    found: bool = False
    block_time: float = 2.0
    tempo: int = 60
    commit_blocks: int = 36
    dev: bool = False
    rate: float = 0.2
    rule: str = "intent"
    trial: str = "drill"
    via: tuple[str, ...] = ()
    least_gateways: int = 2
    patience: float = 300.0
    local: bool = True
    executor: str = "process"
    executor_options: tuple[str, ...] = ()
    price: str | None = None
    pricing: str | None = None
    has: str = ""
    attributes: tuple[str, ...] = ("region=local",)
    window: int = 0
    ready: bool = False
    spare: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        unknown = [role for role in self.roles if role not in ROLES]
        if unknown or not self.roles:
            raise BadConfig(
                f"there is no role {', '.join(unknown) or 'given'}",
                value=",".join(unknown),
                hint=f"choose among {', '.join(ROLES)}",
            )
        if "ledger" not in self.roles and self.ledger is None:
            raise BadConfig(
                "these roles need a ledger",
                hint="--ledger URL, or add ledger to --roles",
                value=",".join(self.roles),
            )
        if self.ledger is not None and not self.ledger.startswith(("http://", "https://")):
            raise BadConfig(
                "a ledger is named by the URL of its JSON-RPC",
                value=self.ledger,
                hint="--ledger http://127.0.0.1:8545",
            )
        if self.found and self.ledger is not None and self.fund_from is None:
            raise BadConfig("raising a network takes a key that pays for it", hint="--fund-from KEYFILE")
        if not 0 < self.commit_blocks < self.tempo:
            raise BadConfig(
                "the blocks for commitments are a part of an epoch's",
                value=f"{self.commit_blocks} of {self.tempo}",
                hint="--tempo 60 --commit-blocks 36",
            )
        if self.trial not in TRIALS or (self.trial != "drill" and self.rule != "availability"):
            raise BadConfig(
                f"there is no trial {self.trial[:40]} for the rule {self.rule[:40]}",
                value=self.trial[:40],
                hint=f"--rule availability --trial {' or '.join(TRIALS)}",
            )
        self._check_place()

    def _check_place(self) -> None:
        if not 0 <= self.port < 65_536:
            raise BadConfig("there is no such port", value=self.port, hint="0 to 65535; 0 takes a free one")
        if self.endpoint is not None:
            parts = urlsplit(self.endpoint)
            if parts.scheme not in ("http", "https") or not parts.hostname:
                raise BadConfig(
                    "an endpoint is a URL", value=self.endpoint, hint="--endpoint https://gpu.example"
                )
        elif self.host in EVERYWHERE and self.roles != ("ledger",):
            raise BadConfig(
                "others cannot reach a role at every address of this machine",
                value=self.host,
                hint="say under which they do: --endpoint https://gpu.example:8642",
            )

    @property
    def hosts(self) -> tuple[str, ...]:
        """Host names, besides loopback and the one bound to, under which the roles are asked for."""
        name = urlsplit(self.endpoint).hostname if self.endpoint else None
        return (name,) if name else ()

    def is_alone(self, role: str) -> bool:
        """Whether ``role`` is all that this plan starts, so that port and endpoint are its own."""
        return self.roles == (role,) and (role != "miner" or len(self.engines) == 1)
