"""A person's way to the network that runs on this machine: its gateway and the key kept for them."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import Any

from weftwork.errors import NotFound, Refused, Unavailable
from weftwork.network.home import Home


@dataclass(frozen=True, slots=True)
class User:
    """Whoever asks: the gateway's URL and an API key of it."""

    gateway: str
    key: str

    @classmethod
    def open(cls, home: Home | None = None) -> User:
        """The user of the network that runs in ``home`` (else the default); raises :class:`NotFound`."""
        facts = (home or Home.open()).facts
        if "gateway" not in facts or "api_key" not in facts:
            raise NotFound("no gateway of a network is known here", hint="start one with `weft up`")
        return cls(facts["gateway"], facts["api_key"])

    def call(self, method: str, path: str, body: Any = None) -> tuple[Any, dict[str, str]]:
        """One call: the JSON answer and the headers. Raises :class:`Refused` or :class:`Unavailable`."""
        request = urllib.request.Request(  # noqa: S310 - the URL is this home's own gateway
            self.gateway + path,
            data=None if body is None else json.dumps(body).encode(),
            method=method,
            headers={"authorization": f"Bearer {self.key}", "content-type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=180) as reply:  # noqa: S310
                return json.load(reply), {k.lower(): v for k, v in reply.headers.items()}
        except urllib.error.HTTPError as error:
            raise _refusal(error) from None
        except OSError as error:
            raise Unavailable(
                f"the gateway at {self.gateway} does not answer",
                value=str(error),
                hint="weft status; weft up",
            ) from None


def _refusal(error: urllib.error.HTTPError) -> Refused:
    try:
        told = json.load(error)["error"]
        sentence = str(told.get("message"))
        hint = str(told.get("hint") or "")
    except (ValueError, KeyError, TypeError):
        sentence, hint = f"the gateway answered {error.code}", ""
    return Refused(sentence, value=error.code, hint=hint)
