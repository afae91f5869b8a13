"""Train ``weft-intent`` and write its GGUF files, tokenizer and card.

    uv run --group train python tools/train_intent.py --out build/intent

Seeded; ``--resume`` goes on from the last checkpoint in ``--out``. On a machine with local wheels set
``UV_FIND_LINKS`` first. Two cores need about an hour. ``--export`` writes the files of a finished run.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import random
import time
from pathlib import Path

import numpy as np
import torch
import torch.distributed as dist
import torch.nn.functional as F
from intent_export import PAD, answer_ids, load_tokenizer, prompt_ids, train_tokenizer
from intent_grammar import HELD_OUT_SEED, VERSION, encode, generate
from intent_model import Block, Muon, Network, Shape

SHOUT = 0.03
"""Share of the sentences in capitals: rare, and with tokens of their own, they need more than their share."""
SMOOTHING = 0.99
"""Decay of the running mean of the weights; the mean is what is exported."""


class Stream:
    """Batches of like length, made from the generator as they are needed."""

    def __init__(
        self, tokenizer: object, seed: int, batch: int, skip: set[str], rank: int, workers: int
    ) -> None:
        self.tokenizer, self.seed, self.batch, self.skip = tokenizer, seed, batch, skip
        self.chunk, self.rank, self.workers = 0, rank, workers
        self.question = 0.0
        self.ready: list[tuple[torch.Tensor, torch.Tensor]] = []

    def next(self) -> tuple[torch.Tensor, torch.Tensor]:
        """``(ids, weight)``, each (batch, length): weight 1 on an answer token, less in the question."""
        if not self.ready:
            self._fill()
        return self.ready.pop()

    def _fill(self) -> None:
        rows = []
        seed = self.seed * 1_000_003 + self.chunk * self.workers + self.rank
        for text, intent in generate(seed, self.batch * 128, SHOUT):
            if text in self.skip:
                continue
            if len(rows) == self.batch * 64:
                break
            question = prompt_ids(self.tokenizer, text)
            answer = answer_ids(self.tokenizer, encode(intent))
            if len(question) + len(answer) <= 250:
                rows.append((question, answer))
        rows.sort(key=lambda r: len(r[0]) + len(r[1]))
        batches = [rows[i : i + self.batch] for i in range(0, len(rows) - self.batch + 1, self.batch)]
        random.Random(self.chunk).shuffle(batches)
        for rows_ in batches:
            size = max(len(q) + len(a) for q, a in rows_)
            size = -(-size // 8) * 8 + 1
            ids = np.full((len(rows_), size), PAD, dtype=np.int64)
            weight = np.zeros((len(rows_), size), dtype=np.float32)
            for i, (q, a) in enumerate(rows_):
                ids[i, : len(q) + len(a)] = q + a
                weight[i, 1 : len(q)] = self.question
                weight[i, len(q) : len(q) + len(a)] = 1.0
            self.ready.append((torch.from_numpy(ids), torch.from_numpy(weight)))
        self.chunk += 1


def hardest(
    network: Network, ids: torch.Tensor, weight: torch.Tensor, keep: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """The ``keep`` rows of a batch whose answers cost the network most.

    Late in a run a twentieth of the sentences holds nine tenths of the loss: the gradient of the hardest is
    nearly that of all, for a third of the work (selective backpropagation: Jiang et al., 2019).
    """
    cost = torch.zeros(len(ids))
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        for start in range(0, len(ids), 32):  # so few stay in the cache
            part, asked = ids[start : start + 32], weight[start : start + 32, 1:] == 1.0
            logits = network(part[:, :-1], asked)
            loss = F.cross_entropy(logits.float(), part[:, 1:][asked], reduction="none")
            cost.index_add_(0, start + asked.nonzero()[:, 0], loss)
    rows = cost.topk(keep).indices
    return ids[rows], weight[rows]


def rate(step: int, steps: int, warm: int, decay: float) -> float:
    """Learning rate factor: warm up, hold, then fall to zero over the last ``decay`` of the run."""
    start = steps * (1 - decay)
    if step < warm:
        return (step + 1) / warm
    return 1.0 if step < start else max(0.02, (steps - step) / (steps - start))


def stopped(began: float, args: argparse.Namespace) -> bool:
    """Whether the time is up; the first worker's clock counts."""
    late = torch.tensor(float(time.time() - began > args.minutes * 60))
    if args.workers > 1:
        dist.broadcast(late, 0)
    return bool(late)


def average(network: Network, workers: int) -> None:
    """Make the gradients of all workers equal their mean."""
    if workers == 1:
        return
    grads = [p.grad for p in network.parameters()]
    flat = torch.cat([g.flatten() for g in grads])
    dist.all_reduce(flat)
    flat /= workers
    for g, part in zip(grads, flat.split([g.numel() for g in grads]), strict=True):
        g.copy_(part.view_as(g))


def main() -> None:
    """Start the workers."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=Path("build/intent"))
    parser.add_argument("--steps", type=int, default=4000)
    parser.add_argument("--early", type=int, default=250, help="step of the early checkpoint")
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--lr", type=float, default=0.02, help="of the matrices; the rest uses a fifth")
    parser.add_argument("--decay", type=float, default=0.3)
    parser.add_argument("--minutes", type=float, default=1e9, help="stop (and save) after so long")
    parser.add_argument(
        "--workers", type=int, default=2, help="processes of one thread each, sharing each batch"
    )
    parser.add_argument("--vocab", type=int, default=1024)
    parser.add_argument("--dim", type=int, default=192)
    parser.add_argument("--layers", type=int, default=5)
    parser.add_argument("--ff", type=int, default=512)
    parser.add_argument(
        "--question", type=float, default=0.1, help="weight of the loss on the question, at first"
    )
    parser.add_argument("--question-steps", type=int, default=1000, help="steps with a loss on the question")
    parser.add_argument(
        "--of", type=int, default=1, help="score so many times as many sentences and learn from the hardest"
    )
    parser.add_argument("--keep", type=int, default=200, help="keep a checkpoint every so many steps")
    parser.add_argument("--compile", action="store_true", help="a third faster; needs a C++ compiler")
    parser.add_argument("--resume", action="store_true")
    parser.add_argument(
        "--from", dest="start", type=Path, default=None, help="begin with the weights of this checkpoint"
    )
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    if not (args.out / "tokenizer.json").exists():
        train_tokenizer(args.out / "tokenizer.json", args.vocab, args.seed)
    if args.workers == 1:
        work(0, args)
    else:
        os.environ.setdefault("MASTER_ADDR", "127.0.0.1")
        os.environ.setdefault("MASTER_PORT", "29431")
        torch.multiprocessing.spawn(work, (args,), nprocs=args.workers)


def work(rank: int, args: argparse.Namespace) -> None:
    """One worker of the training."""
    torch.set_num_threads(1)
    torch.manual_seed(args.seed)
    if args.workers > 1:
        dist.init_process_group("gloo", rank=rank, world_size=args.workers)
    path = args.out / "tokenizer.json"
    tokenizer = load_tokenizer(path)
    shape = Shape(args.vocab, args.dim, args.layers, args.dim // 32, args.ff)
    network = Network(shape)
    if rank == 0:
        print(f"{sum(p.numel() for p in network.parameters()):,} parameters", shape, flush=True)
    muon = Muon(network, args.lr)
    matrices = {id(p) for p in muon.param_groups[0]["params"]}
    rest = [p for p in network.parameters() if id(p) not in matrices]
    adam = torch.optim.AdamW(rest, lr=args.lr / 5, betas=(0.9, 0.98), weight_decay=0.0)
    held = {text for text, _ in generate(HELD_OUT_SEED, 5000)}
    share = args.batch // args.workers
    stream = Stream(tokenizer, args.seed, share * args.of, held, rank, args.workers)
    step, state = 0, args.out / "last.pt"
    if args.resume and state.exists():
        saved = torch.load(state)
        network.load_state_dict(saved["network"])
        muon.load_state_dict(saved["muon"])
        adam.load_state_dict(saved["adam"])
        step, stream.chunk = saved["step"], saved["chunk"] + 1
        print(f"resumed at step {step}", flush=True)
    elif args.start:
        network.load_state_dict(torch.load(args.start)["network"])
        stream.chunk = 100_000

    if args.compile:
        Block.forward = torch.compile(Block.forward, dynamic=True)  # type: ignore[method-assign]
    weights = list(network.parameters())
    smooth = [p.detach().clone() for p in weights]
    if args.resume and state.exists() and "smooth" in saved:
        smooth = list(saved["smooth"].values())

    def save(name: str) -> None:
        if rank:
            return
        named = dict(zip((name_ for name_, _ in network.named_parameters()), smooth, strict=True))
        torch.save(
            {
                "network": network.state_dict(),
                "smooth": named,
                "muon": muon.state_dict(),
                "adam": adam.state_dict(),
                "step": step,
                "chunk": stream.chunk,
                "shape": shape.as_dict(),
                "seed": args.seed,
                "version": VERSION,
                "seconds": round(time.time() - began),
            },
            args.out / "tmp.pt",
        )
        (args.out / "tmp.pt").replace(args.out / name)

    began, mean, seen = time.time(), 0.0, 0
    while step < args.steps and not stopped(began, args):
        stream.question = args.question if step < args.question_steps else 0.0
        ids, weight = stream.next()
        seen += ids.numel() * args.workers
        if args.of > 1:
            ids, weight = hardest(network, ids, weight, share)
        factor = rate(step, args.steps, 60, args.decay)
        for optimizer, base in ((muon, args.lr), (adam, args.lr / 5)):
            for group in optimizer.param_groups:
                group["lr"] = base * factor
        with torch.autocast("cpu", torch.bfloat16):
            asked = weight[:, 1:] > 0
            logits = network(ids[:, :-1], asked)
        loss = F.cross_entropy(logits.float(), ids[:, 1:][asked], reduction="none")
        w = weight[:, 1:][asked]
        answer = w == 1.0
        total = (loss * w).sum() / w.sum()
        total.backward()
        average(network, args.workers)
        torch.nn.utils.clip_grad_norm_(rest, 1.0)
        muon.step()
        adam.step()
        for p in network.parameters():
            p.grad = None
        step += 1
        with torch.no_grad():
            torch._foreach_lerp_(smooth, weights, 1 - min(SMOOTHING, step / (step + 10)))
        now = float(loss.detach()[answer].mean())
        mean = now if math.isclose(mean, 0.0) else 0.97 * mean + 0.03 * now
        if step % 25 == 0 and rank == 0:
            passed = time.time() - began
            print(
                f"step {step}/{args.steps} answer loss {mean:.4f} lr {factor:.2f} "
                f"{seen / passed:,.0f} tokens/s {passed / 60:.1f} min",
                flush=True,
            )
        if step == args.early:
            save("early.pt")
        if step % 100 == 0:
            save("last.pt")
        if step % args.keep == 0:
            save(f"step-{step}.pt")
    save("last.pt")
    if step >= args.steps:
        save("full.pt")
    if rank == 0:
        print(
            json.dumps({"step": step, "answer_loss": round(mean, 4), "seconds": round(time.time() - began)})
        )


if __name__ == "__main__":
    main()
