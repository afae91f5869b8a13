"""What the gateway says in the OpenAI API: completions, chunks, embeddings, models, errors."""

from __future__ import annotations

import base64
import struct
from typing import Any

from pydantic_core import to_json

from weftwork.errors import BadInput, BadParameter, LimitExceeded, NotFound, Refused, Unpaid, WeftError
from weftwork.models.gateway.openai import Call, dump

_OBJECTS = {"chat": "chat.completion", "completion": "text_completion"}
_STREAMED = {"chat": "chat.completion.chunk", "completion": "text_completion"}
_PREFIX = {"chat": "chatcmpl-", "completion": "cmpl-"}
_FINISH = frozenset({"stop", "length", "tool_calls", "content_filter", "function_call"})


def describe_error(error: BaseException) -> tuple[int, dict[str, Any]]:
    """HTTP status and body of ``error`` in OpenAI's shape; what is not a :class:`WeftError` tells nothing."""
    if not isinstance(error, WeftError):
        held = {
            "message": "The gateway failed on this call.",
            "type": "server_error",
            "param": None,
            "code": None,
        }
        return 500, {"error": held}
    status = error.status
    if status == 402 and isinstance(error, Unpaid):
        kind = "insufficient_quota"
    elif status in (401, 403):
        kind = "authentication_error" if status == 401 else "permission_error"
    elif isinstance(error, LimitExceeded) and status == 429:
        kind = "rate_limit_exceeded"
    elif isinstance(error, (BadInput, NotFound, Refused)) or status < 500:
        kind = "invalid_request_error"
    else:
        kind = "server_error"
    message = f"{error.sentence} ({error.hint})" if error.hint else error.sentence
    held = {
        "message": message,
        "type": getattr(error, "openai_type", None) or kind,
        "param": error.param if isinstance(error, BadParameter) else getattr(error, "param", None),
        "code": getattr(error, "openai_code", None) or error.code,
    }
    return status, {"error": held}


def error_bytes(error: BaseException) -> tuple[int, bytes]:
    """Status and encoded body of ``error``."""
    status, body = describe_error(error)
    return status, dump(body).encode(errors="replace")


def usage_of(answer: dict[str, Any], kind: str = "chat") -> dict[str, int]:
    """Token counts of a miner's answer as OpenAI's usage object; missing or wrong ones are 0."""
    found = answer.get("usage")
    held = found if isinstance(found, dict) else {}

    def count(name: str) -> int:
        value = held.get(name)
        return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else 0

    sent = count("prompt_tokens")
    if kind == "embedding":
        return {"prompt_tokens": sent, "total_tokens": sent}
    made = count("completion_tokens")
    return {"prompt_tokens": sent, "completion_tokens": made, "total_tokens": sent + made}


def answer_text(answer: Any, kind: str) -> str:
    """The words of a miner's answer, which its receipt's output digest is over; raises :class:`BadInput`."""
    try:
        if kind == "embedding":
            return dump(answer["data"])
        choice = answer["choices"][0]
        text = choice["message"].get("content") if kind == "chat" else choice["text"]
    except (KeyError, IndexError, TypeError, AttributeError, ValueError) as error:
        raise BadInput("a miner's answer has not the shape of an OpenAI completion") from error
    if text is None:
        return ""
    if not isinstance(text, str):
        raise BadInput("a miner's answer is not text")
    return text


def completion(call: Call, thread: str, created: int, answer: dict[str, Any]) -> dict[str, Any]:
    """The answer to a call that does not stream, rebuilt so that nothing else of the miner's passes."""
    choice = answer["choices"][0]
    finish = choice.get("finish_reason")
    out: dict[str, Any] = {"index": 0}
    if call.kind == "chat":
        held = choice["message"]
        message: dict[str, Any] = {"role": "assistant", "content": held.get("content"), "refusal": None}
        if isinstance(held.get("tool_calls"), list):
            message["tool_calls"] = held["tool_calls"]
        out["message"] = message
    else:
        out["text"] = choice["text"]
    out["logprobs"] = choice.get("logprobs")
    out["finish_reason"] = finish if isinstance(finish, str) and finish in _FINISH else "stop"
    return {
        "id": _PREFIX[call.kind] + thread,
        "object": _OBJECTS[call.kind],
        "created": created,
        "model": call.model,
        "choices": [out],
        "usage": usage_of(answer),
    }


def embeddings(call: Call, answer: dict[str, Any]) -> dict[str, Any]:
    """The answer to an embeddings call; vectors as base64 of little-endian float32 where asked so."""
    data = []
    rows = answer["data"]
    if not isinstance(rows, list) or len(rows) != len(call.body["input"]):
        raise BadInput("a miner gave another number of embeddings than texts")
    for index, row in enumerate(rows):
        vector = row.get("embedding") if isinstance(row, dict) else None
        if not isinstance(vector, list):
            raise BadInput("a miner's embedding is not a list of numbers")
        try:
            packed = struct.pack(f"<{len(vector)}f", *vector)
        except (struct.error, TypeError, OverflowError) as error:
            raise BadInput("a miner's embedding is not a list of numbers") from error
        shown: Any = base64.b64encode(packed).decode() if call.base64 else vector
        data.append({"object": "embedding", "index": index, "embedding": shown})
    return {"object": "list", "data": data, "model": call.model, "usage": usage_of(answer, "embedding")}


class Chunks:
    """The chunks of one streamed answer: first, pieces, last, usage, each as the bytes of one event."""

    __slots__ = ("_after", "_before", "_call", "_close", "_open")

    def __init__(self, call: Call, thread: str, created: int) -> None:
        head = {
            "id": _PREFIX[call.kind] + thread,
            "object": _STREAMED[call.kind],
            "created": created,
            "model": call.model,
        }
        self._call = call
        self._open = "data: " + dump(head)[:-1]
        self._close = ',"usage":null}\n\n' if call.include_usage else "}\n\n"
        words, end = ('"delta":{"content":', "}") if call.kind == "chat" else ('"text":', "")
        self._before = f'{self._open},"choices":[{{"index":0,{words}'.encode()
        self._after = f'{end},"logprobs":null,"finish_reason":null}}]{self._close}'.encode()

    def first(self) -> bytes:
        """The chunk that names the role; empty for plain completions."""
        if self._call.kind != "chat":
            return b""
        delta = '{"index":0,"delta":{"role":"assistant","content":""},"logprobs":null,"finish_reason":null}'
        return f'{self._open},"choices":[{delta}]{self._close}'.encode()

    def piece(self, text: str) -> bytes:
        """A chunk of words."""
        return b"%b%b%b" % (self._before, to_json(text), self._after)

    def last(self, finish: Any, extra: dict[str, Any] | None = None) -> bytes:
        """The chunk with the finish reason; ``extra`` (the thread's records) stands beside the choices."""
        reason = finish if isinstance(finish, str) and finish in _FINISH else "stop"
        words = '"delta":{}' if self._call.kind == "chat" else '"text":""'
        choice = f'{{"index":0,{words},"logprobs":null,"finish_reason":"{reason}"}}'
        more = f',"weft":{dump(extra)}' if extra else ""
        return f'{self._open},"choices":[{choice}]{more}{self._close}'.encode()

    def usage(self, usage: dict[str, int]) -> bytes:
        """The chunk of token counts, where it was asked for; else nothing."""
        if not self._call.include_usage:
            return b""
        return f'{self._open},"choices":[],"usage":{dump(usage)}}}\n\n'.encode()

    done = b"data: [DONE]\n\n"

    @staticmethod
    def error(error: BaseException) -> bytes:
        """The event that ends a broken stream, as OpenAI's clients raise it."""
        return b"data: " + error_bytes(error)[1] + b"\n\n"


def model_list(names: dict[str, int], owner: str = "weftwork") -> dict[str, Any]:
    """The answer of /v1/models: ``names`` to the time that each was first seen."""
    data = [
        {"id": name, "object": "model", "created": created, "owned_by": owner}
        for name, created in sorted(names.items())
    ]
    return {"object": "list", "data": data}
