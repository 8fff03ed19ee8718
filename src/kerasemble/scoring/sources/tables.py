"""Tables: Parquet, of which any rows are read, and CSV, which is read from its beginning."""

from __future__ import annotations

import functools
import hashlib
import os
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, final

import numpy as np
import numpy.typing as npt

from kerasemble.core.csv_files import quoted_fields
from kerasemble.core.errors import KerasembleError
from kerasemble.scoring.sources.batches import Batch
from kerasemble.scoring.sources.columns import Chosen, choose, class_names, dtype_of, labels_of, rows_of
from kerasemble.scoring.sources.source import Source
from kerasemble.scoring.sources.stream import Stream
from kerasemble.scoring.sources.survey import Expected

SUFFIXES = (".csv", ".parquet")
# Two, since a batch of rows may lie in two.
_GROUPS_HELD = 2


@final
class Parquet(Source):
    """Rows of Parquet files, of which only the columns that are needed are read, a row group at a time."""

    def __init__(self, files: Sequence[Path], place: str, chosen: Chosen) -> None:
        """Read labels and ids.

        Raises:
            KerasembleError: files differ in their columns, lists in their lengths, or ids are there twice.
        """
        import pyarrow.parquet as pq

        self._paths, self._chosen = files, chosen
        self._files = [pq.ParquetFile(path, memory_map=True) for path in files]
        schema = self._files[0].schema_arrow
        self._check_alike(schema)
        self._groups = [(file, group) for file in self._files for group in range(file.num_row_groups)]
        sizes = [file.metadata.row_group(group).num_rows for file, group in self._groups]
        self._starts = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
        self._held: OrderedDict[int, npt.NDArray[Any]] = OrderedDict()
        # Set before the shape, which may be found in the first rows only.
        self._dtype = dtype_of(schema, chosen.features)
        total = int(self._starts[-1])
        row = self._group(int(np.flatnonzero(sizes)[0])).shape[1:] if total else (len(chosen.features),)
        y = None if chosen.label is None else labels_of(self._column(chosen.label), chosen.label, place)
        super().__init__(
            (total, *row),
            self._dtype,
            place=place,
            y=y,
            classes=class_names(y),
            ids=None if chosen.id is None else [str(name) for name in self._column(chosen.id).to_pylist()],
            columns=chosen.features,
        )

    @functools.cached_property
    def fingerprint(self) -> str:
        """SHA-256 of the files' own, in their order, and of the columns that are read."""
        with ThreadPoolExecutor() as pool:
            found = list(pool.map(_hash, self._paths))
        return hashlib.sha256(b"".join(found) + repr(self._chosen).encode()).hexdigest()

    def read(self, start: int, stop: int) -> npt.NDArray[Any]:
        """Return the rows from `start` up to `stop`."""
        found = np.empty((stop - start, *self.shape[1:]), self.dtype)
        at = start
        while at < stop:
            index = int(np.searchsorted(self._starts, at, side="right")) - 1
            offset = int(self._starts[index])
            group = self._group(index)
            if group.shape[1:] != self.shape[1:]:
                column = self._chosen.features[0]
                msg = f"Column '{column}' has lists of different lengths (row {offset}). Give all rows one length."
                raise KerasembleError(msg)
            part = group[at - offset : stop - offset]
            found[at - start : at - start + len(part)] = part
            at += len(part)
        return found

    def _group(self, index: int) -> npt.NDArray[Any]:
        held = self._held.get(index)
        if held is None:
            file, group = self._groups[index]
            needed = self._chosen._replace(label=None)
            table = file.read_row_group(group, columns=needed.every)
            held = rows_of(table, self._chosen, self._dtype, int(self._starts[index]))
            self._held[index] = held
            while len(self._held) > _GROUPS_HELD:
                self._held.popitem(last=False)
        return held

    def _column(self, name: str) -> Any:  # noqa: ANN401 - PyArrow is not typed
        import pyarrow as pa

        return pa.concat_tables([file.read(columns=[name]) for file in self._files]).column(name)

    def _check_alike(self, schema: Any) -> None:  # noqa: ANN401 - PyArrow is not typed
        for path, file in zip(self._paths, self._files, strict=True):
            for name in self._chosen.every:
                found = file.schema_arrow
                kind = found.field(name).type if name in found.names else "not there"
                if kind != schema.field(name).type:
                    msg = (
                        f"Column '{name}' is {kind} in {path}, and {schema.field(name).type} in {self._paths[0]}. "
                        "Give files with the same columns."
                    )
                    raise KerasembleError(msg)


def open_table(
    path: Path, *, label: str | None = None, features: Sequence[str] | None = None, ids: str | None = None
) -> Source:
    """Return the rows of a `.csv` or `.parquet` file, or of a folder of files of one of these kinds.

    Raises:
        KerasembleError: PyArrow is missing, a file cannot be read, or a column is not there or no number.
    """
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as error:
        msg = "Reading tables needs PyArrow. Run: pip install 'kerasemble[tables]'"
        raise KerasembleError(msg) from error
    files = _files_of(path)
    try:
        if files[0].suffix.lower() == ".parquet":
            chosen = choose(pq.read_schema(files[0]), str(path), features, label, ids)
            return Parquet(files, str(path), chosen)
        return _open_csv(files, str(path), features, label, ids)
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        msg = f"{path} cannot be read as a table: {str(error).splitlines()[0]}. Mend it, or save it as Parquet."
        raise KerasembleError(msg) from error


def table_files(folder: Path) -> list[Path]:
    """Return the tables in a folder, by name."""
    with os.scandir(folder) as found:
        names = [entry.name for entry in found if not entry.name.startswith(".") and entry.is_file()]
    return [folder / name for name in sorted(names) if name.lower().endswith(SUFFIXES)]


def _files_of(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    files = table_files(path)
    if len({file.suffix.lower() for file in files}) > 1:
        msg = f"{path} has both .csv and .parquet files. Give a folder with files of one kind."
        raise KerasembleError(msg)
    return files


def _hash(path: Path) -> bytes:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()


def _open_csv(
    files: list[Path], place: str, features: Sequence[str] | None, label: str | None, ids: str | None
) -> Stream:
    """Read numbers as the first rows show them; where later ones have fractions or names, all as such."""
    import pyarrow as pa
    from pyarrow import csv

    with csv.open_csv(files[0]) as reader:
        schema = reader.schema
    _check_header(schema.names, place)
    chosen = choose(schema, place, features, label, ids)
    kinds = {name: schema.field(name).type for name in chosen.every}
    kinds |= {name: pa.float64() for name in chosen.features if pa.types.is_null(kinds[name])}
    kinds |= {} if chosen.id is None else {chosen.id: pa.string()}
    with files[0].open(newline="", encoding="utf-8-sig", errors="replace") as file:
        quoted = dict(zip(schema.names, quoted_fields(file), strict=False))
    kinds |= {chosen.label: pa.string()} if chosen.label and quoted.get(chosen.label) else {}  # "10" is a name
    wider = kinds | dict.fromkeys(chosen.features, pa.float64())
    as_names = wider | ({} if chosen.label is None else {chosen.label: pa.string()})
    for types in (kinds, wider):
        try:
            return _csv_stream(files, place, chosen, types)
        except pa.ArrowInvalid:
            continue
    return _csv_stream(files, place, chosen, as_names)


def _csv_stream(files: list[Path], place: str, chosen: Chosen, types: dict[str, Any]) -> Stream:
    import pyarrow as pa
    from pyarrow import csv

    options = csv.ConvertOptions(column_types=types, include_columns=chosen.every)
    schema = pa.schema(types)
    dtype = dtype_of(schema, chosen.features)

    def batches() -> Iterator[Batch]:
        start = 0
        for path in files:
            with csv.open_csv(path, convert_options=options) as reader:
                for record in reader:
                    table = pa.Table.from_batches([record])
                    yield _csv_batch(table, chosen, dtype, start, place)
                    start += len(table)

    stream = Stream(batches, Expected(place, ends=True, columns=chosen.features), place=place)
    stream.classes = class_names(stream.y)
    return stream


def _csv_batch(table: Any, chosen: Chosen, dtype: np.dtype[Any], start: int, place: str) -> Batch:  # noqa: ANN401 - PyArrow is not typed
    x = rows_of(table, chosen, dtype, start)
    y = None if chosen.label is None else labels_of(table.column(chosen.label), chosen.label, place)
    if y is not None and y.dtype.kind == "U" and (y == "").any():
        msg = (
            f"Labels ('{chosen.label}' of {place}) are missing in row {start + int(np.argmax(y == ''))}. Leave it out."
        )
        raise KerasembleError(msg)
    ids = None if chosen.id is None else np.asarray(table.column(chosen.id).to_pylist(), dtype=np.str_)
    return Batch(x, y, ids)


def _check_header(names: list[str], place: str) -> None:
    """Refuse a file whose first row is numbers: it would be taken for names, and the row be lost."""
    try:
        [float(name) for name in names]
    except ValueError:
        return
    msg = f"{place} has no names of columns in its first line, only numbers. Put a line with names before them."
    raise KerasembleError(msg)
