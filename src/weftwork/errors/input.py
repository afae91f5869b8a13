"""What was given cannot be used: the leaves of BadInput."""

from __future__ import annotations

from typing import Any

from weftwork.errors.tree import BadInput


class BadRecord(BadInput):
    """A record of the thread is malformed, or breaks a rule of the thread."""

    code = "input.record"


class BadSignature(BadInput):
    """A signature does not match the signer that the record names."""

    code = "input.signature"
    status = 401


class BadUnit(BadInput):
    """Amounts or ids of unlike units met."""

    code = "input.unit"


class BadConfig(BadInput):
    """A setting is missing or wrong."""

    code = "input.config"


class BadCase(BadInput):
    """A conformance file is malformed; the sentence names the case, the step and the field."""

    code = "input.case"
    hint = "the format weft-yuma/1 is described in docs/yuma.md"


class BadScenario(BadInput):
    """A scenario of the lab is malformed; the sentence names the field."""

    code = "input.scenario"
    hint = "the fields of a scenario are described in docs/bme.md"


class BadParameter(BadInput):
    """One field of an API call is missing, unknown or wrong; ``param`` names it as the caller wrote it."""

    code = "input.parameter"

    def __init__(
        self,
        sentence: str,
        *,
        param: str | None = None,
        code: str | None = None,
        value: Any = None,
        hint: str | None = None,
    ) -> None:
        super().__init__(sentence, value=value, hint=hint)
        self.param = param
        self.openai_code = code


class BadJson(BadInput):
    """A body is not JSON, or not of the expected shape."""

    code = "input.json"
    hint = "send a JSON object, UTF-8, with content-type: application/json"


class BadIntent(BadInput):
    """What was given is not a typed wallet intent."""

    code = "input.intent"
    hint = "weft ask --schema prints the intents and their slots"


class BadHttp(BadInput):
    """A request breaks HTTP's own rules."""

    code = "input.http"
