"""The figures of a report, each as SVG."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from kerasemble.evaluation.analysis import Calibration, Contribution, RiskCoverage, Subset
from kerasemble.evaluation.budget import NO_UNIT
from kerasemble.evaluation.significance import Interval
from kerasemble.render.html.svg import FIRST, INK, MUTED, SECOND, SERIES, THIRD, as_svg, drawing

_LONGEST = 26
# Costs that differ by more than this are drawn on a logarithmic scale.
_WIDE = 20
# Marks by which series are told apart without colour.
_MARKS = ("o", "s", "^")


def short(name: str, longest: int = _LONGEST) -> str:
    """Return a name that fits, if need be without its middle: names of members often begin alike."""
    head = longest // 3
    return name if len(name) <= longest else f"{name[:head]}…{name[head + 1 - longest :]}"


def interval(value: Interval, limits: tuple[float, float], label: str, prefix: str) -> str:
    """Return one interval with zero marked, to stand in a row of a table."""
    with drawing(2.0, 0.26) as (figure, axes):
        figure.set_layout_engine("none")
        axes.set_position((0, 0, 1, 1))
        axes.set_axis_off()
        axes.set_xlim(*limits)
        axes.set_ylim(-1, 1)
        axes.axvline(0, color=MUTED, linewidth=1)
        colour = FIRST if value.low > 0 else SECOND if value.high < 0 else MUTED
        if not math.isnan(value.low):
            axes.plot([value.low, value.high], [0, 0], color=colour, linewidth=2.5, solid_capstyle="round")
        axes.plot([value.mean], [0], marker="o", markersize=6, color=colour, linestyle="none")
        # What goes on beyond the edge ends in an arrow.
        edge = 0.02 * (limits[1] - limits[0])
        for beyond, place, mark in (
            (value.low < limits[0], limits[0] + edge, "<"),
            (value.high > limits[1], limits[1] - edge, ">"),
        ):
            if beyond:
                axes.plot([place], [0], marker=mark, markersize=6, color=colour, linestyle="none")
        return as_svg(figure, label, prefix)


def scale(limits: tuple[float, float]) -> str:
    """Return the scale of `interval`, to stand above a column of them."""
    from matplotlib.ticker import MaxNLocator

    with drawing(2.0, 0.26) as (figure, axes):
        figure.set_layout_engine("none")
        axes.set_position((0, 0, 1, 0.22))
        axes.set_xlim(*limits)
        axes.grid(visible=False)
        axes.spines["left"].set_visible(False)
        # A label at the edge would be cut.
        pad = 0.1 * (limits[1] - limits[0])
        ticks = np.round(MaxNLocator(5).tick_values(*limits), 12)
        places = [each for each in ticks if limits[0] + pad < each < limits[1] - pad or each == 0]
        axes.set_xticks(places, [f"{each:+g}" if each else "0" for each in places])
        axes.set_yticks([])
        axes.tick_params(axis="x", bottom=False, top=True, labelbottom=False, labeltop=True, pad=1, length=3)
        axes.tick_params(axis="x", labelcolor=MUTED, color=MUTED)
        said = f"Scale of the gains, from {limits[0]:.3g} to {limits[1]:.3g}"
        return as_svg(figure, said, "scale")


def reliability(curves: Sequence[Calibration]) -> str:
    """Return how often answers of some confidence are right."""
    with drawing(4.4, 3.9) as (figure, axes):
        axes.plot([0, 1], [0, 1], color=MUTED, linewidth=1, linestyle="--", label="perfectly calibrated")
        for curve, colour, mark in zip(curves, SERIES, _MARKS, strict=False):
            label = f"{short(curve.name)}: error {curve.error:.4f}"
            axes.plot(curve.confidence, curve.accuracy, color=colour, marker=mark, markersize=4.5, label=label)
        least = min((min(curve.confidence) for curve in curves), default=0.0)
        axes.set_xlim(max(0.0, least - 0.05), 1.01)
        axes.set_ylim(0, 1.02)
        axes.set_xlabel("confidence: probability of the answer")
        axes.set_ylabel("share of right answers")
        in_percent(axes.xaxis, axes.yaxis)
        figure.legend(loc="outside upper left")
        said = "; ".join(f"{curve.name}: calibration error {curve.error:.4f}" for curve in curves)
        return as_svg(figure, f"Reliability diagram. {said}.", "reliability")


def in_percent(*sides: Any) -> None:  # noqa: ANN401 - axes of Matplotlib
    """Label shares as percentages."""
    from matplotlib.ticker import PercentFormatter

    for side in sides:
        side.set_major_formatter(PercentFormatter(1.0))


def risk_coverage(curves: Sequence[RiskCoverage]) -> str:
    """Return what is wrong among the rows that are answered, the surest first."""
    with drawing(4.4, 3.9) as (figure, axes):
        for curve, colour, mark in zip(curves, SERIES, _MARKS, strict=False):
            shown = {"marker": mark, "markevery": 10, "markersize": 4.5, "color": colour}
            axes.plot(curve.coverage, curve.risk, label=f"{short(curve.name)}: area {curve.area:.4f}", **shown)
        axes.set_xlim(0, 1.01)
        axes.set_ylim(bottom=0)
        axes.set_xlabel("coverage: share of rows answered")
        axes.set_ylabel("risk: share of these answers that are wrong")
        in_percent(axes.xaxis, axes.yaxis)
        figure.legend(loc="outside upper left")
        said = "; ".join(f"{curve.name}: {curve.risk[-1]:.1%} wrong of all, area {curve.area:.4f}" for curve in curves)
        return as_svg(figure, f"Risk against coverage. {said}.", "risk")


def contributions(rows: Sequence[Contribution]) -> str:
    """Return what each member brings to the plain mean, the most first."""
    ordered = sorted(rows, key=lambda each: each.shapley)[-30:]
    with drawing(4.4, 0.7 + (0.3 if len(ordered) <= 12 else 0.2) * len(ordered)) as (figure, axes):
        places, values = np.arange(len(ordered)), [each.shapley for each in ordered]
        axes.barh(places, values, color=[FIRST if value >= 0 else SECOND for value in values], height=0.62)
        spread = [(each.shapley - each.low, each.high - each.shapley) for each in ordered]
        if any(high for _, high in spread):
            axes.errorbar(values, places, xerr=np.array(spread).T, color=INK, linestyle="none", linewidth=1)
        axes.axvline(0, color=MUTED, linewidth=1)
        axes.set_yticks(places, [short(each.member) for each in ordered])
        axes.set_ylim(-0.6, len(ordered) - 0.4)
        axes.locator_params(axis="x", nbins=5)
        axes.tick_params(axis="y", length=0, labelsize=10 if len(ordered) <= 12 else 9)
        axes.grid(visible=False, axis="y")
        axes.set_xlabel("by how much it lowers the log loss, nats")
        best, least = ordered[-1], ordered[0]
        said = f"{best.member} contributes the most, {best.shapley:.3f}; {least.member} the least, {least.shapley:.3f}"
        return as_svg(figure, f"Contributions of members. {said}.", "contributions")


def cost_against_score(subsets: Sequence[Subset], unit: str) -> str:
    """Return subsets of members by what they cost and how good their mean is, with the front."""
    front = [each for each in subsets if each.on_front]
    # What is far worse than the worst on the front says nothing, and would squeeze the rest.
    most = max(each.log_loss for each in front)
    others = [each for each in subsets if not each.on_front and each.log_loss <= most * 1.1]
    with drawing(4.4, 3.7) as (figure, axes):
        places = [each.cost for each in others], [each.log_loss for each in others]
        axes.scatter(*places, s=11, color=MUTED, alpha=0.55, linewidths=0, zorder=2)
        costs, losses = [each.cost for each in front], [each.log_loss for each in front]
        axes.step(costs, losses, where="post", color=FIRST, marker="o", markersize=5)
        for each in (front[0], front[-1]):
            names = short(each.members[0]) if len(each.members) == 1 else f"{len(each.members)} members"
            axes.annotate(names, (each.cost, each.log_loss), (4, 6), textcoords="offset points")
        axes.margins(x=0.12)
        if unit != "members" and min(costs) > 0 and max(each.cost for each in subsets) > _WIDE * min(costs):
            axes.set_xscale("log")
            axes.xaxis.set_major_formatter("{x:g}")
            axes.xaxis.set_minor_formatter("")
        axes.set_xlabel(
            f"cost{f', {unit}' if unit != NO_UNIT else ''}{' (logarithmic)' if axes.get_xscale() == 'log' else ''}"
        )
        axes.set_ylabel("log loss of the plain mean")
        said = f"from {losses[0]:.3f} at {costs[0]:.3g} to {losses[-1]:.3f} at {costs[-1]:.3g}"
        said += "" if unit == NO_UNIT else f" {unit}"
        return as_svg(figure, f"Cost against score. The front goes {said}.", "cost")


def live_reliability(bins: int) -> tuple[str, dict[str, float]]:
    """Return a reliability diagram whose marks the page's script moves, and where zero and one are in it."""
    with drawing(4.2, 3.2) as (figure, axes):
        figure.set_layout_engine("none")
        axes.set_position((0.18, 0.17, 0.77, 0.78))
        axes.plot([0, 1], [0, 1], color=MUTED, linewidth=1, linestyle="--")
        for index in range(bins):
            mark = {"marker": "o", "markersize": 6, "color": THIRD, "linestyle": "none", "clip_on": False}
            axes.plot([0], [0], gid=f"mark-{index}", **mark)
        axes.set_xlim(0, 1)
        axes.set_ylim(0, 1)
        axes.set_xlabel("confidence: probability of the answer")
        axes.set_ylabel("share of right answers")
        in_percent(axes.xaxis, axes.yaxis)
        label = "Reliability of the weighted combination on the sample; the numbers beside it say the same."
        text = as_svg(figure, label, "live")
        # SVG counts 72 points to the inch, whatever the figure's resolution.
        scale = 72 / figure.dpi
        (left, bottom), (right, top) = axes.transData.transform([(0, 0), (1, 1)]) * scale
        return text, {"width": float(right - left), "height": float(top - bottom)}
