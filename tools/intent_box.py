"""Put a finished training run into the package: two GGUF files, the tokenizer and the card.

    python tools/intent_box.py --run build/intent --full full.pt --early step-400.pt

The card holds what the files are and how often they are right, as ``intent_judge.py`` finds it.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import torch
from intent_export import load_tokenizer, token_digest, tokenizer_lines, write_gguf
from intent_grammar import VERSION

ROOT = Path(__file__).parent.parent
BOX = ROOT / "src" / "weftwork" / "models" / "box"
FIXTURE = ROOT / "tests" / "fixtures" / "intents.jsonl"
BLIND = ROOT / "tests" / "fixtures" / "intents_blind.jsonl"
DEVELOPMENT = ROOT / "tests" / "fixtures" / "intents_development.jsonl"
LIMIT = 6_000_000


def judge(model: Path, *args: str) -> dict[str, Any]:
    """What the judge prints about a file."""
    command = [sys.executable, str(ROOT / "tools" / "intent_judge.py"), "--model", str(model), *args]
    out = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return json.loads(out.splitlines()[-1])


def card(path: Path, saved: dict[str, Any], held_out: int) -> dict[str, Any]:
    """One file's entry."""
    by_hand, blind = judge(path, "--lines", str(FIXTURE)), judge(path, "--lines", str(BLIND))
    development = judge(path, "--lines", str(DEVELOPMENT))
    held = judge(path, "--held-out", str(held_out))
    as_published = judge(path, "--lines", str(FIXTURE), "--held", "schema")
    return {
        "file": path.name,
        "bytes": path.stat().st_size,
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "step": saved["step"],
        "by_hand": by_hand["accuracy"],
        "by_hand_blind": blind["accuracy"],
        "by_hand_development": development["accuracy"],
        "held_out": held["accuracy"],
        "by_hand_ungrounded": as_published["accuracy"],
        "held_out_ungrounded": judge(path, "--held-out", str(held_out), "--held", "schema")["accuracy"],
        "by_hand_by_intent": {name: f"{a}/{b}" for name, (a, b) in by_hand["by_intent"].items()},
        "by_hand_blind_by_intent": {name: f"{a}/{b}" for name, (a, b) in blind["by_intent"].items()},
    }


def main() -> None:
    """Write the box."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--run", type=Path, required=True)
    parser.add_argument("--full", default="full.pt")
    parser.add_argument("--early", default="early.pt")
    parser.add_argument("--held-out", type=int, default=2000)
    parser.add_argument("--out", type=Path, default=BOX)
    parser.add_argument("--note", default="", help="what a reader of the card should know")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    text = (args.run / "tokenizer.json").read_text()
    (args.out / "tokenizer.json").write_text(text)
    entries, saved = {}, {}
    for name, checkpoint in (("full", args.full), ("early", args.early)):
        saved = torch.load(args.run / checkpoint)
        path = args.out / ("weft-intent.gguf" if name == "full" else "weft-intent-early.gguf")
        write_gguf(path, saved["smooth"], saved["shape"], json.loads(text), path.stem)
        entries[name] = card(path, saved, args.held_out)
        print(json.dumps(entries[name]), flush=True)
        if name == "full":
            first = saved
    size = sum(entry["bytes"] for entry in entries.values())
    if size > LIMIT:
        raise SystemExit(f"the files have {size:,} bytes, more than {LIMIT:,}")
    tokenizer = load_tokenizer(args.run / "tokenizer.json")
    lines = tokenizer_lines()
    whole = {
        "model": "weft-intent",
        "architecture": {"type": "llama", **first["shape"]},
        "parameters": sum(value.numel() for value in first["smooth"].values()),
        "quantisation": "Q8_0",
        "seed": first["seed"],
        "generator": VERSION,
        "judged_under": "docs/intent.schema.json narrowed to each request, temperature 0, one thread",
        "by_hand_lines": 150,
        "by_hand_blind_lines": 60,
        "by_hand_development_lines": 300,
        "held_out_lines": args.held_out,
        "tokenizer": {
            "lines": len(lines),
            "sha256_of_ids": token_digest(
                tokenizer.encode(line, add_special_tokens=False).ids for line in lines
            ),
        },
        **entries,
    }
    if args.note:
        whole["note"] = args.note
    (args.out / "card.json").write_text(json.dumps(whole, indent=2) + "\n")


if __name__ == "__main__":
    main()
