"""What stands on the page: figures, tables of text, sentences."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from importlib.metadata import version
from typing import Any

from kerasemble.evaluation.analysis import Analysis, Diversity, Staged
from kerasemble.evaluation.report import Difference, Report, Score
from kerasemble.evaluation.significance import Interval
from kerasemble.evaluation.verdict import sentences_of
from kerasemble.render.html import figures
from kerasemble.render.html.pictures import pictures_of
from kerasemble.render.html.trial import trial_of

# So much of a table can be looked at; the whole is in the numbers to download.
_MOST_CLASSES, _MOST_MEMBERS, _FEW_MEMBERS, _FEW_ROWS = 16, 24, 12, 12
# Sizes of prediction sets that have a row of their own.
_MOST_SIZES = 10
# So many letters stand above the columns of a table of pairs; where names are longer, numbers stand for them.
_LETTERS = 72
# So many letters of a name stand in a table.
_LONGEST = 48
# Of the metrics, those that are better where they are lower.
_LOSSES = {"log loss", "brier", "ECE", "classwise ECE"}


def content_of(report: Report, images: Any = None) -> dict[str, Any]:  # noqa: ANN401 - whatever has rows
    """Return all that the template fills in."""
    analysis = report.analysis
    return {
        "report": report,
        "version": version("kerasemble"),
        "facts": _facts(report),
        "headline": _headline(report),
        "scores": _scores(report),
        "scale": figures.scale(_limits(report)),
        "losses": _LOSSES,
        "metrics": list(dict.fromkeys(name for score in report.scores for name in score.metrics)),
        "analysis": analysis,
        "stages": () if analysis is None else analysis.staged,
        "final": _final(report),
        "of": lambda staged: "" if staged.combiner == report.chosen.name else f" of {staged.combiner}",
        "set_sizes": _set_sizes,
        "covered": _covered,
        "figures": _figures(analysis),
        "confusion": None if analysis is None else _confusion(analysis),
        "diversity": [] if analysis is None or analysis.diversity is None else _diversity(analysis.diversity),
        "differences": _differences(report),
        "front": [] if analysis is None else [each for each in analysis.subsets if each.on_front],
        "doubtful": [] if analysis is None else _doubtful(report, analysis, images),
        "slices": [] if analysis is None else _slices(analysis),
        "trial": trial_of(report),
        "weights": _weights(report),
        "number": _number,
        "short": partial(figures.short, longest=_LONGEST),
        "signed": _signed,
        "span": _span,
    }


def _number(value: float | None) -> str:
    """Return a figure as it stands in a table."""
    if value is None or value != value:  # noqa: PLR0124 - NaN alone is not itself
        return "-"
    return f"{value:.4f}"


def _signed(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:+.4f}"


def _span(value: Interval) -> str:
    return "-" if math.isnan(value.low) else f"{value.low:+.4f} to {value.high:+.4f}"


def _facts(report: Report) -> list[tuple[str, str]]:
    members = sum(score.kind == "member" for score in report.scores)
    times = f", {report.repeats} times" if report.repeats > 1 else ""
    facts = [("rows", f"{report.samples:,}"), ("members", str(members))]
    if report.folds > 1:
        facts.append(("folds", f"{report.folds}{times}"))
    if report.groups is not None:
        facts.append(("groups", f"{report.groups:,}"))
    chosen, measure = report.chosen, report.measure
    choice = [score for score in report.scores if score.kind == "choice"]
    rows = dict.fromkeys(score.name for score in (chosen, *choice, report.baseline))
    losses = [(f"{measure}, {name}", f"{report[name].loss(measure):.4f}") for name in rows]
    return [*losses, (f"accuracy, {chosen.name}", f"{100 * chosen.accuracy:.2f} %"), *facts]


def _headline(report: Report) -> tuple[str, str]:
    """Return the first sentence of the verdict, which says what to do, and the others."""
    first = "" if report.decision is None else sentences_of(report.decision)[0]
    if not first or not report.verdict.startswith(first):
        return report.verdict, ""
    return first, report.verdict[len(first) :].strip()


def _limits(report: Report) -> tuple[float, float]:
    """Return the ends of the scale on which all gains are drawn."""
    ends = [end for score in report.scores for end in score.gain if not math.isnan(end)]
    # One member that is far off would leave no room for the others.
    gains = sorted(abs(score.gain.mean) for score in report.scores if not math.isnan(score.gain.mean))
    of_choice = [score.gain for score in report.scores if score.kind == "choice"] or [report.chosen.gain]
    certain = [abs(end) for gain in of_choice for end in gain if not math.isnan(end)]
    reach = max(4 * gains[len(gains) // 2] if gains else 0.0, *certain, 1e-6)
    low, high = max(min(ends, default=0.0), -reach), min(max(ends, default=0.0), reach)
    pad = 0.05 * (high - low) or 1.0
    return min(low, 0.0) - pad, max(high, 0.0) + pad


def _scores(report: Report) -> list[dict[str, Any]]:
    """Return a row for each score, with its interval drawn on one scale, and in which metrics none is better."""
    limits, texts = _limits(report), report.rows()[1:]
    best: dict[str, float] = {}
    for score in report.scores:
        for name, value in score.metrics.items():
            better = min if name in _LOSSES else max
            best[name] = better(best.get(name, value), value)
    return [
        {
            "score": score,
            "gain": text[-2],
            "interval": text[-1],
            "is_chosen": score == report.chosen,
            "best": {name for name, value in score.metrics.items() if value == best[name]},
            "svg": _drawn(score, limits, index),
        }
        for index, (score, text) in enumerate(zip(report.scores, texts, strict=True))
    ]


def _drawn(score: Score, limits: tuple[float, float], index: int) -> str:
    """Return the interval as a figure, its mean alone where it has no ends, nothing where there is no gain."""
    gain = score.gain
    if math.isnan(gain.mean):
        return ""
    interval = "without an interval" if math.isnan(gain.low) else f"95 % interval {_span(gain)}"
    label = f"Gain of {score.name}: {gain.mean:+.4f}, {interval}"
    return figures.interval(gain, limits, label, f"gain{index}")


def _differences(report: Report) -> list[Difference]:
    """Return the differences to show: of combiners all, and of members those in what is compared by."""
    combiners = {score.name for score in report.scores if score.kind == "combiner"}
    by = "accuracy" if report.measure == "error rate" else report.measure
    return [each for each in report.differences if each.name in combiners or each.metric == by]


def _figures(analysis: Analysis | None) -> dict[str, str]:
    """Return each figure as SVG, empty where there is nothing to draw."""
    if analysis is None:
        return dict.fromkeys(("reliability", "risk", "contributions", "cost"), "")
    drawn: dict[str, tuple[Sequence[Any], Callable[[], str]]] = {
        "reliability": (analysis.calibration, lambda: figures.reliability(analysis.calibration)),
        "risk": (analysis.risk_coverage, lambda: figures.risk_coverage(analysis.risk_coverage)),
        "contributions": (analysis.contributions, lambda: figures.contributions(analysis.contributions)),
        "cost": (analysis.subsets, lambda: figures.cost_against_score(analysis.subsets, analysis.cost_unit)),
    }
    return {name: draw() if there else "" for name, (there, draw) in drawn.items()}


def _final(report: Report) -> str:
    """Return the name of what is used in the end: what is chosen, or that as a stage calibrates it."""
    stages = () if report.analysis is None else report.analysis.staged
    return next((each.calibrated for each in stages if each.calibrated is not None), report.chosen.name)


def _set_sizes(staged: Staged) -> list[tuple[str, float]]:
    """Return the share of prediction sets of each size that occurs, of large ones together."""
    shares = () if staged.sets is None else staged.sets.shares
    sizes = [(str(size), share) for size, share in enumerate(shares[:_MOST_SIZES]) if share]
    more = sum(shares[_MOST_SIZES:])
    return [*sizes, (f"{_MOST_SIZES} or more", more)] if more else sizes


def _covered(staged: Staged) -> list[dict[str, Any]]:
    """Return tables of how often sets hold the true class, by class and by group, the least often first."""
    if staged.sets is None:
        return []
    parts = (("by class", "true class", staged.sets.of_classes), ("by group", "group", staged.sets.of_groups))
    return [
        {"title": title, "of": of, "rows": sorted(covered, key=lambda each: each.held)}
        for title, of, covered in parts
        if covered
    ]


def _confusion(analysis: Analysis) -> dict[str, Any]:
    """Return the confusion matrix; of many classes those with the most errors."""
    table = analysis.confusion
    count = len(analysis.classes)
    errors = [sum(table[i]) + sum(row[i] for row in table) - 2 * table[i][i] for i in range(count)]
    kept = sorted(sorted(range(count), key=lambda index: -errors[index])[:_MOST_CLASSES])
    shares = [[each / max(1.0, sum(row)) for each in row] for row in table]
    # Errors are few beside what is right, so they have a scale of their own.
    most = max((shares[i][j] for i in kept for j in kept if i != j), default=0.0) or 1.0
    rows = [
        {
            "name": analysis.classes[i],
            "cells": [
                {
                    "text": int(table[i][j]) or "",
                    "share": shares[i][j] if i == j else shares[i][j] / most,
                    "low": i != j,
                }
                for j in kept
            ],
            "others": int(sum(table[i]) - sum(table[i][j] for j in kept)),
        }
        for i in kept
    ]
    names = [analysis.classes[index] for index in kept]
    return {"names": names, "rows": rows, "all": len(kept) == count, "numbered": _are_long(names)}


def _are_long(names: Sequence[str]) -> bool:
    """Return whether names are too long to stand above columns."""
    return len(names) * max(map(len, names)) > _LETTERS


def _diversity(found: Diversity) -> list[dict[str, Any]]:
    """Return tables of pairs, each value with how strong its colour is."""
    unlike = "Share of rows on which the two give different answers. The higher it is, the more a combination can gain."
    yule = (
        "1 if the two are right on the same rows, 0 if they are independent, below zero if one is right where the "
        "other errs."
    )
    both = "Share of rows on which both are wrong."
    together = "1 if the two err on the same rows, 0 if they err independently."
    kinds = (
        ("Disagreement", unlike, found.disagreement),
        ("Q statistic", yule, found.q_statistic),
        ("Double fault", both, found.double_fault),
        ("Correlation of errors", together, found.correlation),
    )
    names = found.members[:_MOST_MEMBERS]
    tables = []
    for title, said, values in kinds if len(found.members) <= _FEW_MEMBERS else kinds[:1]:
        off = [abs(values[i][j] or 0.0) for i in range(len(names)) for j in range(len(names)) if i != j]
        most = max(off, default=0.0) or 1.0
        rows = [
            {"name": name, "cells": [None if i == j else _shade(values[i][j], most) for j in range(len(names))]}
            for i, name in enumerate(names)
        ]
        less = ""
        if len(names) < len(found.members):
            less = f" The first {len(names)} of {len(found.members)} members; all are in the numbers to download."
        tables.append({"title": title, "said": said + less, "names": names, "rows": rows, "numbered": _are_long(names)})
    return tables


def _shade(value: float | None, most: float) -> dict[str, Any] | None:
    """Return a value with how strong its colour is."""
    return None if value is None else {"text": f"{value:.2f}", "share": abs(value) / most, "low": value < 0}


def _doubtful(report: Report, analysis: Analysis, images: Any) -> list[dict[str, Any]]:  # noqa: ANN401 - rows
    if analysis.uncertainty is None:
        return []
    members = [score.name for score in report.scores if score.kind == "member"]
    rows = analysis.uncertainty.doubtful[: _FEW_ROWS if len(members) > _FEW_MEMBERS else None]
    pictures = pictures_of(images, [each.row for each in rows])
    return [
        {
            "row": each,
            "picture": picture,
            "votes": list(zip(members, each.answers, each.probabilities, strict=True)),
            "counts": Counter(each.answers).most_common(),
            "right": each.answer == each.label,
        }
        for each, picture in zip(rows, pictures, strict=True)
    ]


def _slices(analysis: Analysis) -> list[dict[str, Any]]:
    titles = {"class": "By true class", "group": "By group", "confidence": "By how sure the answer is"}
    found = [
        {"title": title, "rows": [each for each in analysis.slices if each.kind == kind]}
        for kind, title in titles.items()
    ]
    return [each for each in found if each["rows"]]


def _weights(report: Report) -> list[tuple[str, float, float]]:
    """Return members, their weights, and how long a bar is for each."""
    if not report.weights:
        return []
    most = max(abs(weight) for weight in report.weights.values()) or 1.0
    ordered = sorted(report.weights.items(), key=lambda item: -item[1])
    return [(name, weight, abs(weight) / most) for name, weight in ordered]
