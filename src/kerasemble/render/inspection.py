"""What inspections of files found, in the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from kerasemble.core.arrays import first
from kerasemble.members.inspection.record import Inspection, Port

_FORMATS = {
    "keras": ".keras archive",
    "h5": "HDF5 (.h5)",
    "folder": "unzipped .keras",
    "json": "weights, JSON architecture",
    "weights": "weights",
    "saved_model": "SavedModel",
}
_UNKNOWN = "-"


def render_inspections(found: Sequence[Inspection]) -> RenderableType:
    """Return one file as a block; of several a table, and below it what is to be said of each."""
    if len(found) == 1:
        return _block(found[0])
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    # What fits 80 characters; the layers, the size and the data types are in the block of one file.
    for title in ("File", "Format", "Parameters", "Input", "Output", "SHA-256", "Safe"):
        right = title == "Parameters"
        table.add_column(title, justify="right" if right else "left", no_wrap=title != "File", overflow="fold")
    names = [Path(each.path).name for each in found]
    short = len(set(names)) == len(names)
    for each in found:
        values = (
            " ".join(part for part in (each.format, each.keras_version) if part) or _UNKNOWN,
            _number(each.parameters),
            _ports(each.inputs, dtypes=False),
            _ports(each.outputs, dtypes=False),
            (each.sha256 or _UNKNOWN)[:8],
        )
        name = Path(each.path).name if short else each.path
        table.add_row(Text(name), *(Text(plain(value)) for value in values), _verdict(each))
    notes = [Text.assemble((each.path, "bold"), " ", line) for each in found for line in _said(each)]
    return Group(table, *notes)


def _block(found: Inspection) -> RenderableType:
    """Return all that is known of one file, a line each, and what is to be said of it."""
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    table.add_row("File", Text(found.path))
    for name, value in _facts(found).items():
        if value != _UNKNOWN:
            table.add_row(name, Text(plain(value)))
    table.add_row("Safe", _verdict(found))
    return Group(table, *(Text.assemble(line) for line in _said(found)))


def _facts(found: Inspection) -> dict[str, str]:
    classes = None if found.classes is None else f"{len(found.classes)}: {first(found.classes, 10)}"
    return {
        "Format": _FORMATS.get(found.format or "", _UNKNOWN),
        "Keras": found.keras_version or _UNKNOWN,
        "Layers": _number(found.layers),
        "Parameters": _number(found.parameters),
        "Input": _ports(found.inputs),
        "Output": _ports(found.outputs),
        "Classes": classes or _UNKNOWN,
        "Size": _bytes(found.size),
        "SHA-256": found.sha256 or _UNKNOWN,
    }


def _said(found: Inspection) -> list[Text]:
    """Return why a file is refused, what was mended or vouched for, and what is odd."""
    lines = [] if found.reason is None else [Text.assemble(("refused ", "bold red"), plain(found.reason))]
    if found.mended:
        lines.append(Text.assemble(("mended ", "bold cyan"), plain("; ".join(found.mended)), "."))
    if found.vouched:
        lines.append(
            Text.assemble(("accepted ", "bold yellow"), "because you vouch for it: ", plain(", ".join(found.vouched)))
        )
    return lines + [Text.assemble(("odd ", "bold yellow"), plain(warning)) for warning in found.warnings]


def _verdict(found: Inspection) -> Text:
    return Text("yes", style="bold green") if found.safe else Text("no", style="bold red")


def _ports(ports: Sequence[Port], *, dtypes: bool = True) -> str:
    shown = []
    for port in ports[:3]:
        shape = "?" if port.shape is None else "x".join("any" if size is None else str(size) for size in port.shape[1:])
        shown.append(
            " ".join(part for part in (shape or "one number", port.dtype if dtypes else None, port.activation) if part)
        )
    more = [f"and {len(ports) - 3} more"] if len(ports) > 3 else []
    return "; ".join([*shown, *more]) or _UNKNOWN


def _number(count: int | None) -> str:
    return _UNKNOWN if count is None else f"{count:,}"


def _bytes(size: int | None) -> str:
    if size is None:
        return _UNKNOWN
    steps = [(1e9, "GB"), (1e6, "MB"), (1e3, "kB")]
    return next((f"{size / step:.1f} {unit}" for step, unit in steps if size >= step), f"{size} bytes")


def plain(text: str) -> str:
    """Return a text from a file with nothing in it that a terminal would obey."""
    return "".join(each if each.isprintable() else repr(each)[1:-1] for each in text)
