"""A person's way to the network that runs on this machine: its gateway and the key kept for them."""

from __future__ import annotations

import http.client
import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from weftwork.errors import BadReply, NotFound, Refused, Unavailable
from weftwork.network.home import Home, home_path, live_homes


@dataclass(slots=True)
class User:
    """Whoever asks: the gateway's URL and an API key of it."""

    gateway: str
    key: str
    timeout: float = 180.0
    headers: dict[str, str] = field(default_factory=dict)
    """Those of the last answer."""

    @classmethod
    def open(cls, home: Home | None = None) -> User:
        """The user of the network that runs in ``home``, else of the first that runs here with a gateway.

        Raises :class:`NotFound` where none is known, :class:`Unavailable` where it is not running.
        """
        known = [one for one in ([home] if home else live_homes()) if one.facts.get("api_key")]
        for one in known:
            if home is not None or one.is_running:
                return cls(one.facts["gateway"], one.facts["api_key"])
        if known:
            raise Unavailable(
                f"the network of {known[0].path} is not running", value=str(known[0].path), hint="weft up"
            )
        raise NotFound(
            f"no gateway of a network is known in {home_path()}",
            value=str(home_path()),
            hint="start one with `weft up`",
        )

    def call(self, method: str, path: str, body: Any = None) -> tuple[Any, dict[str, str]]:
        """One call: the JSON answer and the headers. Raises Refused, BadReply or Unavailable."""
        with self._send(method, path, body) as reply:
            try:
                return json.load(reply), self.headers
            except (ValueError, OSError, http.client.HTTPException) as error:
                raise self._broken(error) from None

    def stream(self, path: str, body: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """The chunks of a streamed answer as they come. Raises Refused, BadReply or Unavailable."""
        with self._send("POST", path, {**body, "stream": True}) as reply:
            try:
                for line in reply:
                    data = line.removeprefix(b"data:").strip() if line.startswith(b"data:") else b""
                    if data == b"[DONE]":
                        return
                    if data:
                        chunk = json.loads(data)
                        if "error" in chunk:
                            raise _refusal(chunk["error"], 502)
                        yield chunk
            except (ValueError, OSError, http.client.HTTPException) as error:
                raise self._broken(error) from None
        raise self._broken("the answer broke off")

    def _send(self, method: str, path: str, body: Any) -> Any:
        request = urllib.request.Request(  # noqa: S310 - the URL is this home's own gateway
            self.gateway + path,
            data=None if body is None else json.dumps(body).encode(),
            method=method,
            headers={"authorization": f"Bearer {self.key}", "content-type": "application/json"},
        )
        try:
            reply = urllib.request.urlopen(request, timeout=self.timeout)  # noqa: S310
        except urllib.error.HTTPError as error:
            with error:
                raise _read_refusal(error) from None
        except (OSError, http.client.HTTPException) as error:
            raise Unavailable(
                f"the gateway at {self.gateway} does not answer",
                value=str(error),
                hint="weft status shows what runs; weft up starts it again",
            ) from None
        self.headers = {k.lower(): v for k, v in reply.headers.items()}
        return reply

    def _broken(self, why: object) -> BadReply:
        return BadReply(
            f"the gateway at {self.gateway} broke off: {why}", value=self.gateway, hint="ask again"
        )


def _read_refusal(error: urllib.error.HTTPError) -> Refused:
    try:
        return _refusal(json.load(error)["error"], error.code)
    except (ValueError, KeyError, TypeError, OSError):
        return _refusal({}, error.code)


def _refusal(told: Any, status: int) -> Refused:
    told = told if isinstance(told, dict) else {}
    sentence = str(told.get("message") or f"the gateway answered {status}")
    return Refused(sentence, value=told.get("code") or status, hint=str(told.get("hint") or ""))
