"""Ask a GGUF file of ``weft-intent`` and count exact matches, under the published schema.

    python tools/intent_judge.py --model src/weftwork/models/box/weft-intent.gguf \
        --lines tests/fixtures/intents.jsonl

``--held-out N`` asks N lines of the generator's held-out split instead, ``--tokens`` prints the digest of
the tokenizer's ids. Prints one JSON object. The process ends itself, because the engine has no clean close.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parent.parent / "src"))


def open_server(model: Path) -> Any:
    """The engine in this process, on one thread."""
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = str(model)
    params.n_ctx, params.n_parallel, params.n_gpu_layers, params.warmup = 512, 1, 0, False
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 1
    params.verbosity = 0
    return xllamacpp.Server(params)


def ask(server: Any, text: str, held: str = "grounded") -> tuple[str, int]:
    """The model's answer to one request, and how many tokens it has.

    ``held`` is ``grounded`` (as the engine asks), ``schema`` (the published schema as it is) or ``free``.
    """
    from weftwork.models.grounding import ground_body
    from weftwork.models.intent import build_messages, response_format

    request: dict[str, Any] = {"messages": build_messages(text), "max_tokens": 200, "temperature": 0}
    if held != "free":
        request["response_format"] = response_format()
    if held == "grounded":
        request = ground_body(request)
    answer = server.handle_chat_completions(request)
    if "choices" not in answer:
        raise RuntimeError(str(answer)[:500])
    return answer["choices"][0]["message"]["content"], answer["usage"]["completion_tokens"]


def tokenize(server: Any, lines: list[str]) -> list[list[int]]:
    """The exported tokenizer's ids of each line."""
    import urllib.request

    mark = 2
    rows: list[list[int]] = []
    for start in range(0, len(lines), 500):
        mixed: list[str | int] = []
        for line in lines[start : start + 500]:
            mixed += [line, mark]
        body = json.dumps({"content": mixed, "parse_special": False}).encode()
        url = f"{server.listening_address}/tokenize"
        request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=60) as answer:
            ids = json.load(answer)["tokens"]
        row: list[int] = []
        for token in ids:
            if token == mark:
                rows.append(row)
                row = []
            else:
                row.append(token)
    return rows


def main() -> None:
    """Judge one file."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--lines", type=Path, default=None)
    parser.add_argument("--held-out", type=int, default=0)
    parser.add_argument(
        "--tokens", action="store_true", help="print the digest of the tokenizer's ids on 10,000 lines"
    )
    parser.add_argument("--held", default="grounded", choices=("grounded", "schema", "free"))
    parser.add_argument("--show", action="store_true", help="print the wrong answers to stderr")
    args = parser.parse_args()
    if args.tokens:
        from intent_export import token_digest, tokenizer_lines

        lines = tokenizer_lines()
        print(
            json.dumps(
                {"lines": len(lines), "sha256_of_ids": token_digest(tokenize(open_server(args.model), lines))}
            )
        )
        sys.stdout.flush()
        os._exit(0)
    if args.lines:
        rows = [json.loads(line) for line in args.lines.read_text().splitlines()]
        pairs = [(row["text"], row["intent"]) for row in rows]
    else:
        from intent_grammar import HELD_OUT_SEED, generate

        pairs = list(generate(HELD_OUT_SEED, args.held_out))
    server = open_server(args.model)
    right, by_intent, tokens, began = 0, defaultdict(lambda: [0, 0]), 0, time.perf_counter()
    for text, want in pairs:
        got, count = ask(server, text[:600], args.held)
        tokens += count
        try:
            same = json.loads(got) == want
        except ValueError:
            same = False
        right += same
        by_intent[want["intent"]][0] += same
        by_intent[want["intent"]][1] += 1
        if args.show and not same:
            print(f"{text}\n   want {json.dumps(want, ensure_ascii=False)}\n   got  {got}", file=sys.stderr)
    seconds = time.perf_counter() - began
    print(
        json.dumps(
            {
                "lines": len(pairs),
                "right": right,
                "accuracy": round(right / len(pairs), 4),
                "seconds": round(seconds, 1),
                "ms_per_request": round(1000 * seconds / len(pairs), 1),
                "tokens_per_second": round(tokens / seconds),
                "by_intent": dict(by_intent),
            }
        )
    )
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
