"""Who plays in the demo: the model in the box as an engine, and the miners and validators around it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from weftwork.errors import BadConfig
from weftwork.models.client import Client
from weftwork.models.engine.port import Engine, EngineInfo
from weftwork.models.engine.text import TextEngine
from weftwork.network.rogue import ColludingValidator, LazyEngine, ReplayEngine, StallEngine
from weftwork.units import WAD

if TYPE_CHECKING:
    from weftwork.network.devnet import Devnet

MODEL = "weft-intent"
BOX = Path(__file__).parents[1] / "models" / "box"
PURSE = 20 * WAD


def open_boxed_engine(name: str = MODEL, **options: Any) -> Engine:
    """The model in the box, greedy and held to the schema of intents; ``name`` is that of its file.

    Raises :class:`BadConfig` where the package was installed without it.
    """
    from weftwork.models.engine.gguf import GgufEngine
    from weftwork.models.intent import response_format

    path = BOX / f"{name}.gguf"
    if not path.exists():
        raise BadConfig(f"the package lacks the model {name}", value=name, hint="install weftwork again")
    params = {"temperature": 0, "max_tokens": 200, "response_format": response_format()}
    return GgufEngine(path, name=MODEL, params=params, context=512, **options)


class GatewayEngine(TextEngine):
    """An engine that buys each answer from a gateway, as any client does."""

    def __init__(self, client: Client, model: str, claims: EngineInfo) -> None:
        super().__init__(claims)
        self.client = client
        self.spent = 0
        self._model = model

    async def close(self) -> None:
        """Pay what is owed, and let go."""
        await self.client.pay()
        await self.client.close()

    async def say(self, body: Mapping[str, Any]) -> str:
        """An answer bought from whichever miner the gateway chooses."""
        answer = await self.client.ask({"model": self._model, "messages": body["messages"]})
        self.spent += answer.price
        return answer.text


@dataclass(frozen=True, slots=True)
class Member:
    """A miner of the demo."""

    name: str
    kind: str
    honest: bool


MINERS = (
    Member("ada", "full model", True),
    Member("ben", "full model", True),
    Member("cleo", "early checkpoint", True),
    Member("lazy", "answers from templates", False),
    Member("parrot", "replays earlier answers", False),
    Member("sloth", "times out", False),
)


@dataclass(frozen=True, slots=True)
class Judge:
    """A validator of the demo: its stake in wad, and whether it says what it finds."""

    name: str
    stake: int
    honest: bool = True


VALIDATORS = (
    Judge("vera", 1_200 * WAD),
    Judge("viktor", 1_000 * WAD),
    Judge("mallory", 800 * WAD, honest=False),
)


def cast_miner(member: Member, claims: EngineInfo, net: Devnet) -> Engine:
    """The engine of a member; a cheat pretends to be ``claims``."""
    make: dict[str, Callable[[], Engine]] = {
        "full model": open_boxed_engine,
        "early checkpoint": lambda: open_boxed_engine(f"{MODEL}-early"),
        "answers from templates": lambda: LazyEngine(claims=claims),
        "replays earlier answers": lambda: ReplayEngine(_bought(net, claims), claims=claims),
        "times out": lambda: StallEngine(claims),
    }
    return make[member.kind]()


def _bought(net: Devnet, claims: EngineInfo) -> GatewayEngine:
    """An engine on a purse of its own at the first gateway."""
    from weftwork.network.enrol import open_channel

    site = net.site("parrot-purse", 2 * PURSE)
    gateway = next(iter(net.gateways.values()))
    open_channel(net.ledger, net.contracts, site.account, gateway.site.account.address, PURSE)
    client = Client(
        site.account, gateway.url, net.contracts.domains, store=site.store, local=True, deposit=PURSE
    )
    return GatewayEngine(client, MODEL, claims)


def colluder(favourite: int) -> type[ColludingValidator]:
    """A validator in league with the miner whose uid is ``favourite``."""
    return type("Mallory", (ColludingValidator,), {"favourite": favourite})
