"""Why a file is not opened, and how its own names are shown."""

from __future__ import annotations


class Fault(Exception):  # noqa: N818 - it stands for what is wrong with the file, not with us
    """A file is not opened: a word for the reason, and the sentence for the user."""

    def __init__(self, code: str, message: str) -> None:
        """Keep both."""
        super().__init__(message)
        self.code = code
        self.message = message


def show(text: str) -> str:
    """Return a name from the file with nothing in it that a terminal would obey, and not too long."""
    return repr(text if len(text) <= 120 else f"{text[:60]}...{text[-50:]}")


def decode(name: bytes | str) -> str:
    """Return a name as text."""
    try:
        return name.decode("utf-8") if isinstance(name, bytes) else name
    except UnicodeDecodeError as error:
        raise Fault("hdf5-object", f"holds the name {show(repr(name))}, which is not UTF-8.") from error
