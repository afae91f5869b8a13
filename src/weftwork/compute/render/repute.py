"""What the ledger says of nodes and creators: feedback in the reputation registry, counted where it is real.

An entry counts if its author and the agent it is about are the two sides of the job that it names, if that
job ended as the entry says, and once. So nobody rates whom he has not worked with. Bad words go with a job
that was refused, or with one that the author paid for: pixels may be missing after it. All methods block.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from weftwork.errors import LedgerError
from weftwork.records import NO_ADDRESS
from weftwork.spec.job import Status
from weftwork.spec.standing import PPM, Outcome, read_outcome, weigh_outcomes
from weftwork.units import ZERO

if TYPE_CHECKING:
    from weftwork.compute.render.escrow import Escrow, JobState
    from weftwork.ledger.deployment import Contracts

TAG = "render"
MOST = 256
"""How many of an agent's newest entries are looked at."""
_OVER = (Status.COMPLETED, Status.REJECTED)


class Repute:
    """Reads and gives feedback about renders."""

    def __init__(self, escrow: Escrow, contracts: Contracts) -> None:
        ledger = escrow.ledger
        self.escrow = escrow
        self.account = escrow.account
        self.registry = contracts.at(ledger, "reputation")
        self.identity = contracts.at(ledger, "identity")
        self._jobs: dict[int, JobState | None] = {}

    def agent_of(self, wallet: str) -> int | None:
        """The newest agent that ``wallet`` registered and still answers for; None if there is none."""
        for event in reversed(self.identity.events("Registered", owner=wallet)):
            agent = int(event.args["agentId"])
            if str(self.identity.call("getAgentWallet", agent)).lower() == wallet.lower():
                return agent
        return None

    def say(self, agent: int, outcome: Outcome, job: int) -> None:
        """Gives an agent feedback about a job; raises LedgerError."""
        self.registry.send(
            self.account, "giveFeedback", agent, int(outcome), 0, TAG, str(job), "", "", bytes(ZERO)
        )

    def outcomes(self, agent: int) -> list[Outcome]:
        """What counts of an agent's newest feedback on renders, oldest first."""
        wallet = str(self.identity.call("getAgentWallet", agent)).lower()
        out, seen = [], set()
        if wallet == NO_ADDRESS.lower():
            return []
        for event in self.registry.events("NewFeedback", agentId=agent)[-MOST:]:
            args = event.args
            author, text = str(args["clientAddress"]).lower(), str(args["tag2"])
            if args["tag1"] != TAG or not text.isdigit() or len(text) > 18 or (author, text) in seen:
                continue
            outcome = read_outcome(int(args["value"]), int(args["valueDecimals"]))
            if self._counts(int(text), author, wallet, outcome):
                seen.add((author, text))
                out.append(outcome)
        return out

    def standing(self, agent: int | None) -> int:
        """An agent's standing in millionths; of somebody without one, half of a newcomer's."""
        return weigh_outcomes(self.outcomes(agent)) if agent is not None else weigh_outcomes([]) // 2

    def _counts(self, job: int, author: str, wallet: str, outcome: Outcome) -> bool:
        found = self._jobs.get(job)
        if found is None:
            try:
                found = self.escrow.read(job)
            except LedgerError:
                return False
            if found.status in _OVER:
                self._jobs[job] = found
        client, node = found.client.lower(), found.node.lower()
        if (author, wallet) not in ((client, node), (node, client)):
            return False
        if outcome == Outcome.GOOD:
            return found.status == Status.COMPLETED
        return found.status == Status.REJECTED or (found.status == Status.COMPLETED and author == client)


__all__ = ["PPM", "TAG", "Outcome", "Repute"]
