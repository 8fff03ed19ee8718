"""A file on disk, before anything in it is believed: a regular one, read once, and what its first bytes say it is."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import re
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Literal, NamedTuple

from kerasemble.core.errors import KerasembleError
from kerasemble.members.inspection.limits import LIMITS, Limits
from kerasemble.members.inspection.record import Refused

Content = Literal["keras", "h5", "json"]


class _Kind(NamedTuple):
    magic: bytes
    words: str
    content: Content | None
    code: str = ""
    cure: str = ""

    @property
    def binary(self) -> bool:
        return self.content in ("keras", "h5")


_KINDS = (
    _Kind(b"PK\x03\x04", "Keras archive", "keras"),
    _Kind(b"\x89HDF\r\n\x1a\n", "HDF5", "h5"),
    _Kind(
        b"version https://git-lfs",
        "git-LFS pointer",
        None,
        "git-lfs",
        "It stands for the model; run 'git lfs pull' to get it.",
    ),
    _Kind(
        b"\x80",
        "pickle",
        None,
        "pickle",
        "A pickle can run any code when opened. Save the model with model.save('model.keras').",
    ),
    _Kind(
        b"<",
        "web page",
        None,
        "html",
        "The download gave an HTML page in place of the model; download it again.",
    ),
    _Kind(b"\x1f\x8b", "gzip file", None, "gzip", "Unpack it first."),
    _Kind(b"{", "JSON", "json"),
    _Kind(b"[", "JSON", "json"),
)
_SUFFIXES: dict[str, Content] = {".keras": "keras", ".h5": "h5", ".hdf5": "h5", ".json": "json"}
_SUFFIX_OF: dict[Content, str] = {"keras": ".keras", "h5": ".h5", "json": ".json"}
_GIVE = "Give the path of a .keras or .h5 file."
# A Path of "hf://a" has one slash less; the letter of a drive is one.
_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]+:/", re.IGNORECASE)
_BLOCK = 1 << 20
# What the system says where there is no room; Windows has no quota.
FULL = (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC))
# Without O_NONBLOCK a FIFO put in the file's place would keep us waiting for its writer. Windows has none of these but
# O_BINARY, and only Windows has that.
_FLAGS = os.O_RDONLY
for _flag in ("O_NOFOLLOW", "O_NONBLOCK", "O_BINARY", "O_CLOEXEC"):
    _FLAGS |= getattr(os, _flag, 0)
# The end of an archive, without a comment, which Keras never writes.
_ARCHIVE_END = b"PK\x05\x06"


def locate(path: str | os.PathLike[str]) -> Path:
    """Return where a path leads: a regular file or a folder.

    A link is followed where it leads to one in its own folder or below. A cache of Hugging Face has links in
    `REPOSITORY/snapshots/REVISION`, and what they lead to in `REPOSITORY/blobs`: there it is all of the repository.
    Elsewhere a link may stand for any file of the user's, so it is refused.

    Raises:
        Refused: it is an address, missing, a link to elsewhere, a FIFO, a device, or may not be read.
    """
    if _ADDRESS.match(str(path)):
        raise Refused("link", "is an address. Download the file first and give its path.")
    with system_errors():
        given = Path(path)
        mode = given.lstat().st_mode
        target = _follow(given) if stat.S_ISLNK(mode) else given
        mode = target.lstat().st_mode
    if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
        raise Refused("device", f"is not a file but {_describe(mode)}. {_GIVE}")
    return target


def _follow(link: Path) -> Path:
    """Return where a link leads, which must be below its folder, or in the same repository of a cache."""
    folder = link.parent.resolve()
    tree = next((each.parent for each in folder.parents if each.name == "snapshots"), folder)
    target = Path(os.path.realpath(link))
    if not target.exists():
        raise Refused("link", f"is a link to {target}, which does not exist. {_GIVE}")
    if not target.is_relative_to(tree):
        raise Refused("link", f"is a link that leads out of its folder. Give the path that it points to: {target}.")
    return target


def _describe(mode: int) -> str:
    names = {stat.S_IFIFO: "a FIFO", stat.S_IFSOCK: "a socket", stat.S_IFCHR: "a device", stat.S_IFBLK: "a device"}
    return names.get(stat.S_IFMT(mode), "something else")


@contextlib.contextmanager
def system_errors() -> Iterator[None]:
    """Make refusals of what the system says to a path: it is missing, too long, or may not be read.

    Raises:
        Refused: for any OSError.
    """
    try:
        yield
    except Refused:
        raise
    except (FileNotFoundError, NotADirectoryError) as error:
        raise Refused("missing", f"does not exist. {_GIVE}") from error
    except OSError as error:
        if error.errno in FULL:
            raise no_room(error) from error
        code = "link" if error.errno == errno.ELOOP else "unreadable"
        said = error.strerror or type(error).__name__
        raise Refused(code, f"cannot be read: {said}. Give the path of a file that you may read.") from error
    except ValueError as error:  # a NUL in the name
        raise Refused("missing", f"does not exist: no file has such a name. {_GIVE}") from error


@contextlib.contextmanager
def private_folder(*, ignore_errors: bool = False) -> Iterator[Path]:
    """Yield a temporary folder that only this user can enter; it is deleted at the end.

    Raises:
        KerasembleError: there is no room for one.
    """
    try:
        folder = tempfile.TemporaryDirectory(prefix="kerasemble-", ignore_cleanup_errors=ignore_errors)
    except OSError as error:
        msg = f"No temporary folder can be made: {error.strerror}. Set TMPDIR to a folder that you may write to."
        raise KerasembleError(msg) from error
    with folder as name:
        yield Path(name)


def no_room(error: OSError) -> Refused:
    """Return the refusal of a file for which there is no room to be copied."""
    message = f"cannot be copied to the temporary folder {tempfile.gettempdir()}: {error.strerror}."
    return Refused("unreadable", f"{message} Make room there, or set TMPDIR to a folder that has some.")


@contextlib.contextmanager
def open_regular(path: Path, limits: Limits = LIMITS) -> Iterator[BinaryIO]:
    """Yield a regular file, opened for reading without following a link.

    What is open is looked at again: between a look at a name and its opening another file can take the name.

    Raises:
        Refused: it is no regular file, too large, or may not be read.
    """
    with system_errors():
        if path.is_dir():
            raise Refused("not-a-file", f"is not a file but a folder. {_GIVE}")
        descriptor = os.open(path, _FLAGS)
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise Refused("device", f"is not a file but {_describe(status.st_mode)}. {_GIVE}")
        if status.st_size > limits.file_bytes:
            message = f"has {status.st_size:,} bytes; at most {limits.file_bytes:,} are read."
            raise Refused("too-large", f"{message} Open it with Keras itself and give the model as an object.")
        yield file


def digest(file: BinaryIO, copy: Path | None = None) -> str:
    """Return the SHA-256 of an open file in hexadecimal, and write its bytes to a file `copy`; it is at its start then.

    Raises:
        Refused: it grew or shrank meanwhile, or there is no room for the copy.
    """
    size = os.fstat(file.fileno()).st_size
    digester, read = hashlib.sha256(), 0
    with system_errors(), contextlib.ExitStack() as stack:
        target = None if copy is None else stack.enter_context(copy.open("wb"))
        file.seek(0)
        # A file that grows as fast as it is read would never end.
        while read <= size and (block := file.read(_BLOCK)):
            digester.update(block)
            read += len(block)
            if target is not None:
                target.write(block)
        file.seek(0)
    if read != size:
        message = f"changed while it was read: {size:,} bytes, then {read:,}. Wait until it is written."
        raise Refused("unreadable", message)
    return digester.hexdigest()


def identify(file: BinaryIO, path: Path) -> Content:
    """Return what the first bytes of an open file say it is, which must be what its suffix says.

    Raises:
        Refused: it is empty or something else.
    """
    head = file.read(64)
    file.seek(0)
    if not head:
        raise Refused("empty", "is empty (0 bytes). Save or download the model again.")
    # White space may come before a text, but not before an archive or HDF5.
    found = next((kind for kind in _KINDS if (head if kind.binary else head.lstrip()).startswith(kind.magic)), None)
    if found is None:
        if _ends_as_archive(file) and not head.startswith(_ARCHIVE_END):
            message = "has bytes before the archive, which other programs may read as something else."
            raise Refused("zip-prefix", f"{message} Save the model again.")
        message = "is no Keras model: it is neither a Keras archive nor HDF5. Is it damaged? Save it again."
        raise Refused("not-a-model", message)
    if found.content is None:
        raise Refused(found.code, f"is a {found.words}. {found.cure}")
    if found.content != _SUFFIXES.get(path.suffix.lower()):
        said = f"named {path.suffix}" if path.suffix else "has no suffix"
        name = path.with_suffix(_SUFFIX_OF[found.content]).name
        raise Refused("wrong-suffix", f"is {found.words} but {said}. Rename it to {name}.")
    return found.content


def _ends_as_archive(file: BinaryIO) -> bool:
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - 22))
    end = file.read()
    file.seek(0)
    return end.startswith(_ARCHIVE_END)
