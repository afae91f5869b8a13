"""A miner's best attempt to tell tests from customers: naive Bayes on words, then logistic regression on it
all."""

from __future__ import annotations

import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

BUCKETS = 2048


@dataclass(frozen=True)
class Sight:
    """All that a miner sees of one order, and when it came (seconds)."""

    time: float
    text: str
    numbers: tuple[float, ...]


def features(sights: Sequence[Sight]) -> tuple[Any, Any]:
    """Hashed counts of words, word pairs and letter trigrams; and numbers: sizes, times, gaps, what else is
    seen."""
    counts = np.zeros((len(sights), BUCKETS))
    rows = []
    before = 0.0
    for i, sight in enumerate(sights):
        words = re.findall(r"\w+|[^\w\s]", sight.text.lower())
        grams = words + [" ".join(pair) for pair in pairwise(words)]
        grams += [sight.text[k : k + 3] for k in range(len(sight.text) - 2)]
        for gram in grams:
            counts[i, zlib.crc32(gram.encode()) % BUCKETS] += 1
        gap, day = sight.time - before, sight.time % 86_400
        before = sight.time
        shape = (len(sight.text), len(words), sight.time % 60)
        hours = (np.log1p(gap), np.sin(day / 13_751), np.cos(day / 13_751))
        rows.append([*shape, *hours, *sight.numbers])
    return counts, np.array(rows, dtype=float)


def _bayes(counts: Any, labels: Any) -> Any:
    ones, zeros = counts[labels == 1].sum(0) + 0.5, counts[labels == 0].sum(0) + 0.5
    return np.log(ones / ones.sum()) - np.log(zeros / zeros.sum())


def _logistic(rows: Any, labels: Any, steps: int = 400, pull: float = 1e-3) -> Any:
    weights = np.zeros(rows.shape[1])
    for _ in range(steps):
        guess = 1 / (1 + np.exp(-rows @ weights))
        weights -= 0.5 * (rows.T @ (guess - labels) / len(labels) + pull * weights)
    return weights


def area(scores: Any, labels: Any) -> float:
    """Area under the ROC curve: how often a test scores above a customer, ties half."""
    order = np.argsort(scores, kind="stable")
    ranks = np.empty(len(scores))
    sorted_scores = scores[order]
    start = 0
    for end in range(1, len(scores) + 1):
        if end == len(scores) or sorted_scores[end] != sorted_scores[start]:
            ranks[order[start:end]] = (start + end + 1) / 2
            start = end
    positive = int(labels.sum())
    negative = len(labels) - positive
    return float((ranks[labels == 1].sum() - positive * (positive + 1) / 2) / (positive * negative))


def discriminate(sights: Sequence[Sight], labels: Sequence[int], folds: int = 4, seed: int = 1) -> float:
    """The area under the curve of a discriminator on sights that it was not trained on."""
    truth = np.array(labels, dtype=float)
    counts, numbers = features(sights)
    rng = np.random.default_rng(seed)
    fold = rng.permutation(len(truth)) % folds
    scores = np.zeros(len(truth))
    for part in range(folds):
        train, test = fold != part, fold == part
        inner = rng.random(len(truth)) < 0.5
        first, second = train & inner, train & ~inner
        odds = _bayes(counts[first], truth[first])
        told = counts @ odds / np.sqrt(counts.sum(1) + 1)
        rows = np.column_stack([told, numbers])
        mean, spread = rows[second].mean(0), rows[second].std(0) + 1e-9
        rows = np.column_stack([np.ones(len(truth)), (rows - mean) / spread])
        scores[test] = rows[test] @ _logistic(rows[second], truth[second])
    return area(scores, truth)
