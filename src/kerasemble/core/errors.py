"""The one exception and the one warning of this library."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any, Self

from kerasemble.core.codes import Code

_NONE: Mapping[str, Any] = MappingProxyType({})


class KerasembleError(ValueError):
    """Input that cannot be used: the message says what, where, what was received and the remedy.

    Args:
        message: the sentence for people.
        options: of `Member`, which would mend it, where there are some: {"output": "logits"}.
        code: what it is about, the same in every version, for programs.
    """

    def __init__(self, message: str, options: Mapping[str, Any] = _NONE, *, code: str = Code.INVALID) -> None:
        """Keep the options and the code beside the message."""
        super().__init__(message)
        self.options = dict(options)
        self.code = code


class KerasembleWarning(UserWarning):
    """Input that can be used but looks wrong; the same sentence stands in the report.

    Args:
        message: the sentence for people.
        code: what it is about, the same in every version, for programs.
    """

    def __init__(self, message: str, code: Code = Code.INVALID) -> None:
        """Keep the code beside the message."""
        super().__init__(message)
        self.code = code


class Sentence(str):
    """A sentence of a report, with the code of what it is about.

    Args:
        text: the sentence.
        code: the same in every version.
    """

    __slots__ = ("code",)
    code: Code

    def __new__(cls, text: str, code: Code) -> Self:
        """Keep the code beside the text."""
        made = super().__new__(cls, text)
        made.code = code
        return made


@contextlib.contextmanager
def said_while() -> Iterator[list[Sentence]]:
    """Keep what is warned of within for a report, which says it in the end, instead of saying it at once.

    Yields:
        A list that holds in the end the sentences; warnings of others are passed on.
    """
    said: list[Sentence] = []
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield said
    for warning in caught:
        if isinstance(warning.message, KerasembleWarning):
            said.append(Sentence(str(warning.message), warning.message.code))
        else:
            warnings.warn_explicit(warning.message, warning.category, warning.filename, warning.lineno)


def warn(message: str, code: Code = Code.INVALID) -> None:
    """Emit `message` as a `KerasembleWarning` that points at the caller's caller; a `Sentence` has its own code."""
    own = message.code if isinstance(message, Sentence) else code
    warnings.warn(KerasembleWarning(message, own), stacklevel=3)
