"""The network of ``weft-intent``: a small Llama (RMSNorm, SwiGLU, interleaved rotary, tied embeddings)."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import Tensor, nn

EPS = 1e-5
ROPE_BASE = 10000.0


@dataclass(frozen=True)
class Shape:
    """Sizes of the network; widths are multiples of 32, so that Q8_0 applies to every matrix."""

    vocab: int = 1024
    dim: int = 192
    layers: int = 5
    heads: int = 6
    ff: int = 512
    context: int = 512

    def as_dict(self) -> dict[str, int]:
        """The sizes as plain data."""
        return asdict(self)


def rotary(length: int, width: int) -> tuple[Tensor, Tensor, Tensor]:
    """Cosines and sines, each (length, width) with every value twice, and the quarter turn of the pairs."""
    inverse = ROPE_BASE ** (-torch.arange(0, width, 2).float() / width)
    angle = (torch.arange(length).float()[:, None] * inverse[None]).repeat_interleave(2, -1)
    quarter = torch.zeros(width, width)
    even = torch.arange(0, width, 2)
    quarter[even + 1, even], quarter[even, even + 1] = -1.0, 1.0
    return angle.cos(), angle.sin(), quarter


class Norm(nn.Module):
    """RMSNorm."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(dim))

    def forward(self, x: Tensor) -> Tensor:
        return F.rms_norm(x, x.shape[-1:], self.weight, EPS)


class Block(nn.Module):
    """Attention and feed-forward, each behind a norm."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        d, self.heads = shape.dim, shape.heads
        self.attn_norm, self.ffn_norm = Norm(d), Norm(d)
        self.qkv = nn.Linear(d, 3 * d, bias=False)
        self.out = nn.Linear(d, d, bias=False)
        self.gate_up = nn.Linear(d, 2 * shape.ff, bias=False)
        self.down = nn.Linear(shape.ff, d, bias=False)

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor, quarter: Tensor) -> Tensor:
        b, n, d = x.shape
        width = d // self.heads
        qkv = self.qkv(self.attn_norm(x)).view(b, n, 3, self.heads, width).permute(2, 0, 3, 1, 4)
        kind = qkv.dtype
        turned = qkv[:2] * cos.to(kind) + (qkv[:2] @ quarter.to(kind)) * sin.to(kind)
        # plain products: on a CPU they are far faster than the fused attention at these lengths
        score = (turned[0] * width**-0.5) @ turned[1].transpose(-1, -2)
        score = score + torch.full((n, n), -1e4, dtype=kind).triu(1)
        y = torch.softmax(score, -1).to(kind) @ qkv[2]
        x = x + self.out(y.transpose(1, 2).reshape(b, n, d))
        gate, up = self.gate_up(self.ffn_norm(x)).chunk(2, -1)
        return x + self.down(F.silu(gate) * up)


class Network(nn.Module):
    """Token ids (batch, length) to logits (..., vocab)."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.embed = nn.Embedding(shape.vocab, shape.dim)
        self.blocks = nn.ModuleList(Block(shape) for _ in range(shape.layers))
        self.norm = Norm(shape.dim)
        cos, sin, quarter = rotary(shape.context, shape.dim // shape.heads)
        self.register_buffer("cos", cos, persistent=False)
        self.register_buffer("sin", sin, persistent=False)
        self.register_buffer("quarter", quarter, persistent=False)
        nn.init.normal_(self.embed.weight, std=0.02)
        for block in self.blocks:
            for layer in (block.qkv, block.gate_up):
                nn.init.normal_(layer.weight, std=shape.dim**-0.5)
            nn.init.normal_(block.out.weight, std=(shape.dim * 2 * shape.layers) ** -0.5)
            nn.init.normal_(block.down.weight, std=(shape.ff * 2 * shape.layers) ** -0.5)

    def forward(self, ids: Tensor, asked: Tensor | None = None) -> Tensor:
        """Logits at every position, or only at the ``asked`` ones, a boolean mask (batch, length)."""
        x = self.embed(ids)
        cos, sin = self.cos[: ids.shape[1]], self.sin[: ids.shape[1]]
        for block in self.blocks:
            x = block(x, cos, sin, self.quarter)
        return F.linear(self.norm(x if asked is None else x[asked]), self.embed.weight)


class Muon(torch.optim.Optimizer):
    """Momentum orthogonalised by Newton-Schulz (K. Jordan, 2024); fused matrices part by part."""

    def __init__(self, network: Network, lr: float, momentum: float = 0.95, decay: float = 0.01) -> None:
        shape = network.shape
        fused = {(3 * shape.dim, shape.dim): 3, (2 * shape.ff, shape.dim): 2}
        params = [p for block in network.blocks for p in block.parameters() if p.ndim == 2]
        super().__init__(params, {"lr": lr, "momentum": momentum, "decay": decay, "parts": fused})

    @torch.no_grad()
    def step(self, closure: object = None) -> None:
        """One update; with several workers, each does its share of the matrices."""
        shared = dist.is_initialized()
        rank, workers = (dist.get_rank(), dist.get_world_size()) if shared else (0, 1)
        for group in self.param_groups:
            updates = [torch.zeros_like(p) for p in group["params"]]
            for i, p in enumerate(group["params"]):
                state = self.state[p]
                if "m" not in state:
                    state["m"] = torch.zeros_like(p)
                m = state["m"]
                m.lerp_(p.grad, 1 - group["momentum"])
                if i % workers == rank:
                    update = p.grad.lerp(m, group["momentum"])
                    parts = group["parts"].get(tuple(p.shape), 1)
                    scale = max(1.0, (p.shape[0] / parts) / p.shape[1]) ** 0.5
                    updates[i] = orthogonal(update.view(parts, -1, p.shape[1])).view_as(p) * scale
            if workers > 1:
                flat = torch.cat([u.flatten() for u in updates])
                dist.all_reduce(flat)
                sizes = [u.numel() for u in updates]
                updates = [part.view_as(u) for u, part in zip(updates, flat.split(sizes), strict=True)]
            torch._foreach_mul_(group["params"], 1 - group["lr"] * group["decay"])
            torch._foreach_add_(group["params"], updates, alpha=-group["lr"])


def orthogonal(g: Tensor, steps: int = 5) -> Tensor:
    """Half-orthogonal matrices near each of (count, rows, columns): quintic Newton-Schulz in bfloat16."""
    x = (g / (g.norm(dim=(1, 2), keepdim=True) + 1e-7)).bfloat16()
    tall = x.shape[1] > x.shape[2]
    x = x.transpose(1, 2) if tall else x
    for _ in range(steps):
        a = x @ x.transpose(1, 2)
        x = 3.4445 * x + (-4.7750 * a + 2.0315 * a @ a) @ x
    return (x.transpose(1, 2) if tall else x).float()
