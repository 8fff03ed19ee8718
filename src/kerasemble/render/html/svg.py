"""Figures as SVG that takes its colours and its font from the page."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

# Matplotlib is given these, and the page has a variable for each, which differs between light and dark.
INK, MUTED, GRID, FIRST, SECOND, THIRD = "#101112", "#818283", "#d1d2d3", "#0072b2", "#d55e00", "#009e73"
_VARIABLES = {
    INK: "var(--ink)",
    MUTED: "var(--muted)",
    GRID: "var(--line)",
    FIRST: "var(--first)",
    SECOND: "var(--second)",
    THIRD: "var(--third)",
}
SERIES = (FIRST, SECOND, THIRD)
_SETTINGS: dict[Any, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "kerasemble",
    # A name may hold dollar signs.
    "text.parse_math": False,
    "font.size": 10,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": MUTED,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.grid": True,
    "grid.color": GRID,
    "grid.linewidth": 0.6,
    "xtick.color": INK,
    "ytick.color": INK,
    "legend.frameon": False,
    "lines.linewidth": 1.8,
}


@contextmanager
def drawing(width: float, height: float) -> Iterator[tuple[Any, Any]]:
    """Yield a figure of so many inches, and its axes, in the page's manner."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    with mpl.rc_context(_SETTINGS):
        figure = Figure(figsize=(width, height), layout="constrained")
        yield figure, figure.add_subplot()


def as_svg(figure: Any, label: str, prefix: str) -> str:  # noqa: ANN401 - a Matplotlib figure
    """Return a figure as an element of a page.

    Args:
        figure: of Matplotlib.
        label: what it shows, for who does not see it.
        prefix: of the ids in it, so that no two figures of a page share one.
    """
    import matplotlib as mpl
    from markupsafe import escape

    buffer = io.StringIO()
    with mpl.rc_context(_SETTINGS):
        figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    text = buffer.getvalue()
    text = re.sub(r"<metadata>.*?</metadata>", "", text[text.index("<svg") :], flags=re.DOTALL)
    for colour, variable in _VARIABLES.items():
        text = text.replace(colour, variable)
    text = re.sub(r"font: [^;\"]*?(\d+(?:\.\d+)?px)[^;\"]*", r"font-size: \1", text)
    text = re.sub(r'\bid="', f'id="{prefix}-', text)
    text = re.sub(r'(href="#|url\(#)', rf"\g<1>{prefix}-", text)
    text = re.sub(r"<style.*?</style>|<!--.*?-->", "", text, flags=re.DOTALL)
    text = re.sub(r"font-family: [^;\"]*;? ?", "", text)
    text = re.sub(r"; stroke-linejoin: \w+|; stroke-linecap: square", "", text)
    # The page scales it, and says what it shows.
    width = float(re.search(r'width="([\d.]+)pt"', text)[1])  # type: ignore[index]
    head = f'<svg role="img" aria-label="{escape(label)}" style="max-width:{width * 1.5:.0f}px" class="figure"'
    text = re.sub(r'<svg\b([^>]*?) width="[\d.]+pt"', r"<svg\1", text, count=1)
    text = re.sub(r'<svg\b([^>]*?) height="[\d.]+pt"', r"<svg\1", text, count=1)
    text = re.sub(r' xmlns(:xlink)?="[^"]*"', "", text)
    text = text.replace("xlink:href", "href")
    # A hundredth of a point is more than is seen.
    text = re.sub(r'="[^"]*"', lambda found: re.sub(r"(\d\.\d\d)\d+", r"\1", found[0]), text)
    return re.sub(r"\n\s*", "\n", text.replace("<svg", head, 1))
