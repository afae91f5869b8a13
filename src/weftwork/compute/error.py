"""Errors of the compute layer.

::

    BadInput
    └── BadSdl                     a deployment file cannot be used; names file, line and column
        ├── SdlTooLarge            more bytes, values or depth than a deployment can need
        ├── SdlSyntax              not YAML, or YAML that a deployment may not use
        ├── SdlField               a field is missing, or unknown
        ├── SdlValue               a value is of the wrong kind or out of its range
        ├── SdlReference           a name that nothing in the file declares
        └── SdlLimit               a group asks for more than one may
    BadInput
    └── BadManifest                an executor cannot run such a group
    Refused
    ├── NoBid                      a provider does not bid on this order, and says why
    ├── ImageRefused               the image of a service is not to be had here
    └── LeaseConflict              the lease already runs something else, or was stopped
    NotFound
    ├── SdlNotFound                no deployment file there
    └── LeaseNotFound              nothing runs or ran here for the lease
    Unavailable
    ├── ExecutorFailed             what runs the leases broke, or refused a command
    └── PriceHalted                nobody burns now: the price is stale, or its feeders disagree
"""

from __future__ import annotations

from typing import Any

from weftwork.errors import BadInput, NotFound, Refused, Unavailable


class BadSdl(BadInput):
    """A deployment file cannot be used; ``problems`` holds this problem and the others of the file."""

    code = "input.sdl"
    hint = "the fields of a deployment file are in docs/sdl.md; `weft compute check --schema` prints them"

    def __init__(
        self,
        sentence: str,
        *,
        file: str = "",
        line: int = 1,
        column: int = 1,
        path: str = "",
        value: Any = None,
        hint: str | None = None,
    ) -> None:
        super().__init__(_printable(sentence), value=value, hint=None if hint is None else _printable(hint))
        self.file, self.line, self.column, self.path = file, line, column, _printable(path)
        self.problems: tuple[BadSdl, ...] = (self,)

    @property
    def place(self) -> str:
        """``file:line:column``, as compilers and editors write it; both count from 1."""
        return f"{self.file}:{self.line}:{self.column}"

    def __str__(self) -> str:
        return f"{self.place}: {self.path + ': ' if self.path else ''}{self.sentence}"

    def to_json(self) -> dict[str, Any]:
        """The error as an object, with ``file``, ``line``, ``column`` and ``path``."""
        out = super().to_json()
        return out | {"file": self.file, "line": self.line, "column": self.column, "path": self.path}


def _printable(text: str) -> str:
    """``text`` without the control characters that names from a file may bring to a terminal."""
    return text if text.isprintable() else "".join(c if c.isprintable() else "\ufffd" for c in text)


class SdlTooLarge(BadSdl):
    """More bytes, values or depth than a deployment can need."""

    code = "input.sdl.size"
    status = 413


class SdlSyntax(BadSdl):
    """Not YAML, or YAML that a deployment may not use."""

    code = "input.sdl.syntax"


class SdlField(BadSdl):
    """A field is missing, or unknown."""

    code = "input.sdl.field"


class SdlValue(BadSdl):
    """A value is of the wrong kind or out of its range."""

    code = "input.sdl.value"


class SdlReference(BadSdl):
    """A name that nothing in the file declares, or that is declared and never used."""

    code = "input.sdl.reference"


class SdlLimit(BadSdl):
    """A group, or a unit of one, asks for more than it may."""

    code = "input.sdl.limit"


class SdlNotFound(NotFound):
    """No deployment file there that can be read."""

    code = "not_found.sdl"
    hint = "weft compute check FILE checks a deployment file; - reads standard input"


class NoBid(Refused):
    """A provider does not bid on this order; the sentence says why, ``value`` what it was about."""

    code = "refused.no_bid"
    hint = "weft compute why FILE shows every provider with the constraint that it fails"
    status = 409


class BadManifest(BadInput):
    """An executor cannot run such a group; ``value`` is the part that it cannot."""

    code = "input.manifest"
    hint = "docs/executors.md has a table of what each executor can run"


class ImageRefused(Refused):
    """The image of a service is not to be had here: unknown, not allowed, or the registry refused it."""

    code = "refused.image"
    hint = "see the image's name in the deployment file; docs/executors.md says which each executor takes"


class LeaseConflict(Refused):
    """The lease already runs something else, or was stopped and does not start again."""

    code = "refused.lease"
    hint = "a lease runs one manifest once: deploy again for another"
    status = 409


class LeaseNotFound(NotFound):
    """Nothing runs or ran on this host for that lease."""

    code = "not_found.lease"
    hint = "weft compute leases shows what runs, and where"


class ExecutorFailed(Unavailable):
    """What runs the leases broke, or refused a command."""

    code = "unavailable.executor"
    hint = "the provider's log has what was run; docs/executors.md says what each executor needs of the host"
    status = 502


class PriceHalted(Unavailable):
    """Nothing is bought and no job is collected now: reports of the price are too old, or too far apart."""

    code = "unavailable.price"
    hint = "what waits is burnt when the feeders report again; docs/bme.md says how a price is found"
