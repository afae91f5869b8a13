"""Where a network keeps its files on this machine: keys, stores, the ledger, and what runs.

::

    $WEFT_HOME (else ~/.weft)
    ├── network.json      the network that commands speak to: ledger, anchor, gateway, roles that run
    ├── demo-0001/ …      each run of the demo, complete: ledger, stores, keys (the newest five are kept)
    ├── ledger/           the embedded ledger and its treasury key
    ├── keys/NAME.key     one key for each role, mode 0600
    └── stores/NAME.db    one record store for each role
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from weftwork.errors import BadConfig, NotFound


def home_path() -> Path:
    """``$WEFT_HOME``, else ``~/.weft``."""
    return Path(os.environ.get("WEFT_HOME") or Path.home() / ".weft").expanduser()


@dataclass(slots=True)
class Home:
    """One folder of one network on this machine."""

    path: Path
    facts: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def open(cls, path: Path | None = None, *, create: bool = False) -> Home:
        """The home at ``path`` (else the default); raises :class:`NotFound` where no network was started."""
        home = cls(path or home_path())
        if home.file.exists():
            try:
                home.facts = json.loads(home.file.read_text())
            except ValueError as error:
                raise BadConfig(f"{home.file} is damaged: {error}", value=str(home.file)) from error
        elif create:
            home.path.mkdir(parents=True, exist_ok=True)
        else:
            raise NotFound(
                f"no network is known in {home.path}",
                value=str(home.path),
                hint="start one with `weft up`, or see one work with `weft demo`",
            )
        return home

    @property
    def file(self) -> Path:
        """The file that says what this network is."""
        return self.path / "network.json"

    @property
    def stores(self) -> list[Path]:
        """The record stores of this home."""
        return sorted((self.path / "stores").glob("*.db"))

    def store_path(self, name: str) -> Path:
        """Where the role ``name`` keeps its records."""
        return self.path / "stores" / f"{name}.db"

    def save(self, **facts: Any) -> None:
        """Write facts about the network, whole or not at all."""
        self.facts.update(facts)
        self.path.mkdir(parents=True, exist_ok=True)
        draft = self.file.with_suffix(".tmp")
        draft.write_text(json.dumps(self.facts, indent=2, default=str) + "\n")
        os.replace(draft, self.file)

    def account(self, name: str) -> Any:
        """The key of the role ``name``, made at first use and kept in a file that only its owner reads."""
        from weftwork.ledger import Account

        path = self.path / "keys" / f"{name}.key"
        if path.exists():
            return Account.from_key(path.read_text().strip())
        account = Account.create()
        path.parent.mkdir(parents=True, exist_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
        with os.fdopen(os.open(path, flags, 0o600), "w") as file:
            file.write(account.key.hex() + "\n")
        return account


def new_run(name: str, *, keep: int = 5) -> Home:
    """A fresh home for one run of ``name`` under the default home; older runs beyond ``keep`` are removed."""
    base = home_path()
    base.mkdir(parents=True, exist_ok=True)
    runs = sorted(base.glob(f"{name}-[0-9][0-9][0-9][0-9]"))
    last = int(runs[-1].name.rsplit("-", 1)[1]) if runs else 0
    for old in runs[: max(0, len(runs) - keep + 1)]:
        shutil.rmtree(old, ignore_errors=True)
    path = base / f"{name}-{last + 1:04d}"
    path.mkdir()
    return Home(path)


def all_homes() -> Iterator[Home]:
    """The home of the network that runs, if there is one, then the demo's runs, newest first."""
    base = home_path()
    for path in [base, *sorted(base.glob("demo-[0-9][0-9][0-9][0-9]"), reverse=True)]:
        if (path / "network.json").exists():
            yield Home.open(path)
