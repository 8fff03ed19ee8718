"""How well the best match of classes and columns explains the labels for networks that were never trained.

What such networks reach says nothing of an order of classes: `kerasemble.evaluation.class_order` asks for more.
`detection.py` adds the table to its own; `python benchmarks/untrained.py` prints it.
"""

from __future__ import annotations

from collections.abc import Iterator

import doubtful
import numpy as np
from scipy.optimize import linear_sum_assignment

from kerasemble.evaluation.class_order import least_accuracy

UNITS = {"logistic": (), "mlp": (64,), "deep mlp": (128, 64)}
SCALES = ((1, 0), (2, -1), (255, 0))  # 0..1, -1..1, 0..255
FEW, MANY = (2, 3, 4, 5, 7, 10), (20, 50, 100)
REPEATS = 30


def networks(x: np.ndarray, columns: int, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """Yield the columns that networks with random weights (Glorot's) name for flat images in 0..1."""
    for units in UNITS.values():
        for scale, offset in SCALES:
            hidden = scale * x + offset
            for size in units:
                hidden = np.maximum(_dense(hidden, size, rng), 0)
            yield _dense(hidden, columns, rng).argmax(axis=1)


def _dense(x: np.ndarray, size: int, rng: np.random.Generator) -> np.ndarray:
    limit = np.sqrt(6 / (x.shape[1] + size))
    return x @ rng.uniform(-limit, limit, (x.shape[1], size))


def clusters(x: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """Return the nearest of so many means (8 steps of k-means): labels for more classes than there are."""
    centers = x[rng.choice(len(x), count, replace=False)]
    labels = np.zeros(len(x), dtype=np.int64)
    for _ in range(8):
        labels = ((centers**2).sum(axis=1) - 2 * x @ centers.T).argmin(axis=1)
        centers = np.stack([x[labels == i].mean(axis=0) if (labels == i).any() else centers[i] for i in range(count)])
    return labels


def held_out(named: np.ndarray, labels: np.ndarray, classes: int, rng: np.random.Generator) -> float:
    """Return the balanced accuracy in one half of the rows of the match that is best in the other, the mean of both."""
    half = rng.permutation(len(labels)) % 2
    tables = []
    for side in (0, 1):
        table = np.zeros((classes, classes))
        np.add.at(table, (labels[half == side], named[half == side]), 1)
        tables.append(table / np.maximum(table.sum(axis=1, keepdims=True), 1))
    scores = []
    for mine, other in (tables, tables[::-1]):
        rows, columns = linear_sum_assignment(mine, maximize=True)
        scores.append(other[rows, columns][other.any(axis=1)].mean())
    return float(np.mean(scores))


def quantiles(only: list[str]) -> dict[int, dict[str, float]]:
    """Return by number of classes and data set what one network of a hundred exceeds."""
    found: dict[int, dict[str, float]] = {}
    for name in only:
        data = doubtful.DATA[name]()
        low, high = data.range
        x = (data.x_unseen.reshape(len(data.x_unseen), -1) - low) / (high - low)
        rng = np.random.default_rng(0)
        for classes in (*FEW, *MANY) if data.classes == 10 else (2,):
            scores = []
            for _ in range(REPEATS if classes in FEW else REPEATS // 5):
                if classes in MANY:
                    rows, labels = np.arange(len(x)), clusters(x, classes, rng)
                else:
                    chosen = rng.permutation(data.classes)[:classes]
                    rows = np.flatnonzero(np.isin(data.y_unseen, chosen))
                    labels = np.argsort(chosen)[np.searchsorted(np.sort(chosen), data.y_unseen[rows])]
                scores += [held_out(named, labels, classes, rng) for named in networks(x[rows], classes, rng)]
            found.setdefault(classes, {})[name] = float(np.quantile(scores, 0.99))
    return found


def table(found: dict[int, dict[str, float]]) -> str:
    """Return the quantiles beside what is asked of an order."""
    names = list(dict.fromkeys(name for row in found.values() for name in row))
    lines = [
        "What one network of a hundred that was never trained exceeds by the best match (balanced accuracy), by the",
        "number of classes; more than ten are clusters of the images. Below *asked* no order is proposed.\n",
        f"| classes | {' | '.join(names)} | asked |",
        f"|{' --- |' * (2 + len(names))}",
    ]
    for classes, row in sorted(found.items()):
        cells = [f"{row[name]:.2f}" if name in row else "" for name in names]
        lines.append(f"| {classes} | {' | '.join(cells)} | {least_accuracy(classes):.2f} |")
    return "\n".join([*lines, ""])


if __name__ == "__main__":
    print(table(quantiles(list(doubtful.DATA))))
