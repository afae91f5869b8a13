"""Prints lines of the generator of wallet requests, which lives in ``weftwork.models.grammar``.

Run ``python tools/intent_grammar.py --seed 1 --n 40`` to read some.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "src"))
from weftwork.models.grammar.sentence import HELD_OUT_SEED, VERSION, encode, generate, sentence

__all__ = ["HELD_OUT_SEED", "VERSION", "encode", "generate", "sentence"]


def main() -> None:
    """Print some lines."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--n", type=int, default=40)
    parser.add_argument("--only", default="", help="one intent")
    args = parser.parse_args()
    shown = 0
    for text, intent in generate(args.seed, args.n * 200):
        if args.only and intent["intent"] != args.only:
            continue
        print(f"{text}\n    {encode(intent)}")
        shown += 1
        if shown >= args.n:
            break


if __name__ == "__main__":
    main()
