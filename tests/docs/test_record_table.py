"""The page on records says what the classes say. Run this file as a program to write the table anew."""

from __future__ import annotations

import re
from pathlib import Path

from weftwork.records import KINDS, Domains

PAGE = Path(__file__).parents[2] / "docs" / "records.md"
TABLE = re.compile(r"(?<=test_record_table.py\) -->\n).*?(?=<!-- end -->)", re.S)
CONTRACTS = Domains(1, "0x" + "11" * 20, "0x" + "22" * 20, "0x" + "33" * 20)
NAMES = {
    CONTRACTS.identity: "IdentityRegistry",
    CONTRACTS.channels: "Channels",
    CONTRACTS.epochs: "Epochs",
}


def render_table() -> str:
    """The kinds in the order of the thread: their parents, contract, sentence, and EIP-712 types."""
    lines = ["| kind | parents | bound to | says |", "|---|---|---|---|"]
    for kind, cls in KINDS.items():
        parents = ", ".join(f"`{name}`" for name in cls.parent_fields) or "none"
        says = (cls.__doc__ or "").splitlines()[0].replace("``", "`")
        lines.append(f"| `{kind}` | {parents} | {NAMES[CONTRACTS.of(kind).contract]} | {says} |")
    types = "\n".join(cls.encode_type() for cls in KINDS.values())
    return "\n".join(lines) + f"\n\n```text\n{types}\n```\n"


def test_table_of_kinds_is_the_one_that_the_classes_give() -> None:
    found = TABLE.search(PAGE.read_text())
    assert found is not None
    assert found[0] == render_table(), "write it anew: python tests/docs/test_record_table.py"


def test_every_field_is_explained_with_its_type_in_its_order() -> None:
    sections = re.split(r"^### (\w+)$", PAGE.read_text().partition("## The store")[0], flags=re.M)
    told = {
        kind: re.findall(r"^\| `(\w+)` \| `([\w\[\]]+)` \| .+ \|$", text, re.M)
        for kind, text in zip(sections[1::2], sections[2::2], strict=True)
    }
    assert told == {kind: list(cls.fields) for kind, cls in KINDS.items()}


if __name__ == "__main__":
    PAGE.write_text(TABLE.sub(lambda _: render_table(), PAGE.read_text()))
