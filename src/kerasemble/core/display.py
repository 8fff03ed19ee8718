"""How things show themselves in a notebook: a title, a table, sentences, in the notebook's own colours."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

_BOLD = "font-weight:600"


def as_html(
    title: str, rows: Sequence[Sequence[str]] = (), notes: Sequence[str] = (), *, bold: int | None = None
) -> str:
    """Return a title, a table with its heading in the first row, and sentences, as HTML that holds no script.

    Args:
        title: what is shown.
        rows: of the table; the first column is text, the others are figures.
        notes: sentences below.
        bold: the row that stands out, from 0 below the heading.

    Example:
        >>> as_html("a <b>", notes=["said"])
        '<div><div style="font-weight:600">a &lt;b&gt;</div><div>said</div></div>'
    """
    head = f'<div style="{_BOLD}">{escape(title)}</div>'
    table = ""
    if rows:
        heading = "".join(_cell("th", text, column) for column, text in enumerate(rows[0]))
        body = "".join(
            f"<tr{f' style={chr(34)}{_BOLD}{chr(34)}' if index == bold else ''}>"
            f"{''.join(_cell('td', text, column) for column, text in enumerate(row))}</tr>"
            for index, row in enumerate(rows[1:])
        )
        table = f"<table><thead><tr>{heading}</tr></thead><tbody>{body}</tbody></table>"
    said = "".join(
        f'<div style="white-space:pre-line">{escape(note)}</div>' if "\n" in note else f"<div>{escape(note)}</div>"
        for note in notes
    )
    return f"<div>{head}{table}{said}</div>"


def _cell(tag: str, text: str, column: int) -> str:
    return f'<{tag} style="text-align:{"right" if column else "left"}">{escape(text)}</{tag}>'
