"""Models of every shape that people train, by name; a function each."""

from __future__ import annotations

from models import graphs, images, rows, sequences  # noqa: F401 - each registers its own
from models.registry import MODELS

__all__ = ["MODELS"]
