"""One file that Keras opens, made of what was inspected: the mended configuration and the weights where it looks."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

from kerasemble.members.inspection.archive import CONFIG, METADATA, RECORD, WEIGHTS
from kerasemble.members.inspection.examined import Examined
from kerasemble.members.legacy import Mended

_BLOCK = 1 << 20
_ROOT = "model_weights"
# Where weights are while others take their places.
_WAITING = "kerasemble-moving"


def assemble(found: Examined, work: Path) -> Path:
    """Return the path, in the private folder `work`, of what Keras is to open: `.keras`, `.h5`, or weights alone.

    Args:
        found: a file that was copied to `work`, inspected there, and not refused.
        work: the folder.
    """
    mended = found.mended
    kind = found.inspection.format
    if kind == "saved_model":
        return found.place
    if kind == "weights":
        # Keras goes by the name: it reads the older layout from a file that is not named .weights.h5.
        return found.place.rename(work / ("model.h5" if found.layout == "h5" else WEIGHTS))
    if mended is None:
        return found.place.rename(work / f"model.{found.layout}")
    if kind in ("keras", "folder"):
        return _rewrite_archive(found.place, mended, work)
    if found.layout == "h5":
        return _rewrite_hdf5(found.place, mended, work)
    return _join(found.place, mended, work, found.inspection.keras_version)


def _rewrite_archive(source: Path, mended: Mended, work: Path) -> Path:
    """Write an archive again with another configuration, and weights moved."""
    target = work / "model.keras"
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        new.writestr(CONFIG, json.dumps(mended.config))
        for entry in old.infolist():
            if entry.filename in (CONFIG, RECORD) or entry.is_dir():
                continue
            if entry.filename == WEIGHTS and (mended.moves or mended.scales):
                weights = Path(old.extract(entry, work))
                _mend_weights(weights, mended)
                new.write(weights, WEIGHTS)
                weights.unlink()
                continue
            with old.open(entry) as stream, new.open(entry.filename, "w", force_zip64=True) as copy:
                while block := stream.read(_BLOCK):
                    copy.write(block)
    source.unlink()
    return target


def _join(weights: Path, mended: Mended, work: Path, version: str | None) -> Path:
    """Write an architecture and weights in the layout of Keras 3 as one archive."""
    _mend_weights(weights, mended)
    target = work / "model.keras"
    with zipfile.ZipFile(target, "w") as new:
        new.writestr(METADATA, json.dumps({"keras_version": version}))
        new.writestr(CONFIG, json.dumps(mended.config))
        new.write(weights, WEIGHTS)
    weights.unlink()
    return target


def _rewrite_hdf5(source: Path, mended: Mended, work: Path) -> Path:
    """Give an HDF5 file of the older layout another configuration, and its weights other places."""
    import h5py

    _mend_weights(source, mended)
    with h5py.File(source, "r+") as file:
        if _ROOT not in file:
            _wrap(file)
        file.attrs["model_config"] = json.dumps(mended.config).encode()
    return source.rename(work / "model.h5")


def _wrap(file: Any) -> None:  # noqa: ANN401 - h5py is not typed
    """Put all that is at the root of a file of weights where that of a whole model has it."""
    names, attributes = list(file), dict(file.attrs)
    group = file.create_group(_ROOT)
    for name in names:
        file.move(name, f"{_ROOT}/{name}")
    group.attrs.update(attributes)


def _mend_weights(weights: Path, mended: Mended) -> None:
    """Move weights, all at once since one may go where another is now, and then multiply some."""
    if not mended.moves and not mended.scales:
        return
    import h5py

    with h5py.File(weights, "r+") as file:
        for index, (stored, _) in enumerate(mended.moves):
            file.move(stored, f"{_WAITING}/{index}")
        for index, (_, wanted) in enumerate(mended.moves):
            file.move(f"{_WAITING}/{index}", wanted)
        if mended.moves:
            del file[_WAITING]
        for scale in mended.scales:
            file[scale.path][...] = scale(file[scale.path][...])
