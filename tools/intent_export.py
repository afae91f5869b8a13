"""Tokenizer and GGUF export of ``weft-intent``."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from intent_grammar import HELD_OUT_SEED, encode, generate

if TYPE_CHECKING:
    import gguf
    import numpy as np

PAD, ASK, ANSWER, END = 0, 1, 2, 3
SPECIAL = ["<|pad|>", "<|ask|>", "<|intent|>", "<|end|>"]
TEMPLATE = "{{ '<|ask|>' + messages[-1]['content'] + '<|intent|>' }}"
PRE = "smollm"
"""llama.cpp's name of the pre-tokenizer that splits digits one by one and then words as GPT-2 does."""


def train_tokenizer(path: Path, vocab: int, seed: int) -> None:
    """Byte-level BPE whose merges never cross a space: a name has the same tokens wherever it stands."""
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

    lines = []
    for text, intent in generate(seed + 17, 60_000):
        lines += [text, encode(intent)]
    tokenizer = Tokenizer(models.BPE())
    digits = pre_tokenizers.Digits(individual_digits=True)
    words = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Split(Regex(" "), "isolated"), digits, words]
    )
    trainer = trainers.BpeTrainer(
        vocab_size=vocab,
        special_tokens=SPECIAL,
        show_progress=False,
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
    )
    tokenizer.train_from_iterator(lines, trainer)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([digits, words])
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.save(str(path))


def load_tokenizer(path: Path) -> Any:
    """The tokenizer of a run."""
    from tokenizers import Tokenizer

    return Tokenizer.from_file(str(path))


def tokenizer_lines(count: int = 10_000) -> list[str]:
    """Lines on which the exported tokenizer must agree with the training tokenizer: requests and answers."""
    lines: list[str] = []
    for text, intent in generate(HELD_OUT_SEED + 1, count // 2):
        lines += [text, encode(intent)]
    return lines


def token_digest(rows: Iterable[list[int]]) -> str:
    """One digest over the ids of many lines."""
    digest = hashlib.sha256()
    for ids in rows:
        digest.update((" ".join(map(str, ids)) + "\n").encode())
    return digest.hexdigest()


def prompt_ids(tokenizer: Any, text: str) -> list[int]:
    """Ids of a question as the chat template frames it."""
    return [ASK, *tokenizer.encode(text, add_special_tokens=False).ids, ANSWER]


def answer_ids(tokenizer: Any, text: str) -> list[int]:
    """Ids of an answer with its end mark."""
    return [*tokenizer.encode(text, add_special_tokens=False).ids, END]


def write_gguf(
    path: Path,
    state: dict[str, Any],
    shape: dict[str, int],
    tokenizer_json: dict[str, Any],
    name: str,
    kind: str = "Q8_0",
) -> None:
    """Write weights and tokenizer as one GGUF file; matrices become ``kind``, norms stay float32."""
    import gguf
    import numpy as np

    writer = gguf.GGUFWriter(str(path), "llama")
    writer.add_name(name)
    writer.add_license("apache-2.0")
    writer.add_context_length(shape["context"])
    writer.add_embedding_length(shape["dim"])
    writer.add_block_count(shape["layers"])
    writer.add_feed_forward_length(shape["ff"])
    writer.add_head_count(shape["heads"])
    writer.add_head_count_kv(shape["heads"])
    writer.add_rope_dimension_count(shape["dim"] // shape["heads"])
    writer.add_rope_freq_base(10000.0)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_vocab_size(shape["vocab"])
    _write_tokenizer(writer, tokenizer_json)
    writer.add_chat_template(TEMPLATE)
    quant = gguf.GGMLQuantizationType[kind]

    def add(tensor: str, value: np.ndarray) -> None:
        value = np.ascontiguousarray(value, dtype=np.float32)
        if value.ndim == 1:
            writer.add_tensor(tensor, value)
        else:
            writer.add_tensor(tensor, gguf.quants.quantize(value, quant), raw_dtype=quant)

    w = {key: value.float().numpy() for key, value in state.items()}
    add("token_embd.weight", w["embed.weight"])
    add("output_norm.weight", w["norm.weight"])
    for i in range(shape["layers"]):
        here = f"blocks.{i}."
        q, k, v = np.split(w[here + "qkv.weight"], 3, 0)
        gate, up = np.split(w[here + "gate_up.weight"], 2, 0)
        for tensor, value in (
            ("attn_norm", w[here + "attn_norm.weight"]),
            ("attn_q", q),
            ("attn_k", k),
            ("attn_v", v),
            ("attn_output", w[here + "out.weight"]),
            ("ffn_norm", w[here + "ffn_norm.weight"]),
            ("ffn_gate", gate),
            ("ffn_up", up),
            ("ffn_down", w[here + "down.weight"]),
        ):
            add(f"blk.{i}.{tensor}.weight", value)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _write_tokenizer(writer: gguf.GGUFWriter, tokenizer_json: dict[str, Any]) -> None:
    import gguf

    vocabulary = tokenizer_json["model"]["vocab"]
    tokens = [""] * len(vocabulary)
    for token, index in vocabulary.items():
        tokens[index] = token
    control, normal = gguf.TokenType.CONTROL, gguf.TokenType.NORMAL
    merges = [m if isinstance(m, str) else " ".join(m) for m in tokenizer_json["model"]["merges"]]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(PRE)
    writer.add_token_list(tokens)
    writer.add_token_types([control if i < len(SPECIAL) else normal for i in range(len(tokens))])
    writer.add_token_merges(merges)
    writer.add_bos_token_id(ASK)
    writer.add_eos_token_id(END)
    writer.add_pad_token_id(PAD)
    writer.add_add_bos_token(False)
    writer.add_add_eos_token(False)
