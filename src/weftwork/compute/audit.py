"""Audits: what auditors signed of a provider, in the validation registry (ERC-8004).

An auditor signs an attribute by answering a request about the provider with 100 and the attribute's digest as
the hash of its response. The newest answer to each request counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from weftwork.compute.market import AUDITED, Terms, hash_attribute
from weftwork.spec.placement import Attributes

if TYPE_CHECKING:
    from weftwork.compute.venue import Venue

SIGNED = 100
"""The answer that signs."""


@dataclass(frozen=True, slots=True)
class Audits:
    """Attributes by auditor, and the request that proves each (auditor, digest)."""

    signed: Mapping[str, Attributes] = field(default_factory=dict)
    proofs: Mapping[tuple[str, bytes], bytes] = field(default_factory=dict)

    def prove(self, terms: Terms) -> list[bytes]:
        """The requests that show what ``terms`` ask for, in the contract's order; none without auditors."""
        wanted, all_of, any_of = terms[3], terms[4], terms[5]
        chosen = [*all_of, *[one for one in any_of if self._covers(one, wanted)][:1]]
        if not all_of and not any_of:
            return []
        return [
            self.proofs.get((auditor.lower(), bytes(one)), bytes(32)) for auditor in chosen for one in wanted
        ]

    def _covers(self, auditor: str, wanted: Sequence[bytes]) -> bool:
        return all((auditor.lower(), bytes(one)) in self.proofs for one in wanted)


def read_audits(venue: Venue, agent: int, attributes: Iterable[tuple[str, str]]) -> Audits:
    """Which of ``attributes`` (and of :data:`AUDITED`) auditors signed for an agent; raises LedgerError."""
    names = {hash_attribute(*pair): pair for pair in [*attributes, AUDITED]}
    registry = venue.contracts.at(venue.ledger, "validation")
    signed: dict[str, list[tuple[str, str]]] = {}
    proofs: dict[tuple[str, bytes], bytes] = {}
    for request in {
        bytes(one.args["requestHash"]) for one in registry.events("ValidationResponse", agentId=agent)
    }:
        row = registry.call("getValidationStatus", request)
        auditor, response, digest = str(row[0]), int(row[2]), bytes(row[3])
        if int(row[1]) == agent and response == SIGNED and digest in names:
            signed.setdefault(auditor, []).append(names[digest])
            proofs[auditor.lower(), digest] = request
    return Audits({who: tuple(sorted(pairs)) for who, pairs in signed.items()}, proofs)
