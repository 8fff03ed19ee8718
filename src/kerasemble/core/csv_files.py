"""CSV files of predictions and labels, read without a library of tables."""

from __future__ import annotations

import csv
import itertools
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, TextIO

import numpy as np
import numpy.typing as npt

from kerasemble.core.codes import Code
from kerasemble.core.errors import KerasembleError

# A field in quotes, in which a quote is doubled, or one without.
_FIELD = re.compile(r'("(?:[^"]|"")*"|[^,\r\n]*)(,|\r?\n|\r|$)')
# Characters in which the first two rows lie.
_BEGINNING = 2**16


class Columns(NamedTuple):
    """The columns of a CSV file.

    Args:
        names: of the columns; None where the first line holds values.
        values: (columns, rows) as text.
        quoted: whether each column is text by its quotes.
    """

    names: tuple[str, ...] | None
    values: tuple[tuple[str, ...], ...]
    quoted: tuple[bool, ...]

    def position(self, name: str, path: Path) -> int:
        """Return which column has a name.

        Raises:
            KerasembleError: none has it, or several do.
        """
        if self.names is None or self.names.count(name) != 1:
            listed = ", ".join(self.names) if self.names else "no header"
            msg = f"{path} has no column '{name}', or has it twice. Its first line: {listed}. Give the name of one."
            raise KerasembleError(msg, code=Code.NO_COLUMN)
        return self.names.index(name)

    def id_position(self, name: str | None, path: Path) -> int | None:
        """Return which column names the rows: the one of that name, else the first if it looks so; None for none.

        Raises:
            KerasembleError: there is no column of that name.
        """
        if name is not None:
            return self.position(name, path)
        if len(self.values) == 1:
            return None
        called = "" if self.names is None else self.names[0]
        by_name = self.names is not None and (called in ("", "id", "ID", "Id") or called.endswith(("_id", "Id", "ID")))
        return 0 if by_name or any(as_number(text) is None for text in self.values[0]) else None

    def numbers(self, position: int, path: Path) -> npt.NDArray[np.float64]:
        """Return the numbers of a column (rows,).

        Raises:
            KerasembleError: one of them is none; the message names the row.
        """
        found = np.empty(len(self.values[position]))
        for row, text in enumerate(self.values[position]):
            number = as_number(text)
            if number is None:
                where = f"row {row}, column '{self.names[position] if self.names else position}'"
                msg = f"{path}: {where} is no number. Give numbers, and name a column of row ids. Received: {text!r}."
                raise KerasembleError(msg, code=Code.NOT_A_NUMBER)
            found[row] = number
        return found


def read_columns(path: Path) -> Columns:
    """Return the columns of a CSV file.

    Raises:
        KerasembleError: it cannot be read, has no rows, or rows of different lengths.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            quoted = quoted_fields(file)
            file.seek(0)
            rows = [row for row in csv.reader(file) if row]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        said = getattr(error, "strerror", None) or str(error).splitlines()[0]
        msg = f"{path} cannot be read as CSV: {said}. Save it as UTF-8 with commas."
        raise KerasembleError(msg, code=Code.UNREADABLE) from error
    names = tuple(rows.pop(0)) if rows and _is_header(rows[0]) else None
    width = len(names) if names is not None else len(rows[0]) if rows else 0
    wrong = next((number for number, row in enumerate(rows) if len(row) != width), None)
    if not rows or wrong is not None:
        what = "no rows" if wrong is None else f"{len(rows[wrong])} values in row {wrong} and {width} in the first line"
        msg = f"{path} has {what}. Give one value for each column in each row."
        raise KerasembleError(msg, code=Code.UNREADABLE)
    return Columns(names, tuple(zip(*rows, strict=True)), quoted if len(quoted) == width else (False,) * width)


def quoted_fields(file: TextIO) -> tuple[bool, ...]:
    r"""Return of each field of the second line whether its quotes say that it is text.

    They say nothing where everything is in quotes, numbers included.

    Example:
        >>> import io
        >>> quoted_fields(io.StringIO('width,kind\n1.5,"10"\n'))
        (False, True)
    """
    lines: list[list[bool]] = [[]]
    for match in _FIELD.finditer(file.read(_BEGINNING)):
        lines[-1].append(match[1].startswith('"'))
        if match[2] != ",":
            if len(lines) == 2 or not match[2]:
                break
            lines.append([])
    fields = lines[1] if len(lines) > 1 else []
    return tuple(field and (len(fields) == 1 or not all(fields)) for field in fields)


def as_number(text: str) -> float | None:
    """Return the number that a text is, None where it is none."""
    try:
        return float(text)
    except ValueError:
        return None


def _is_header(line: Sequence[str]) -> bool:
    """Say whether a line holds names, which may be counted from 0, as tables without names of their own have it."""
    return any(as_number(field) is None for field in line) or list(line) == [str(place) for place in range(len(line))]


def labels_from(columns: Columns, position: int) -> npt.NDArray[np.generic]:
    """Return a column of labels (rows,): whole numbers, or text where some are not, or where quotes say so."""
    values = columns.values[position]
    whole = not columns.quoted[position] and all(text.strip().lstrip("+-").isdecimal() for text in values)
    return np.array([int(text) for text in values]) if whole else np.array(values, dtype=np.str_)


def places_of(ids: Sequence[str], wanted: Sequence[str], what: str, wanted_by: str) -> npt.NDArray[np.int64]:
    """Return where each of the wanted ids stands among `ids`.

    Raises:
        KerasembleError: ids are there twice, or are not those that are wanted.
    """
    for names, owner in ((ids, what), (wanted, wanted_by)):
        if len(set(names)) < len(names):
            twice = Counter(names).most_common(1)[0][0]
            msg = f"{owner} has the row id '{twice}' more than once. Give each row an id of its own."
            raise KerasembleError(msg, code=Code.IDS_DIFFER)
    if set(ids) != set(wanted):
        lacking, more = sorted(set(wanted) - set(ids)), sorted(set(ids) - set(wanted))
        said = ", ".join(itertools.islice((lacking or more), 5))
        owner, other = (what, wanted_by) if lacking else (wanted_by, what)
        count = len(lacking or more)
        msg = f"{count} of the row ids of {other} are missing from {owner}: {said}. Give files of the same rows."
        raise KerasembleError(msg, code=Code.IDS_DIFFER)
    places = {name: place for place, name in enumerate(ids)}
    return np.array([places[name] for name in wanted], dtype=np.int64)
