"""Reading typed values out of the tree, gathering every problem with its place.

Three weights: ``fail`` is refused in both modes; ``bend`` is what only the schema refuses, an error in strict
mode and a warning in lenient mode; ``note`` is a warning in both.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from weftwork.compute.error import BadSdl, SdlField, SdlValue
from weftwork.compute.sdl.node import LIST, MAP, SCALAR, Node

MAX_PROBLEMS = 50
KINDS = {LIST: "a list", MAP: "a mapping", SCALAR: "one value"}
TRUE, FALSE = frozenset({"true", "True", "TRUE"}), frozenset({"false", "False", "FALSE"})
OLD_TRUE = TRUE | {"y", "Y", "yes", "Yes", "YES", "on", "On", "ON"}
OLD_FALSE = FALSE | {"n", "N", "no", "No", "NO", "off", "Off", "OFF"}


class Reader:
    """The problems and warnings of one file, and typed access to its values."""

    def __init__(self, file: str, root: Node, *, strict: bool) -> None:
        self.file, self.root, self.strict = file, root, strict
        self.problems: list[BadSdl] = []
        self.warnings: list[BadSdl] = []

    # what is wrong

    def fail(
        self, node: Node, sentence: str, hint: str, *, key: str = "", kind: type[BadSdl] = SdlValue
    ) -> None:
        """A problem in both modes; ``key`` is a field of ``node`` that is meant, absent or not."""
        self._add(self.problems, node, sentence, hint, key, kind)

    def bend(
        self, node: Node, sentence: str, hint: str, *, key: str = "", kind: type[BadSdl] = SdlValue
    ) -> None:
        """A problem in strict mode, a warning in lenient mode."""
        self._add(self.problems if self.strict else self.warnings, node, sentence, hint, key, kind)

    def note(
        self, node: Node, sentence: str, hint: str, *, key: str = "", kind: type[BadSdl] = SdlValue
    ) -> None:
        """A warning in both modes."""
        self._add(self.warnings, node, sentence, hint, key, kind)

    def _add(
        self, to: list[BadSdl], node: Node, sentence: str, hint: str, key: str, kind: type[BadSdl]
    ) -> None:
        if len(to) >= MAX_PROBLEMS:
            return
        place = node.keys.get(key, node) if key else node
        path = self.path_of(node)
        if key:
            path = f"{path}.{key[:60]}" if path else key[:60]
        to.append(
            kind(
                sentence,
                file=self.file,
                line=place.line + 1,
                column=place.column + 1,
                path=path,
                value=node.text[:200] if node.kind is SCALAR and not key else None,
                hint=hint,
            )
        )

    def path_of(self, wanted: Node) -> str:
        """Where ``wanted`` stands, as ``services.web.expose[0].port``; the root is empty."""
        stack: list[tuple[Node, str]] = [(self.root, "")]
        seen: set[int] = set()
        while stack:
            node, path = stack.pop()
            if node is wanted:
                return path
            if node.kind is SCALAR or id(node) in seen:
                continue
            seen.add(id(node))
            if node.kind is MAP:
                stack.extend((v, f"{path}.{k[:60]}" if path else k[:60]) for k, v in node.items.items())
            else:
                stack.extend((v, f"{path}[{i}]") for i, v in enumerate(node.items))
        return ""

    # typed access

    def mapping(
        self, node: Node | None, *, known: Collection[str] = (), closed: bool = False, needed: bool = False
    ) -> Node | None:
        """``node`` as a mapping, None where it is absent, null (bent) or something else (refused).

        Fields outside ``known`` are bent, or refused where ``closed``; empty ``known`` takes any. Null is
        refused where it is ``needed``.
        """
        if node is None:
            return None
        if node.kind is not MAP:
            if not node.is_null:
                self.fail(node, f"a mapping is expected, not {KINDS[node.kind]}", "write `name: value` lines")
            elif needed:
                hint = f"write {', '.join(known)}" if known else "write `name: value` lines"
                self.fail(node, "nothing is written here", hint, kind=SdlField)
            else:
                self.bend(node, "nothing is written here; a mapping is expected", "leave the field out")
            return None
        for name in [name for name in node.items if name not in known] if known else ():
            sentence = f"the field {name[:60]!r} is unknown here"
            hint = f"known fields: {', '.join(known)}"
            (self.fail if closed else self.bend)(node, sentence, hint, key=name, kind=SdlField)
        return node

    def entries(self, node: Node | None) -> Iterator[tuple[str, Node]]:
        """The entries of a mapping whose names are free."""
        found = self.mapping(node)
        yield from found.items.items() if found is not None else ()

    def sequence(self, node: Node | None, *, null: bool = False) -> list[Node] | None:
        """``node`` as a list; None where it is absent, null (bent unless ``null``) or refused."""
        if node is None:
            return None
        if node.kind is LIST:
            return node.items  # type: ignore[no-any-return]
        if not node.is_null:
            self.fail(node, f"a list is expected, not {KINDS[node.kind]}", "write each item after `- `")
        elif not null:
            self.bend(node, "nothing is written here; a list is expected", "leave the field out, or write []")
        return None

    def text(self, node: Node | None, *, one_of: Collection[str] = (), least: int = 0) -> str:
        """``node`` as text; numbers and truth values without quotes are bent, null is empty text."""
        if node is None:
            return ""
        if node.kind is not SCALAR:
            self.fail(node, f"text is expected, not {KINDS[node.kind]}", "write one value on the line")
            return ""
        tag = node.tag
        if tag == "null":
            self.bend(
                node, "nothing is written here; text is expected", "write the value, or leave the field out"
            )
            return ""
        if tag != "str":
            self.bend(node, "text is expected", f'put it in quotes: "{node.text[:60]}"')
        if one_of and node.text not in one_of:
            self.bend(node, f"{node.text[:60]!r} is not known here", f"write one of {', '.join(one_of)}")
        elif len(node.text) < least:
            self.bend(node, f"at least {least} characters are expected", "write it out")
        return node.text

    def texts(
        self, node: Node | None, *, null: bool = False, one_of: Collection[str] = ()
    ) -> list[str] | None:
        """``node`` as a list of texts; None where it is absent or null, which is not the same as empty."""
        items = self.sequence(node, null=null)
        return None if items is None else [self.text(item, one_of=one_of) for item in items]

    def integer(self, node: Node | None, least: int, most: int, what: str) -> int:
        """``node`` as a whole number from ``least`` to ``most``; 0 where it is absent or refused."""
        if node is None:
            return 0
        value = self.number_of(node)
        if value is None:
            self.fail(
                node, f"{what} is a whole number", f"write a number from {least} to {most}, without quotes"
            )
            return 0
        if not least <= value <= most:
            self.fail(
                node, f"{what} is from {least} to {most}, not {_short(value)}", "write a number in that range"
            )
            return 0
        return value

    def number_of(self, node: Node) -> int | None:
        """The whole number that is written at ``node``; None where it is something else."""
        if node.kind is not SCALAR or len(node.text) > 40:
            return None
        tag = node.tag
        try:
            if tag == "int":
                return int(node.text, 0)
            value = float(node.text) if tag == "float" else 0.5
        except ValueError:
            return None
        return int(value) if value.is_integer() and abs(value) < 2**53 else None

    def flag(self, node: Node | None) -> bool:
        """``node`` as true or false; the older spellings yes, no, on and off are bent."""
        if node is None:
            return False
        if node.kind is SCALAR:
            if node.tag == "bool":
                return node.text in TRUE
            if node.text in OLD_TRUE or node.text in OLD_FALSE or node.is_null:
                self.bend(node, "true or false is expected", "write true or false, without quotes")
                return node.text in OLD_TRUE
        self.fail(node, "true or false is expected", "write true or false, without quotes")
        return False

    def require(self, node: Node, name: str, what: str) -> Node | None:
        """The field ``name`` of a mapping, which must be there."""
        found: Node | None = node.items.get(name)
        if found is None:
            self.fail(
                node, f"the field {name!r} is missing: {what}", f"add `{name}:`", key=name, kind=SdlField
            )
        return found


def _short(value: int) -> str:
    text = str(value)
    return text if len(text) <= 24 else f"{text[:10]}… ({len(text)} digits)"
