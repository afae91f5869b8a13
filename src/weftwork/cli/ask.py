"""``weft ask``: ask the network; the words are the command."""

from __future__ import annotations

from typing import Annotated, Any

import typer

app = typer.Typer()
Words = Annotated[
    list[str] | None, typer.Argument(metavar="WORDS...", help="What to ask; read from stdin if absent.")
]
Model = Annotated[str, typer.Option("--model", "-m", help="Which model; `--models` lists them.")]
Best = Annotated[
    int, typer.Option("--best", min=0, max=8, help="Ask this many miners, 2 to 8, and take the best answer.")
]
Schema = Annotated[bool, typer.Option("--schema", help="Print the JSON Schema of wallet intents, and stop.")]
Models = Annotated[bool, typer.Option("--models", help="List the models that are served, and stop.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one object.")]


@app.command()
def ask(
    words: Words = None,
    model: Model = "weft-intent",
    best: Best = 0,
    schema: Schema = False,
    models: Models = False,
    as_json: AsJson = False,
) -> None:
    """Ask the network that runs here: `weft ask swap 250 USDC for ETH`."""
    import sys

    from weftwork.cli.screen import print_json, reporting
    from weftwork.errors import BadInput

    with reporting(as_json):
        if schema:
            from weftwork.models.intent import INTENT_SCHEMA

            print_json(INTENT_SCHEMA)
            return
        if models:
            _list_models(as_json)
            return
        if best == 1:
            raise BadInput("the best of one answer is that answer", value=best, hint="--best 2 to 8, or none")
        text = " ".join(words or []) or ("" if sys.stdin.isatty() else sys.stdin.read())
        if not text.strip():
            raise BadInput("there is nothing to ask", hint='weft ask "swap 250 USDC for ETH"')
        _answer(text.strip(), model, best, as_json)


def _list_models(as_json: bool) -> None:
    from weftwork.cli.screen import print_json, print_next
    from weftwork.network.user import User

    found = User.open().call("GET", "/v1/models")[0]["data"]
    if as_json:
        print_json(found)
        return
    for row in found:
        print(row["id"])
    print_next(f'weft ask -m {found[0]["id"] if found else "weft-intent"} "…"')


def _answer(text: str, model: str, best: int, as_json: bool) -> None:
    import sys

    from weftwork.cli.screen import paint, print_json, print_next, progress
    from weftwork.network.user import User

    user = User.open()
    body: dict[str, Any] = {"model": model, "messages": [{"role": "user", "content": text}]}
    if best:
        body["weft"] = {"policy": "best", "k": best}
    if sys.stdout.isatty() and not as_json and not best:
        said, usage = _stream(user, body), None
    else:
        with progress("asking"):
            reply, _ = user.call("POST", "/v1/chat/completions", body)
        said, usage = str(reply["choices"][0]["message"]["content"]), reply["usage"]
    thread = user.headers.get("x-weft-thread", "")
    meaning = _read_intent(said) if model.startswith("weft-intent") else None
    if as_json:
        print_json(
            {
                "answer": said,
                "intent": meaning[0] if meaning else None,
                "thread": thread,
                "usage": usage,
            }
        )
        return
    if usage is not None:
        print(said)
    if meaning:
        print(paint(meaning[1], "dim"))
    print_next(f"weft trace {thread}")


def _stream(user: Any, body: dict[str, Any]) -> str:
    """Print the words as they come; all of them."""
    import sys

    from weftwork.cli.screen import progress

    said = []
    chunks = user.stream("/v1/chat/completions", body)
    with progress("asking"):
        chunk = next(chunks, None)
    while chunk is not None:
        for choice in chunk.get("choices") or ():
            words = choice.get("delta", {}).get("content") or ""
            said.append(words)
            sys.stdout.write(words)
            sys.stdout.flush()
        chunk = next(chunks, None)
    print()
    return "".join(said)


def _read_intent(text: str) -> tuple[dict[str, Any], str] | None:
    from weftwork.errors import BadInput
    from weftwork.models.intent import describe_intent, parse_intent

    try:
        intent = parse_intent(text)
    except BadInput:
        return None
    return intent.to_json(), describe_intent(intent)
