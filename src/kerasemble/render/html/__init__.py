"""A report as one page that needs nothing else: no network, no server."""

from __future__ import annotations

import base64
import gzip
import json
import os
from importlib.resources import files
from pathlib import Path
from typing import Any

from kerasemble.core.codes import Code
from kerasemble.core.errors import KerasembleError
from kerasemble.core.files import atomic_target, check_suffix
from kerasemble.evaluation.report import Report


def write_report(report: Report, path: str | os.PathLike[str], *, images: Any = None, overwrite: bool = False) -> Path:  # noqa: ANN401 - whatever has rows
    """Write a report as one HTML page, whole or not at all, and return its path.

    The page needs no network and is read on any device, in the dark and on paper. Where the report has a sample of
    rows, members' weights can be tried out on it.

    Args:
        report: of `compare`, `evaluate`, or an ensemble.
        path: ends in .html.
        images: the data that the report is about, where its rows are images: (samples, height, width[, channels]), or
            anything that gives such a row by its position. Those that members disagree on are then shown.
        overwrite: replace the file if it exists.

    Raises:
        KerasembleError: the path does not end in .html, exists and `overwrite` is False, or cannot be written; or
            Jinja2 or Matplotlib is not installed.

    Example:
        >>> write_report(report, "report.html", images=x_valid)  # doctest: +SKIP
    """
    if not isinstance(report, Report):
        msg = f"A page is of a Report, as compare and evaluate return it. Received: {report!r:.80}."
        raise KerasembleError(msg, code=Code.OPTION)
    check_suffix(path, ".html", "A page is")
    check_installed()
    page = page_of(report, images)
    with atomic_target(path, overwrite=overwrite) as temporary:
        temporary.write_text(page, encoding="utf-8")
    return Path(path)


def check_installed() -> None:
    """Refuse to go on without what draws pages.

    Raises:
        KerasembleError: it is not installed.
    """
    try:
        import jinja2  # noqa: F401 - whether it is there
        import matplotlib as mpl  # noqa: F401 - likewise
    except ImportError as error:
        msg = f"A report as a page needs Jinja2 and Matplotlib ({error}). Run: pip install 'kerasemble[report]'."
        raise KerasembleError(msg) from error


def page_of(report: Report, images: Any = None) -> str:  # noqa: ANN401 - whatever has rows
    """Return the page as text."""
    import jinja2

    from kerasemble.render.html.content import content_of

    folder = files(__name__)
    environment = jinja2.Environment(
        autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined
    )
    content = json.dumps(_rounded(report.to_json()), separators=(",", ":"), allow_nan=False).encode()
    # Without the time, so that the same report is the same page.
    numbers = gzip.compress(content, mtime=0)
    return environment.from_string((folder / "report.html.j2").read_text("utf-8")).render(
        **content_of(report, images),
        style=(folder / "report.css").read_text("utf-8"),
        script=(folder / "report.js").read_text("utf-8"),
        numbers=base64.b64encode(numbers).decode(),
    )


def _rounded(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    """Return numbers with six digits, which is what they are good for, so that the page stays small."""
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_rounded(item) for item in value]
    return float(f"{value:.6g}") if isinstance(value, float) else value
