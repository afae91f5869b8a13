"""Write the tables of ``docs/contracts.md`` from the contracts themselves.

::

    python tools/contract_tables.py            rewrite the tables between the page's markers
    python tools/contract_tables.py --check    write nothing, exit 1 if a table differs

Bounds come from the constants ``MAX_*`` (with the comment above each), errors from the reasons of
``assert``, the notes on halting from ``@custom:halt``.
"""

from __future__ import annotations

import argparse
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CONTRACTS = ROOT / "src" / "weftwork" / "contracts"
PAGE = ROOT / "docs" / "contracts.md"
CONSTANT = re.compile(
    r"(?:^# (?P<words>[^\n]+)\n)?^(?P<name>MAX_\w+): (?:public\()?constant\(\w+\)\)? = (?P<value>[^\n]+)$",
    re.M,
)
WORDS = {
    "Epochs.MAX_CLAIMS": "Most leaves in one `claim_many`.",
    "Stakes.MAX_ENTRIES": "Most withdrawals of one staker from one pool that are under way.",
    "Stakes.MAX_TAKE": "Largest take of an agent from its stakers' rewards, bps.",
    "Subnets.MAX_SUBNETS": "Most live subnets.",
    "Subnets.MAX_UIDS": "Most neurons of a subnet; `neurons` returns them all.",
    "Weights.MAX_UIDS": "Most weights in one reveal.",
    "merkle.MAX_DEPTH": "Longest proof of a claim, digests.",
    "params.MAX_VALIDATORS": "Most seats that a subnet's parameters may give.",
    "quorum.MAX_VOTES": "Most signatures under one closing.",
}
"""What bounds are for whose line above says nothing."""
INNER = {"MAX_INDEX", "MAX_S", "MAX_VALUE", "MAX_POINT", "MAX_DECIMALS", "MAX_ABSOLUTE", "MAX_RESPONSE"}
INNER |= {"MAX_SHARES_PER_UNIT"}
"""Constants that bound no string and no array."""


def read_bounds(sources: dict[str, str]) -> list[tuple[str, str, str, str]]:
    """(file, constant, value, what it bounds) of every bound; raises ``SystemExit`` for one without words."""
    rows, seen, silent = [], set(), []
    for name, source in sources.items():
        for match in CONSTANT.finditer(source):
            constant = match["name"]
            words = match["words"] or WORDS.get(f"{name}.{constant}")
            if constant in INNER or (words is None and constant in seen):
                continue
            if words is None:
                silent.append(f"{name}.{constant}")
                continue
            seen.add(constant)
            rows.append((name, constant, match["value"], words))
    silent = [one for one in silent if one.split(".")[1] not in seen]
    if silent:
        raise SystemExit(f"say what is bounded, in a comment above: {', '.join(silent)}")
    return rows


def read_errors(sources: dict[str, str]) -> dict[str, list[str]]:
    """The sentences of all reasons, by the noun before the colon."""
    errors: dict[str, set[str]] = {}
    for source in sources.values():
        for reason in re.findall(r'(?:,|raise) "([a-z]+: [^"]+)"', source):
            noun, sentence = reason.split(": ", 1)
            errors.setdefault(noun, set()).add(sentence)
    return {noun: sorted(sentences) for noun, sentences in sorted(errors.items())}


def read_halts(sources: dict[str, str]) -> dict[str, str]:
    """What ``@custom:halt`` says of each contract that deploys."""
    halts = {}
    for name, source in sources.items():
        if name[0].isupper():
            match = re.search(r"@custom:halt (.*?)(?=\n@|\n\"\"\")", source, re.S)
            if match is None:
                raise SystemExit(f"{name} does not say in @custom:halt how it stops")
            halts[name] = " ".join(match[1].split())
    return halts


def render(sources: dict[str, str]) -> dict[str, str]:
    """Every table of the page as Markdown, by the name of its marker."""
    halts = ["| contract | who can halt what, and what users keep |", "|---|---|"]
    halts += [f"| `{name}` | {text} |" for name, text in read_halts(sources).items()]
    bounds = ["| where | constant | bound | what |", "|---|---|--:|---|"]
    bounds += [
        f"| `{name}` | `{one}` | {value} | {words} |" for name, one, value, words in read_bounds(sources)
    ]
    errors = ["| noun | sentences |", "|---|---|"]
    errors += [f"| `{noun}:` | {' · '.join(known)} |" for noun, known in read_errors(sources).items()]
    return {"halts": "\n".join(halts), "bounds": "\n".join(bounds), "errors": "\n".join(errors)}


def rewrite(page: str, tables: dict[str, str]) -> str:
    """The page with each table put between its markers."""
    for name, table in tables.items():
        pattern = re.compile(rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)", re.S)
        if not pattern.search(page):
            raise SystemExit(f"{PAGE.name} has no marker for {name}")
        page = pattern.sub(lambda match, table=table: f"{match[1]}{table}\n{match[2]}", page)
    return page


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if a table differs")
    given = parser.parse_args()
    sources = {path.stem: path.read_text() for path in sorted(CONTRACTS.glob("*.vy"))}
    page = PAGE.read_text()
    wanted = rewrite(page, render(sources))
    if given.check and wanted != page:
        print("docs/contracts.md differs from the contracts\nnext: python tools/contract_tables.py")
        return 1
    if not given.check:
        PAGE.write_text(wanted)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
