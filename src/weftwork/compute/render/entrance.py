"""What a node turns away by the head of a request, before it takes the body: strangers' large files."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from weftwork.errors import Refused, TooLarge
from weftwork.wire.message import HttpRequest
from weftwork.wire.server import App

MAX_BODY = 8 * 1024 * 1024
"""Bytes of any body that is no file of a scene."""


class NodeApp(App):
    """An app that takes large bodies only for files that some funded bundle wants."""

    def __init__(self, name: str, *, wants: Callable[[str], bool], **options: Any) -> None:
        """``wants`` says of an asset's digest whether it belongs to a scene that is being rendered here."""
        super().__init__(name, **options)
        self._wants = wants

    def admit(self, request: HttpRequest) -> None:
        """As of any app; then a file that nobody wants, or a body that is no file and large, is refused."""
        super().admit(request)
        if request.early is not None:
            return
        length = request.headers.get("content-length", "")
        if request.method == "PUT":
            if not self._wants(request.params.get("digest", "")):
                request.early = self.error_response(
                    Refused(
                        "that file belongs to no scene that you have work for here",
                        value=request.params.get("digest", "")[:80],
                    )
                )
        elif request.method not in ("GET", "HEAD") and not (length.isdigit() and int(length) <= MAX_BODY):
            request.early = self.error_response(
                TooLarge(f"a body here has at most {MAX_BODY} bytes, and says how many", value=length[:40])
            )
