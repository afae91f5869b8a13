"""Whether a text is JSON that a schema allows: the part of JSON Schema 2020-12 that answers are asked under.

Known: type, enum, const, properties, required, additionalProperties, items, prefixItems, minItems, maxItems,
uniqueItems, minLength, maxLength, pattern, minimum, maximum, exclusiveMinimum, exclusiveMaximum,
multipleOf, allOf, anyOf, oneOf, not, $ref within the document. Other keywords allow anything, as the
standard says.
"""

from __future__ import annotations

from typing import Any

from pydantic_core import from_json

_TYPES: dict[str, Any] = {
    "object": dict,
    "array": list,
    "string": str,
    "boolean": bool,
    "null": type(None),
}
_MAX_DEPTH = 64
_MAX_STEPS = 20_000


def is_valid(text: str, schema: Any) -> bool:
    """True if ``text`` is one JSON value that ``schema`` allows."""
    try:
        value = from_json(text.strip(), allow_inf_nan=False)
        return Check(schema).allows(schema, value, 0)
    except (ValueError, TypeError, AttributeError, ArithmeticError, _TooLong):
        return False


class _TooLong(Exception):
    pass


def _is(kind: Any, value: Any) -> bool:
    if kind == "integer":
        whole = isinstance(value, int) or (isinstance(value, float) and value.is_integer())
        return whole and not isinstance(value, bool)
    if kind == "number":
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    wanted = _TYPES.get(kind) if isinstance(kind, str) else None
    return wanted is not None and isinstance(value, wanted)


def _same(left: Any, right: Any) -> bool:
    return isinstance(left, bool) == isinstance(right, bool) and bool(left == right)


def _find(name: Any, root: Any) -> Any:
    if not isinstance(name, str) or not name.startswith("#"):
        return None
    here = root
    for step in name[1:].strip("/").split("/") if name != "#" else ():
        step = step.replace("~1", "/").replace("~0", "~")
        if not isinstance(here, dict) or step not in here:
            return None
        here = here[step]
    return here


class Check:
    """One check against the schema document ``root``, within bounds of depth and steps."""

    def __init__(self, root: Any) -> None:
        self.root = root
        self.steps = 0

    def allows(self, schema: Any, value: Any, depth: int) -> bool:
        """True if ``value`` is an instance of ``schema``."""
        self.steps += 1
        if self.steps > _MAX_STEPS or depth > _MAX_DEPTH:
            raise _TooLong
        if not isinstance(schema, dict):
            return schema is not False
        if "$ref" in schema:
            target = _find(schema["$ref"], self.root)
            if target is not None and not self.allows(target, value, depth + 1):
                return False
        kind = schema.get("type")
        if kind is not None and not any(_is(k, value) for k in (kind if isinstance(kind, list) else [kind])):
            return False
        if "enum" in schema and not any(_same(value, item) for item in schema["enum"]):
            return False
        if "const" in schema and not _same(value, schema["const"]):
            return False
        if not self._combines(schema, value, depth):
            return False
        if isinstance(value, dict):
            return self._allows_object(schema, value, depth)
        if isinstance(value, list):
            return self._allows_array(schema, value, depth)
        if isinstance(value, str):
            return bool(schema.get("minLength", 0) <= len(value) <= schema.get("maxLength", len(value)))
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return _allows_number(schema, value)
        return True

    def _combines(self, schema: dict[str, Any], value: Any, depth: int) -> bool:
        def count(name: str) -> int:
            return sum(self.allows(one, value, depth + 1) for one in schema[name])

        if "allOf" in schema and count("allOf") != len(schema["allOf"]):
            return False
        if "anyOf" in schema and not count("anyOf"):
            return False
        if "oneOf" in schema and count("oneOf") != 1:
            return False
        return "not" not in schema or not self.allows(schema["not"], value, depth + 1)

    def _allows_object(self, schema: dict[str, Any], value: dict[str, Any], depth: int) -> bool:
        if any(name not in value for name in schema.get("required", ())):
            return False
        known = schema.get("properties", {})
        rest = schema.get("additionalProperties", True)
        return all(self.allows(known.get(name, rest), item, depth + 1) for name, item in value.items())

    def _allows_array(self, schema: dict[str, Any], value: list[Any], depth: int) -> bool:
        if not schema.get("minItems", 0) <= len(value) <= schema.get("maxItems", len(value)):
            return False
        if schema.get("uniqueItems") is True and (
            len(value) > 256 or any(_same(a, b) for i, a in enumerate(value) for b in value[:i])
        ):
            return False
        first = schema.get("prefixItems", [])
        rest = schema.get("items", True)
        return all(
            self.allows(first[n] if n < len(first) else rest, item, depth + 1) for n, item in enumerate(value)
        )


def _allows_number(schema: dict[str, Any], value: float) -> bool:
    step = schema.get("multipleOf")
    return (
        value >= schema.get("minimum", value)
        and value <= schema.get("maximum", value)
        and ("exclusiveMinimum" not in schema or value > schema["exclusiveMinimum"])
        and ("exclusiveMaximum" not in schema or value < schema["exclusiveMaximum"])
        and (not step or value % step == 0)
    )
