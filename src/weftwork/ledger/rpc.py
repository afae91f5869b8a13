"""JSON-RPC over a node: single calls and batches, and the errors' codes."""

from __future__ import annotations

import json
import logging
import sqlite3
from typing import Any

from weftwork.errors import BadInput, LedgerError, RpcError
from weftwork.ledger import param
from weftwork.ledger.journal import broken
from weftwork.ledger.method import DEV_METHODS, METHODS
from weftwork.ledger.node import Node
from weftwork.ledger.param import LogFilter, Params

PARSE_ERROR, INVALID_REQUEST, METHOD_NOT_FOUND, INTERNAL_ERROR = -32700, -32600, -32601, -32603
MAX_BATCH = 1000
_log = logging.getLogger("weftwork.ledger")


class Rpc:
    """The JSON-RPC face of one node, with its log and block filters."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self.filters: dict[int, tuple[LogFilter | None, int]] = {}
        self.last_filter = 0

    def call(self, name: str, params: list[Any]) -> Any:
        """Call one method; raises RpcError."""
        function = METHODS.get(name)
        if function is None:
            function = DEV_METHODS.get(name)
            if function is None:
                raise RpcError(METHOD_NOT_FOUND, f"the method {name[:80]} does not exist", value=name)
            if not self.node.dev:
                raise RpcError(
                    METHOD_NOT_FOUND,
                    f"the method {name} exists only in development mode",
                    hint="start with --dev",
                )
        with self.node.lock:
            try:
                return function(self, Params(params))
            except sqlite3.DatabaseError as error:
                raise broken(error, self.node.journal.path) from error

    def handle(self, request: Any) -> dict[str, Any] | None:
        """Answer one request object; None for a notification."""
        if not isinstance(request, dict) or not isinstance(request.get("method"), str):
            return _error(None, RpcError(INVALID_REQUEST, "the request is no JSON-RPC object"))
        key = request.get("id")
        params = request.get("params", [])
        try:
            if not isinstance(params, list):
                raise param.invalid("params must be a list")
            result = self.call(request["method"], params)
        except RpcError as error:
            answer = _error(key, error)
        except (LedgerError, BadInput) as error:
            answer = _error(key, RpcError(-32000, error.sentence))
        except Exception:
            _log.exception("JSON-RPC method %s failed", request["method"][:80])
            answer = _error(key, RpcError(INTERNAL_ERROR, "internal error"))
        else:
            answer = {"jsonrpc": "2.0", "id": key, "result": result}
        return answer if "id" in request else None

    def handle_body(self, body: bytes) -> bytes:
        """Answer an HTTP body: one request or a batch; empty if nothing wants an answer."""
        try:
            request = json.loads(body)
        except (ValueError, RecursionError):
            return _dump(_error(None, RpcError(PARSE_ERROR, "the body is not JSON")))
        if not isinstance(request, list):
            answer = self.handle(request)
            return _dump(answer) if answer is not None else b""
        if not request or len(request) > MAX_BATCH:
            sentence = f"a batch holds 1 to {MAX_BATCH} requests"
            return _dump(_error(None, RpcError(INVALID_REQUEST, sentence)))
        answers = [answer for one in request if (answer := self.handle(one)) is not None]
        return _dump(answers) if answers else b""


def _dump(answer: Any) -> bytes:
    return json.dumps(answer, separators=(",", ":")).encode()


def _error(key: Any, error: RpcError) -> dict[str, Any]:
    body: dict[str, Any] = {"code": error.rpc_code, "message": error.sentence}
    if error.data is not None:
        body["data"] = error.data
    return {"jsonrpc": "2.0", "id": key, "error": body}
