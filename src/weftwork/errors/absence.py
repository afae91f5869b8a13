"""Not here, or not to be reached now: the leaves of NotFound and Unavailable."""

from __future__ import annotations

from weftwork.errors.tree import NotFound, Unavailable


class UnknownModel(NotFound):
    """No miner on this gateway serves a model of that name."""

    code = "not_found.model"
    param = "model"
    openai_code = "model_not_found"

    @classmethod
    def named(cls, model: str) -> UnknownModel:
        """The error for ``model``."""
        return cls(
            f"The model `{model[:128]}` does not exist or you do not have access to it.",
            value=model[:128],
            hint="GET /v1/models lists what is served here",
        )


class NetworkNotFound(NotFound):
    """No network was raised on this ledger, or none stands at that address."""

    code = "not_found.network"
    hint = "run weft up to raise one, or give the address of its Epochs contract"


class EpochNotFound(NotFound):
    """That epoch has not ended, or has not been sealed or closed."""

    code = "not_found.epoch"
    hint = "see where the subnet stands with weft epoch"


class NoMiner(Unavailable):
    """No miner that serves the model can be reached, or each that was asked failed."""

    code = "unavailable.miner"
    hint = "try again; weft status shows which miners answer"


class EngineFailed(Unavailable):
    """The engine behind a miner broke, or answered nonsense; the call may be tried elsewhere."""

    code = "unavailable.engine"
    status = 502


class Unreachable(Unavailable):
    """No connection to a peer, or it was lost before the answer was whole."""

    code = "unavailable.peer"
    status = 502


class TimedOut(Unavailable):
    """A peer did not answer in time."""

    code = "unavailable.timeout"
    status = 504


class BadReply(Unavailable):
    """A peer answered something that is no answer: broken HTTP, broken JSON, an unknown encoding."""

    code = "unavailable.reply"
    status = 502


class ExtraMissing(Unavailable):
    """An optional part of the package is not installed."""

    code = "unavailable.extra"
