"""Our docstrings' headings as the site's parser (Griffe, for mkdocs.yml) wants them."""

from __future__ import annotations

import re
from typing import Any

import griffe

REFERENCE = re.compile(r"^Reference:\n((?:    .+\n?)+)", re.MULTILINE)


class Headings(griffe.Extension):
    """Makes `Example:` code, `Reference:` a paragraph, and leaves out what `__init__` says beside its class."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:  # noqa: ANN401 - Griffe's own
        """Rewrite one docstring."""
        if obj.docstring is None:
            return
        if obj.name == "__init__":
            obj.docstring = None
            return
        text = obj.docstring.value.replace("Example:\n", "Examples:\n")
        obj.docstring.value = REFERENCE.sub(
            lambda found: f"**Reference:** {' '.join(found[1].split())}\n", text
        )
