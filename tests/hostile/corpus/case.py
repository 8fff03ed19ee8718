"""What a hostile file is to the tests: how it is written, what it tries, and the words for refusing it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

# A payload that runs touches this file in its own folder, and does nothing else.
MARKER = "PAYLOAD-RAN"


class Case(NamedTuple):
    """A hostile file.

    Args:
        name: family and name, "archive/two-configurations".
        attack: what it tries, in a line.
        codes: any of which refuses it for the right reason.
        make: writes it into an empty folder and returns its path.
        architecture: writes the architecture that is given beside it, where it is a file of weights.
    """

    name: str
    attack: str
    codes: tuple[str, ...]
    make: Callable[[Path], Path]
    architecture: Callable[[Path], Path] | None = None


def file_case(
    name: str, attack: str, codes: str, content: bytes | Callable[[Path], bytes], suffix: str = ".keras"
) -> Case:
    """Return a case of one file; `codes` are parted by spaces, and content may depend on the folder of the marker."""

    def make(folder: Path) -> Path:
        path = folder / f"model{suffix}"
        path.write_bytes(content(folder) if callable(content) else content)
        return path

    return Case(name, attack, tuple(codes.split()), make)
