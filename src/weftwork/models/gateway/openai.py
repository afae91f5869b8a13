"""The OpenAI API as the gateway accepts it: a body of bytes becomes a checked :class:`Call`.

What travels on to a miner is rebuilt from the fields that change an answer, so that whoever asked
(``user``, ``metadata``, the client's own fields) does not show in it, and equal questions are equal bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic_core import from_json, to_json

from weftwork.errors import BadParameter, UnknownModel

KINDS = ("chat", "completion", "embedding")
_ROLES = frozenset({"system", "developer", "user", "assistant", "tool", "function"})
_PARTS = frozenset({"text", "refusal", "image_url", "input_audio", "file"})
_MAX_MESSAGES = 4096
_MAX_INPUTS = 2048
_NAME_CHARS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./:@")


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one call: tokens that a call may ask for or gets unasked, and answers in ``best``."""

    max_tokens: int = 32_768
    default_tokens: int = 1024
    max_k: int = 8
    default_k: int = 3


@dataclass(frozen=True, slots=True)
class Call:
    """One checked call: what is asked, of which model, under which policy, and the text that a miner gets."""

    kind: str
    model: str
    policy: str
    k: int
    stream: bool
    include_usage: bool
    base64: bool
    max_tokens: int
    body: dict[str, Any]
    text: str
    max_price: int | None = None


def dump(value: Any) -> str:
    """``value`` as compact JSON; raises :class:`ValueError` where it cannot be."""
    return to_json(value).decode()


def load_body(raw: bytes) -> dict[str, Any]:
    """The JSON object of a request's body; raises :class:`BadParameter` for anything else."""
    try:
        data = from_json(raw, allow_inf_nan=False)
    except ValueError as error:
        raise BadParameter(
            f"We could not parse the JSON body of your request: {str(error)[:120]}",
            hint="send one JSON object in UTF-8 with Content-Type: application/json",
        ) from error
    if not isinstance(data, dict):
        raise BadParameter(
            f"The body of a request is a JSON object, not {_kind_of(data)}", hint='send {"model": ...}'
        )
    return data


def _kind_of(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "a boolean"
    names = {dict: "an object", list: "an array", str: "a string", int: "an integer", float: "a number"}
    return names.get(type(value), type(value).__name__)


def _bad(param: str, wanted: str, value: Any) -> BadParameter:
    return BadParameter(
        f"Invalid value for '{param}': expected {wanted}, but got {_kind_of(value)} instead.",
        param=param,
        value=repr(value)[:80],
    )


Check = Callable[[str, Any], None]


def _number(low: float, high: float) -> Check:
    def check(name: str, value: Any) -> None:
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise _bad(name, "a number", value)
        if not low <= value <= high:
            raise BadParameter(
                f"Invalid value for '{name}': {str(value)[:40]} is not between {low} and {high}.",
                param=name,
                value=str(value)[:80],
            )

    return check


def _whole(low: int, high: int) -> Check:
    def check(name: str, value: Any) -> None:
        if isinstance(value, bool) or not isinstance(value, int):
            raise _bad(name, "an integer", value)
        if not low <= value <= high:
            shown = value if abs(value) < 10**40 else "the number"
            raise BadParameter(
                f"Invalid value for '{name}': {shown} is not between {low} and {high}.", param=name
            )

    return check


def _of(kind: type, wanted: str) -> Check:
    def check(name: str, value: Any) -> None:
        if not isinstance(value, kind):
            raise _bad(name, wanted, value)

    return check


def _check_stop(name: str, value: Any) -> None:
    items = [value] if isinstance(value, str) else value
    if not isinstance(items, list) or len(items) > 4 or not all(isinstance(item, str) for item in items):
        raise _bad(name, "a string, or an array of at most 4 strings", value)


def _check_format(name: str, value: Any) -> None:
    if not isinstance(value, dict):
        raise _bad(name, "an object", value)
    kind = value.get("type")
    if kind not in ("text", "json_object", "json_schema"):
        raise BadParameter(
            f"Invalid value for '{name}.type': text, json_object and json_schema are known.",
            param=f"{name}.type",
            value=repr(kind)[:80],
        )
    if kind == "json_schema":
        held = value.get("json_schema")
        if not isinstance(held, dict) or not isinstance(held.get("schema", {}), dict):
            raise _bad(f"{name}.json_schema", "an object with a schema", held)


def _check_one(name: str, value: Any) -> None:
    if isinstance(value, bool) or not isinstance(value, int):
        raise _bad(name, "an integer", value)
    if value != 1:
        raise BadParameter(
            f"Unsupported value for '{name}': one answer a call is given here.",
            param=name,
            code="unsupported_value",
            hint="for several miners' answers, ranked, ask the model NAME:best",
        )


def _check_tools(name: str, value: Any) -> None:
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise _bad(name, "an array of objects", value)


def _check_choice(name: str, value: Any) -> None:
    if not isinstance(value, (str, dict)):
        raise _bad(name, "a string or an object", value)


_BOOL = _of(bool, "a boolean")
_TEXT = _of(str, "a string")
_OBJECT = _of(dict, "an object")
_TOKENS = _whole(1, 1 << 31)

# What changes an answer, and so is sent on.
_SHARED: dict[str, Check] = {
    "temperature": _number(0, 2),
    "top_p": _number(0, 1),
    "stop": _check_stop,
    "seed": _whole(-(1 << 63), (1 << 63) - 1),
    "presence_penalty": _number(-2, 2),
    "frequency_penalty": _number(-2, 2),
    "logit_bias": _OBJECT,
}
_SENT: dict[str, dict[str, Check]] = {
    "chat": {
        **_SHARED,
        "logprobs": _BOOL,
        "top_logprobs": _whole(0, 20),
        "response_format": _check_format,
        "tools": _check_tools,
        "tool_choice": _check_choice,
        "parallel_tool_calls": _BOOL,
        "reasoning_effort": _TEXT,
        "top_k": _whole(-1, 1 << 20),
        "min_p": _number(0, 1),
        "repetition_penalty": _number(0, 10),
        "grammar": _TEXT,
    },
    "completion": {**_SHARED, "logprobs": _whole(0, 20), "echo": _BOOL, "suffix": _TEXT, "grammar": _TEXT},
    "embedding": {"dimensions": _whole(1, 1 << 20)},
}
# Known to the API, of no meaning to an answer here: checked, then left out.
_DROPPED: dict[str, Check] = {
    "user": _TEXT,
    "metadata": _OBJECT,
    "store": _BOOL,
    "service_tier": _TEXT,
    "safety_identifier": _TEXT,
    "prompt_cache_key": _TEXT,
    "prompt_cache_retention": _TEXT,
    "verbosity": _TEXT,
    "modalities": _of(list, "an array"),
    "best_of": _check_one,
    "n": _check_one,
}


def parse_call(raw: bytes, kind: str, limits: Limits | None = None) -> Call:
    """The checked call in ``raw``, a body sent to the endpoint of ``kind``; raises :class:`BadParameter`."""
    return check_call(load_body(raw), kind, limits or DEFAULT_LIMITS)


def check_call(data: Mapping[str, Any], kind: str, limits: Limits) -> Call:
    """The checked call of a decoded body of ``kind`` (chat, completion or embedding)."""
    sent = _SENT[kind]
    model, policy, k, max_price = _read_model(data, kind, limits)
    body: dict[str, Any] = {"model": model}
    stream = include_usage = False
    base64 = False
    tokens = limits.default_tokens
    subject = {"chat": "messages", "completion": "prompt", "embedding": "input"}[kind]
    if subject not in data:
        raise BadParameter(
            f"Missing required parameter: '{subject}'.", param=subject, code="missing_required_parameter"
        )
    for name in sorted(data):
        value = data[name]
        check = sent.get(name)
        if check is not None:
            if value is not None:
                check(name, value)
                body[name] = value
        elif name == "messages" and kind == "chat":
            body[name] = _check_messages(value)
        elif name == "prompt" and kind == "completion":
            body[name] = _check_prompt(value)
        elif name == "input" and kind == "embedding":
            body[name] = _check_input(value)
        elif name in ("model", "weft"):
            pass
        elif name == "stream" and kind != "embedding":
            if value is not None:
                _BOOL(name, value)
                stream = bool(value)
        elif name == "stream_options" and kind != "embedding":
            include_usage = _check_stream_options(name, value)
        elif name in ("max_tokens", "max_completion_tokens") and kind != "embedding":
            if value is not None:
                _TOKENS(name, value)
                tokens = value
        elif name == "encoding_format" and kind == "embedding":
            if value is not None and value not in ("float", "base64"):
                raise _bad(name, "float or base64", value)
            base64 = value == "base64"
        elif name in _DROPPED:
            if value is not None:
                _DROPPED[name](name, value)
        else:
            shown = str(name)[:80]
            raise BadParameter(
                f"Unrecognized request argument supplied: {shown}", param=shown, code="unknown_parameter"
            )
    if kind == "embedding":
        tokens = 0
    else:
        if tokens > limits.max_tokens:
            raise BadParameter(
                f"max_tokens is too large: {tokens}. This gateway serves at most {limits.max_tokens}.",
                param="max_tokens",
                value=str(tokens)[:40],
            )
        body["max_tokens"] = tokens
    text = dump(body)
    return Call(kind, model, policy, k, stream, include_usage, base64, tokens, body, text, max_price)


def _read_model(data: Mapping[str, Any], kind: str, limits: Limits) -> tuple[str, str, int, int | None]:
    model = data.get("model")
    if model is None:
        raise BadParameter(
            "you must provide a model parameter", param="model", code="missing_required_parameter"
        )
    if not isinstance(model, str):
        raise _bad("model", "a string", model)
    name, _, suffix = model.rpartition(":")
    policy = "route"
    if name and suffix in ("best", "route"):
        model, policy = name, suffix
    if not model or len(model) > 128 or not _NAME_CHARS.issuperset(model):
        raise UnknownModel.named(model)
    k = limits.default_k
    max_price = None
    weft = data.get("weft")
    if weft is not None:
        if not isinstance(weft, dict):
            raise _bad("weft", "an object", weft)
        for name, value in weft.items():
            if name == "policy":
                if value not in ("route", "best"):
                    raise _bad("weft.policy", "route or best", value)
                policy = value
            elif name == "k":
                _whole(2, limits.max_k)("weft.k", value)
                k = value
            elif name == "max_price":
                max_price = _read_price(value)
            else:
                shown = str(name)[:80]
                raise BadParameter(
                    f"Unrecognized request argument supplied: weft.{shown}",
                    param=f"weft.{shown}",
                    code="unknown_parameter",
                )
    if policy == "best" and kind == "embedding":
        raise BadParameter(
            "Embeddings are routed to one miner; policy best ranks answers in words.", param="weft.policy"
        )
    return model, policy, k if policy == "best" else 1, max_price


def _read_price(value: Any) -> int:
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 78:
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 1 << 256:
        raise _bad("weft.max_price", "a whole number of the token's smallest unit, as text", value)
    return value


def _check_stream_options(name: str, value: Any) -> bool:
    if value is None:
        return False
    if not isinstance(value, dict):
        raise _bad(name, "an object", value)
    include = value.get("include_usage", False)
    if include is not None and not isinstance(include, bool):
        raise _bad(f"{name}.include_usage", "a boolean", include)
    return bool(include)


def _check_messages(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise _bad("messages", "an array", value)
    if not value or len(value) > _MAX_MESSAGES:
        raise BadParameter(
            f"Invalid 'messages': 1 to {_MAX_MESSAGES} messages are taken, {len(value)} were sent.",
            param="messages",
        )
    for index, message in enumerate(value):
        if not isinstance(message, dict):
            raise _bad(f"messages[{index}]", "an object", message)
        role = message.get("role")
        if not isinstance(role, str) or role not in _ROLES:
            raise BadParameter(
                f"Invalid value: {str(role)[:40]!r}. Supported values are: {', '.join(sorted(_ROLES))}.",
                param=f"messages[{index}].role",
                code="invalid_value",
            )
        content = message.get("content")
        if isinstance(content, str):
            continue
        if isinstance(content, list):
            _check_parts(content, index)
        elif content is not None or role not in ("assistant", "function"):
            raise _bad(f"messages[{index}].content", "a string or an array of parts", content)
        elif not message.get("tool_calls") and not message.get("function_call"):
            raise _bad(f"messages[{index}].content", "a string, or tool_calls beside null", content)
    return value


def _check_parts(parts: list[Any], index: int) -> None:
    for place, part in enumerate(parts):
        where = f"messages[{index}].content[{place}]"
        if not isinstance(part, dict):
            raise _bad(where, "an object", part)
        kind = part.get("type")
        if not isinstance(kind, str) or kind not in _PARTS:
            raise BadParameter(f"Invalid value for '{where}.type'.", param=f"{where}.type")
        if kind == "text" and not isinstance(part.get("text"), str):
            raise _bad(f"{where}.text", "a string", part.get("text"))


def _check_prompt(value: Any) -> str:
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if not isinstance(value, str):
        raise _bad("prompt", "a string (one prompt a call, as text)", value)
    return value


def _check_input(value: Any) -> list[str]:
    items = [value] if isinstance(value, str) else value
    if not isinstance(items, list) or not all(isinstance(item, str) for item in items):
        raise _bad("input", "a string or an array of strings", value)
    if not 0 < len(items) <= _MAX_INPUTS or not all(items):
        raise BadParameter(
            f"Invalid 'input': 1 to {_MAX_INPUTS} texts are taken, none of them empty.", param="input"
        )
    return items


DEFAULT_LIMITS = Limits()
