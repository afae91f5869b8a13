"""YAML as a tree of values that know their line and column, built without recursion and within bounds.

Aliases share the anchored value; what a file would hold with every alias written out is counted while it is
read, and a file over the bound is refused before anything is expanded. Depth, values and bytes are bounded
likewise, so that no input costs more than a small multiple of its size.
"""

from __future__ import annotations

import re
from typing import Any

import yaml

from weftwork.compute.error import BadSdl, SdlSyntax, SdlTooLarge

try:
    from yaml._yaml import CParser as Parser
except ImportError:  # pragma: no cover - PyYAML without libyaml
    Parser = yaml.SafeLoader

MAX_BYTES = 1 << 20
"""Bytes of one file."""
MAX_VALUES = 20_000
"""Scalars, lists and mappings of one file, aliases written out."""
MAX_DEPTH = 32
"""Lists and mappings within one another."""

SCALAR, LIST, MAP = "scalar", "list", "map"
CORE_TAGS = {f"tag:yaml.org,2002:{name}": name for name in ("str", "int", "float", "bool", "null")}
COLLECTION_TAGS = {None, "!", "tag:yaml.org,2002:map", "tag:yaml.org,2002:seq"}
NULLS = frozenset({"", "~", "null", "Null", "NULL"})
BOOLS = frozenset({"true", "True", "TRUE", "false", "False", "FALSE"})
INTEGER = re.compile(r"[-+]?(0|[1-9][0-9_]*|0b[01_]+|0o[0-7_]+|0x[0-9a-fA-F_]+)")
FLOAT = re.compile(r"[-+]?((\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|\.(inf|Inf|INF))|\.(nan|NaN|NAN)")


class Node:
    """One value: its kind, place (from 0), text or children, and its size with aliases written out."""

    __slots__ = ("column", "explicit", "items", "keys", "kind", "line", "plain", "size", "text")

    def __init__(self, kind: str, line: int, column: int) -> None:
        self.kind, self.line, self.column = kind, line, column
        self.size = 1
        self.text = ""
        self.plain = False
        self.explicit: str | None = None
        self.items: Any = None
        self.keys: dict[str, Node] = {}

    @property
    def tag(self) -> str:
        """``str``, ``int``, ``float``, ``bool``, ``null``, ``list`` or ``map``, as in YAML 1.2."""
        if self.kind is not SCALAR:
            return self.kind
        if self.explicit is not None:
            return self.explicit
        if not self.plain:
            return "str"
        text = self.text
        if text in NULLS:
            return "null"
        if text in BOOLS:
            return "bool"
        if text[0] in "+-.0123456789" and len(text) <= 100:
            if INTEGER.fullmatch(text):
                return "int"
            if FLOAT.fullmatch(text):
                return "float"
        return "str"

    @property
    def is_null(self) -> bool:
        """Whether nothing was written here, or ``null``."""
        return self.kind is SCALAR and self.tag == "null"


def compose(text: str, file: str) -> tuple[Node, Node | None]:
    """The tree of the first document of ``text``, and the place of a second one if there is one.

    :raises SdlSyntax: not YAML; a tag, a key or an alias that is not allowed; a key given twice
    :raises SdlTooLarge: over :data:`MAX_VALUES` or :data:`MAX_DEPTH`
    """
    try:
        return _Composer(text, file).run()
    except yaml.YAMLError as error:
        raise _translate(error, text, file) from None


class _Composer:
    def __init__(self, text: str, file: str) -> None:
        self.file = file
        self.next = Parser(text).get_event
        self.anchors: dict[str, Node] = {}
        self.open: set[int] = set()
        self.values = 0

    def fail(self, kind: type[BadSdl], event: Any, sentence: str, hint: str, value: Any = None) -> BadSdl:
        mark = event.start_mark
        return kind(
            sentence, file=self.file, line=mark.line + 1, column=mark.column + 1, value=value, hint=hint
        )

    def run(self) -> tuple[Node, Node | None]:
        self.next()
        event = self.next()
        if isinstance(event, yaml.StreamEndEvent):
            raise self.fail(SdlSyntax, event, "the file is empty", 'start with `version: "2.0"`')
        root = self.document()
        event = self.next()
        if isinstance(event, yaml.StreamEndEvent):
            return root, None
        return root, Node(SCALAR, event.start_mark.line, event.start_mark.column)

    def document(self) -> Node:
        """Read events until the document ends; ``stack`` holds open collections and the key that waits."""
        stack: list[tuple[Node, Node | None]] = []
        current: Node | None = None
        key: Node | None = None
        root: Node | None = None
        while True:
            event = self.next()
            kind = type(event)
            if kind is yaml.ScalarEvent:
                node = self.scalar(event)
            elif kind is yaml.AliasEvent:
                node = self.alias(event)
            elif kind is yaml.MappingStartEvent or kind is yaml.SequenceStartEvent:
                node = self.collection(event, MAP if kind is yaml.MappingStartEvent else LIST, len(stack))
                if current is not None and current.kind is MAP and key is None:
                    raise self.fail(
                        SdlSyntax, event, "a key is a list or a mapping", "write keys as plain words"
                    )
                stack.append((current, key))  # type: ignore[arg-type]
                self.open.add(id(node))
                current, key = node, None
                continue
            elif kind is yaml.MappingEndEvent or kind is yaml.SequenceEndEvent:
                node = current  # type: ignore[assignment]
                self.open.discard(id(node))
                if node.kind is MAP:
                    self.merge(node)
                current, key = stack.pop()
            else:
                assert root is not None
                return root
            if current is None:
                root = node
                continue
            if current.kind is LIST:
                current.items.append(node)
            elif key is None:
                if node.kind is not SCALAR:
                    raise self.fail(
                        SdlSyntax, event, "a key is a list or a mapping", "write keys as plain words"
                    )
                if node.text in current.items:
                    first = current.keys[node.text].line + 1
                    raise self.fail(
                        SdlSyntax,
                        event,
                        f"the key {node.text[:60]!r} was given already, in line {first}",
                        "leave one of the two out",
                        node.text,
                    )
                key = node
                continue
            else:
                current.items[key.text] = node
                current.keys[key.text] = key
                current.size += 1
                key = None
            current.size += node.size
            if current.size > MAX_VALUES:
                raise self.too_many(event)

    def too_many(self, event: Any) -> BadSdl:
        return self.fail(
            SdlTooLarge,
            event,
            f"the file holds more than {MAX_VALUES} values with its aliases written out",
            "a deployment has at most 20 groups; split the file, and use fewer aliases",
        )

    def count(self, event: Any) -> None:
        self.values += 1
        if self.values > MAX_VALUES:
            raise self.too_many(event)

    def scalar(self, event: Any) -> Node:
        self.count(event)
        mark = event.start_mark
        node = Node(SCALAR, mark.line, mark.column)
        node.text = event.value
        node.plain = event.implicit[0]
        if event.tag is not None and event.tag != "!":
            if event.tag not in CORE_TAGS:
                raise self.bad_tag(event)
            node.explicit = CORE_TAGS[event.tag]
        if event.anchor is not None:
            self.anchors[event.anchor] = node
        return node

    def alias(self, event: Any) -> Node:
        self.count(event)
        node = self.anchors.get(event.anchor)
        if node is None:
            raise self.fail(
                SdlSyntax,
                event,
                f"the alias *{event.anchor[:60]} has no anchor before it",
                f"write &{event.anchor[:60]} at the value that it stands for",
            )
        if id(node) in self.open:
            raise self.fail(
                SdlSyntax,
                event,
                f"the alias *{event.anchor[:60]} stands for a value that it is part of",
                "write the value out",
            )
        return node

    def collection(self, event: Any, kind: str, depth: int) -> Node:
        self.count(event)
        if depth >= MAX_DEPTH:
            raise self.fail(
                SdlTooLarge,
                event,
                f"lists and mappings lie more than {MAX_DEPTH} deep",
                "a deployment needs no more than 12 levels",
            )
        if event.tag not in COLLECTION_TAGS:
            raise self.bad_tag(event)
        node = Node(kind, event.start_mark.line, event.start_mark.column)
        node.items = {} if kind is MAP else []
        if event.anchor is not None:
            self.anchors[event.anchor] = node
        return node

    def bad_tag(self, event: Any) -> BadSdl:
        return self.fail(
            SdlSyntax,
            event,
            f"the tag {str(event.tag)[:80]} is not one of a deployment file",
            "leave the tag out",
            event.tag,
        )

    def merge(self, node: Node) -> None:
        """Put the entries of ``<<`` into ``node`` where it has none of that name."""
        key = node.keys.get("<<")
        if key is None or not key.plain:
            return
        source = node.items.pop("<<")
        del node.keys["<<"]
        for part in source.items if source.kind is LIST else [source]:
            if part.kind is not MAP:
                raise SdlSyntax(
                    "<< is followed by something that is no mapping",
                    file=self.file,
                    line=key.line + 1,
                    column=key.column + 1,
                    hint="write << : *NAME, where &NAME stands at a mapping",
                )
            for name, value in part.items.items():
                if name not in node.items:
                    node.items[name] = value
                    node.keys[name] = part.keys[name]


def _translate(error: yaml.YAMLError, text: str, file: str) -> SdlSyntax:
    """The YAML library's complaint with its place and a hint."""
    if isinstance(error, yaml.reader.ReaderError):
        before = text.encode()[: error.position].decode(errors="ignore")
        code = error.character if isinstance(error.character, int) else ord(error.character)
        return SdlSyntax(
            f"the file holds the control character #x{code:02x}",
            file=file,
            line=before.count("\n") + 1,
            column=len(before) - before.rfind("\n"),
            hint="write text only; in double quotes, \\x01 stands for a control character",
        )
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    problem = str(getattr(error, "problem", None) or error)
    context = getattr(error, "context", None)
    if "tab" in problem or "cannot start any token" in problem:
        hint = "indent with spaces; a tab is not allowed there"
    elif "end of stream" in problem or "expected ',' or" in problem:
        hint = "close the quote or bracket that is open"
    elif "mapping values are not allowed" in problem:
        hint = "check the indentation of this line, or put the text in quotes"
    else:
        hint = "check the indentation and the quotes of this line and of the one before"
    return SdlSyntax(
        f"not YAML: {problem}{f', {context}' if context else ''}",
        file=file,
        line=mark.line + 1 if mark else 1,
        column=mark.column + 1 if mark else 1,
        hint=hint,
    )
