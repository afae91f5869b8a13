"""Where a network keeps its files on this machine: keys, stores, the ledger, and what runs.

::

    $WEFT_HOME (else ~/.weft)
    ├── network.json      the network that commands speak to: ledger, gateway, its keys, roles that run; 0600
    ├── lock              held by the process that runs here
    ├── joined-miner/ …   a home like this one for each role that joined a network from here
    ├── demo-0001/ …      each run of the demo, complete: ledger, stores, keys (the newest five are kept)
    ├── ledger/           the embedded ledger and its treasury key
    ├── keys/NAME.key     one key for each role, mode 0600
    └── stores/NAME.db    one record store for each role
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from weftwork.errors import BadConfig, NotFound, Refused


def home_path() -> Path:
    """``$WEFT_HOME``, else ``~/.weft``."""
    return Path(os.environ.get("WEFT_HOME") or Path.home() / ".weft").expanduser()


@dataclass(slots=True)
class Home:
    """One folder of one network on this machine."""

    path: Path
    facts: dict[str, Any] = field(default_factory=dict)
    _held: int | None = None

    @classmethod
    def open(cls, path: Path | None = None, *, create: bool = False) -> Home:
        """The home at ``path`` (else the default); raises :class:`NotFound` where no network was started."""
        home = cls(path or home_path())
        if home.file.exists():
            try:
                home.facts = json.loads(home.file.read_text())
                if not isinstance(home.facts, dict):
                    raise ValueError("it holds no object")
            except (OSError, ValueError) as error:
                raise BadConfig(
                    f"{home.file} cannot be used: {error}",
                    value=str(home.file),
                    hint="move it away; keys, stores and ledger beside it stay",
                ) from error
        elif create:
            home.make()
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
        self.make()
        draft = self.file.with_suffix(".tmp")
        draft.unlink(missing_ok=True)
        _write_private(draft, json.dumps(self.facts, indent=2, default=str) + "\n")
        os.replace(draft, self.file)

    def make(self) -> None:
        """The folder, closed to others where it is made now: prompts and keys lie in it."""
        try:
            self.path.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise BadConfig(
                f"{self.path} cannot be a home: {error.strerror}",
                value=str(self.path),
                hint="set WEFT_HOME to a folder of your own",
            ) from error

    # Who runs here

    def hold(self) -> None:
        """Make this process the one that runs here, until it ends or lets go.

        Raises :class:`Refused` where another process does. Nothing is left behind by one that was killed.
        """
        self.make()
        held = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        for pause in (0.05, 0.1, 0.2, 0.0):  # whoever only looks holds it for a moment
            try:
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except OSError:
                time.sleep(pause)
        else:
            os.close(held)
            raise Refused(
                f"a network runs already in {self.path}",
                value=self.runner,
                hint="weft status shows it, weft down stops it, WEFT_HOME=DIR keeps another",
            )
        os.ftruncate(held, 0)
        os.write(held, str(os.getpid()).encode())
        self._held = held

    def release(self) -> None:
        """Let another process run here."""
        if self._held is not None:
            os.close(self._held)
            self._held = None

    @property
    def runner(self) -> int | None:
        """Id of the process that runs here now; None where none does."""
        try:
            looked = os.open(self.path / "lock", os.O_RDONLY)
        except OSError:
            return None
        try:
            fcntl.flock(looked, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            text = os.read(looked, 32)
            return int(text) if text.isdigit() else None
        finally:
            os.close(looked)
        return None

    @property
    def is_running(self) -> bool:
        """Whether a process runs here now."""
        return self.runner is not None

    @property
    def key_names(self) -> list[str]:
        """The roles that have a key here."""
        return sorted(path.stem for path in (self.path / "keys").glob("*.key"))

    def account(self, name: str) -> Any:
        """The key of the role ``name``, made at first use and kept in a file that only its owner reads."""
        from weftwork.ledger import Account

        path = self.path / "keys" / f"{name}.key"
        if path.exists():
            return Account.from_key(path.read_text().strip())
        account = Account.create()
        self.make()
        path.parent.mkdir(exist_ok=True, mode=0o700)
        _write_private(path, account.key.hex() + "\n")
        return account


def _write_private(path: Path, text: str) -> None:
    """A new file that only its owner reads, on disk when this returns."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
    with os.fdopen(os.open(path, flags, 0o600), "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def joined_home(name: str, *, exact: bool = False) -> Home:
    """The home of a role that joins from here, held by this process: ``joined-NAME``, or the first of
    ``joined-NAME-2``, … that no process holds. With ``exact``, that one or :class:`Refused`."""
    number = 1
    while True:
        path = home_path() / (f"joined-{name}" if number == 1 else f"joined-{name}-{number}")
        home = Home.open(path, create=True)
        try:
            home.hold()
        except Refused:
            if exact:
                raise
            number += 1
            continue
        home.facts = Home.open(path, create=True).facts
        return home


def find_joined(name: str | None = None) -> Home:
    """The home of the role that joined from here as ``name`` (``joined-NAME`` or ``NAME``); the only one
    there is without a name. It may have failed before it wrote down what it joined: then it has keys, and
    no facts.

    Raises :class:`NotFound`, and :class:`BadConfig` where there are several and none is named.
    """
    known = [path for path in sorted(home_path().glob("joined-*")) if any(path.glob("keys/*.key"))]
    names = ", ".join(path.name for path in known)
    if name is not None:
        known = [path for path in known if path.name in (name, f"joined-{name}")]
    if not known:
        raise NotFound(
            "no role joined a network from here" if name is None else f"nothing joined as {name}",
            value=name,
            hint=f"there is {names}" if names else "weft join miner, or another WEFT_HOME=DIR",
        )
    if len(known) > 1:
        raise BadConfig(
            f"several roles joined from here: {names}",
            value=names,
            hint=f"name one: weft leave {known[0].name}",
        )
    return Home.open(known[0], create=True)


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
    """The home of the network here, those of roles that joined one, the demo's runs, newest first."""
    base = home_path()
    joined = sorted(base.glob("joined-*"))
    for path in [base, *joined, *sorted(base.glob("demo-[0-9][0-9][0-9][0-9]"), reverse=True)]:
        if (path / "network.json").exists():
            yield Home.open(path)


def live_homes() -> list[Home]:
    """The homes here, the demo's left out, whose process runs or whose network is known."""
    return [home for home in all_homes() if not home.path.name.startswith("demo-")]
