"""A remote node: JSON-RPC over HTTP with kept connections, one a thread, and a timeout on every call."""

from __future__ import annotations

import http.client
import itertools
import json
import ssl
import threading
from typing import Any
from urllib.parse import urlsplit

from weftwork.errors import (
    BadConfig,
    InsufficientFunds,
    LedgerUnavailable,
    NonceTooLow,
    Reverted,
    RpcError,
    TransactionRejected,
)
from weftwork.ledger.revert import reason_of

MAX_ANSWER = 256 * 1024 * 1024


class Remote:
    """The JSON-RPC endpoint at an http:// or https:// URL."""

    def __init__(self, url: str, timeout: float) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise BadConfig(
                f"not a ledger URL: {url!r}", value=url, hint="use embedded:PATH or http://HOST:PORT"
            )
        self.url = url
        self._parts = parts
        self._timeout = timeout
        self._local = threading.local()
        self._open: set[http.client.HTTPConnection] = set()
        self._lock = threading.Lock()
        self._ids = itertools.count(1)

    def call(self, method: str, params: list[Any]) -> Any:
        """One call; raises RpcError (and its leaves) or LedgerUnavailable."""
        answer = self._post({"jsonrpc": "2.0", "id": next(self._ids), "method": method, "params": params})
        return _result(answer)

    def batch(self, calls: list[tuple[str, list[Any]]]) -> list[Any]:
        """Several calls in one HTTP request; an answer that is an error is returned in its place."""
        requests = [
            {"jsonrpc": "2.0", "id": i, "method": method, "params": params}
            for i, (method, params) in enumerate(calls)
        ]
        answers = self._post(requests)
        if not isinstance(answers, list):
            return [_result(answers)]
        by_id = {answer.get("id"): answer for answer in answers if isinstance(answer, dict)}
        out: list[Any] = []
        for i in range(len(calls)):
            try:
                out.append(_result(by_id.get(i)))
            except RpcError as error:
                out.append(error)
        return out

    def _post(self, request: Any) -> Any:
        body = json.dumps(request).encode()
        for attempt in (0, 1):
            connection = self._connection()
            fresh = connection.sock is None
            try:
                connection.request("POST", self._target(), body, {"Content-Type": "application/json"})
                response = connection.getresponse()
                data = response.read(MAX_ANSWER + 1)
            except (OSError, http.client.HTTPException) as error:
                self._drop(connection)
                # A kept connection may have been closed by the other side before it read anything.
                if attempt == 0 and not fresh and not isinstance(error, TimeoutError):
                    continue
                raise LedgerUnavailable(f"no answer from {self.url}: {error}", value=self.url) from error
            break
        try:
            if len(data) > MAX_ANSWER:
                raise ValueError("the answer is too large")
            answer = json.loads(data)
        except ValueError as error:
            self._drop(connection)
            raise LedgerUnavailable(
                f"{self.url} does not answer with JSON (HTTP {response.status}): {error}", value=self.url
            ) from error
        return answer

    def _target(self) -> str:
        return (self._parts.path or "/") + (f"?{self._parts.query}" if self._parts.query else "")

    def _connection(self) -> http.client.HTTPConnection:
        connection: http.client.HTTPConnection | None = getattr(self._local, "connection", None)
        if connection is None:
            host, port = self._parts.hostname or "", self._parts.port
            if self._parts.scheme == "https":
                connection = http.client.HTTPSConnection(
                    host, port, timeout=self._timeout, context=ssl.create_default_context()
                )
            else:
                connection = http.client.HTTPConnection(host, port, timeout=self._timeout)
            self._local.connection = connection
            with self._lock:
                self._open.add(connection)
        return connection

    def _drop(self, connection: http.client.HTTPConnection) -> None:
        connection.close()
        self._local.connection = None
        with self._lock:
            self._open.discard(connection)

    def close(self) -> None:
        """Close all connections."""
        with self._lock:
            for connection in self._open:
                connection.close()
            self._open.clear()
        self._local = threading.local()


def _result(answer: Any) -> Any:
    if not isinstance(answer, dict) or ("result" not in answer and "error" not in answer):
        raise LedgerUnavailable("the node's answer is not JSON-RPC", value=str(answer)[:200])
    error = answer.get("error")
    if error is not None:
        raise error_of(error)
    return answer["result"]


def error_of(error: Any) -> RpcError:
    """The error of the tree that a JSON-RPC error object means."""
    if not isinstance(error, dict):
        return RpcError(-32603, str(error)[:200])
    code, data = error.get("code"), error.get("data")
    code = code if isinstance(code, int) else -32603
    message = str(error.get("message", ""))[:1000]
    lower = message.lower()
    if code == 3 or "revert" in lower:
        raw = data if isinstance(data, str) and data.startswith("0x") else "0x"
        try:
            reason = reason_of(bytes.fromhex(raw[2:]))
        except ValueError:
            reason = ""
        if not reason and raw == "0x":
            reason = message.partition("reverted")[2].lstrip(": ").removesuffix("without a reason").strip()
        return Reverted(reason, raw)
    if "nonce too low" in lower:
        return NonceTooLow(message)
    if "insufficient funds" in lower:
        return InsufficientFunds(message)
    if code in (-32000, -32003) and any(  # EIP-1474's "transaction rejected" is the second
        word in lower for word in ("transaction", "gas", "fee", "underpriced", "known")
    ):
        rejected = TransactionRejected(message)
        rejected.data = data
        return rejected
    return RpcError(code, message, data)
