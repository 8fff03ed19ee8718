"""Rows that are images as small PNGs inside the page."""

from __future__ import annotations

import base64
import io
from typing import Any

import numpy as np
import numpy.typing as npt

from kerasemble.core.errors import KerasembleError

# A side of the picture in the page, at most.
_SIDE = 96


def pictures_of(images: Any, rows: list[int]) -> list[str | None]:  # noqa: ANN401 - whatever has rows
    """Return a data: address for each row that is an image, None for each that is not.

    Args:
        images: an array, or anything that gives rows by a slice.
        rows: their positions.

    Raises:
        KerasembleError: there are fewer images than rows.
    """
    if images is None or not rows:
        return [None] * len(rows)
    if getattr(images, "shape", None) != () and hasattr(images, "__len__") and max(rows) >= len(images):
        msg = f"There are {len(images)} images, and the report is of row {max(rows)} too. Give the data it is about."
        raise KerasembleError(msg)
    try:
        found = [_as_image(np.asarray(images[row : row + 1])[0]) for row in rows]
    except Exception as error:  # whatever gives rows may raise anything
        msg = f"images must be the rows that the report is about, (samples, height, width[, channels]). ({error})"
        raise KerasembleError(msg) from error
    known = [each for each in found if each is not None]
    if not known:
        return [None] * len(rows)
    # All on one scale, so that they can be compared: that of bytes, or from the lowest value to the highest.
    whole = known[0].dtype == np.uint8
    low, high = (0.0, 255.0) if whole else (min(map(np.min, known)), max(map(np.max, known)))
    return [None if each is None else _as_png(each, float(low), float(high)) for each in found]


def _as_image(row: npt.NDArray[Any]) -> npt.NDArray[Any] | None:
    """Return (height, width) or (height, width, 3), None where a row is no image."""
    if row.ndim == 3 and row.shape[0] in (1, 3) and row.shape[-1] not in (1, 3):
        row = np.moveaxis(row, 0, -1)
    if row.ndim == 3 and row.shape[-1] == 1:
        row = row[..., 0]
    is_image = row.ndim == 2 or (row.ndim == 3 and row.shape[-1] == 3)
    return row if is_image and min(row.shape[:2]) > 1 else None


def _as_png(image: npt.NDArray[Any], low: float, high: float) -> str:
    from PIL import Image

    scaled = (image.astype(np.float64) - low) / max(high - low, np.finfo(np.float64).tiny)
    picture = Image.fromarray((255 * scaled.clip(0, 1)).round().astype(np.uint8))
    picture.thumbnail((_SIDE, _SIDE))
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", optimize=True)
    return f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}"
