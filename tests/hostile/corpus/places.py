"""What is no file, or no model: pipes, devices, links, pages, pickles, and files that were cut short."""

from __future__ import annotations

import gzip
import os
import pickle
import socket
import tarfile
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

from corpus.case import MARKER, Case, file_case
from corpus.seeds import archive, chain, old, old_chain, zipped

POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a2146\nsize 12345\n"
GOOD, OLD = archive(chain()), old(old_chain())


class Touches:
    """Pickled, it touches the marker when it is opened."""

    def __init__(self, folder: Path) -> None:
        self.marker = folder / MARKER

    def __reduce__(self) -> tuple[Callable[[Path], None], tuple[Path]]:
        return Path.touch, (self.marker,)


def _link(target: str) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        (folder / "model.keras").symlink_to(target)
        return folder / "model.keras"

    return make


def _link_to_a_model(folder: Path) -> Path:
    for name in ("here", "elsewhere"):
        (folder / name).mkdir()
    (folder / "elsewhere/model.keras").write_bytes(GOOD)
    (folder / "here/model.keras").symlink_to(folder / "elsewhere/model.keras")
    return folder / "here/model.keras"


def _fifo(folder: Path) -> Path:
    os.mkfifo(folder / "model.keras")
    return folder / "model.keras"


def _socket(folder: Path) -> Path:
    # The address of a socket has at most 107 bytes; the folder's own name may be longer.
    with socket.socket(socket.AF_UNIX) as server:
        inside = os.open(folder, os.O_RDONLY)
        server.bind(f"/proc/self/fd/{inside}/model.keras")
        os.close(inside)
    return folder / "model.keras"


def _folder(folder: Path) -> Path:
    (folder / "model.keras").mkdir()
    return folder / "model.keras"


def _folder_with(name: str, write: Callable[[Path], None]) -> Callable[[Path], Path]:
    """Return what makes an unzipped Keras folder in which one file is something else."""

    def make(folder: Path) -> Path:
        target = folder / "model"
        target.mkdir()
        content = {"config.json": b"{}", "model.weights.h5": OLD, "metadata.json": b"{}"}
        for each in content.keys() - {name}:
            (target / each).write_bytes(content[each])
        write(target / name)
        return target

    return make


def _sparse(folder: Path) -> Path:
    with (folder / "model.keras").open("wb") as file:
        file.write(GOOD)
        file.truncate(1 << 40)
    return folder / "model.keras"


def _old_pickle(folder: Path) -> bytes:
    return f"cpathlib\nPath.touch\n(cpathlib\nPath\n(V{folder / MARKER}\ntRtR.".encode()


def _tar() -> bytes:
    buffer = BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as file:
        file.addfile(tarfile.TarInfo("config.json"))
    return buffer.getvalue()


def _cut(content: bytes, suffix: str, length: int, codes: str) -> Case:
    name = f"truncated/{suffix[1:]}-to-{length}-of-{len(content)}"
    return file_case(name, f"a {suffix} file of which {length} bytes arrived", codes, content[:length], suffix)


_ZIP_CUT = "truncated zip-damaged zip-incomplete not-a-model"
_HDF5_CUT = "truncated hdf5-damaged not-a-model"

CASES = [
    Case("place/missing", "there is nothing", ("missing",), lambda folder: folder / "model.keras"),
    Case("place/empty-folder", "a folder named as a file", ("not-a-file", "not-a-model", "zip-incomplete"), _folder),
    Case("place/fifo", "opening it waits for ever", ("not-a-file", "device"), _fifo),
    Case("place/socket", "not a file", ("not-a-file", "device"), _socket),
    Case("place/device", "a device that never ends", ("device", "not-a-file"), lambda _: Path("/dev/zero")),
    Case("place/link-to-device", "a link to a device that never ends", ("link",), _link("/dev/zero")),
    Case("place/link-to-system-file", "a link to a file of the system", ("link",), _link("/etc/passwd")),
    Case("place/link-to-nothing", "a link that leads nowhere", ("link", "missing"), _link("nowhere.keras")),
    Case("place/link-to-itself", "a link that leads to itself", ("link",), _link("model.keras")),
    Case("place/link-to-model", "a link to a model elsewhere, changed after the check", ("link",), _link_to_a_model),
    Case(
        "place/folder-with-linked-config",
        "the configuration in a folder is a link out of it",
        ("link",),
        _folder_with("config.json", lambda path: path.symlink_to("/etc/passwd")),
    ),
    Case(
        "place/folder-with-fifo",
        "the weights in a folder are a pipe",
        ("not-a-file", "device"),
        _folder_with("model.weights.h5", os.mkfifo),
    ),
    Case("place/sparse-terabyte", "a file of 1 TB that takes 8 kB of disk", ("too-large",), _sparse),
    file_case("other/empty-keras", "nothing in it", "empty", b""),
    file_case("other/empty-h5", "nothing in it", "empty", b"", ".h5"),
    file_case("other/html", "a page instead of the file", "html", b"<!DOCTYPE html><html>Not found</html>"),
    file_case(
        "other/html-after-mark", "a page after a byte order mark", "html not-a-model", b"\xef\xbb\xbf \n<html>", ".h5"
    ),
    file_case("other/git-lfs-keras", "a pointer to the file", "git-lfs", POINTER),
    file_case("other/git-lfs-h5", "a pointer to the file", "git-lfs", POINTER, ".h5"),
    file_case("other/pickle", "runs code when unpickled", "pickle", lambda folder: pickle.dumps(Touches(folder))),
    file_case("other/pickle-h5", "runs code when unpickled", "pickle", lambda f: pickle.dumps(Touches(f), 2), ".h5"),
    file_case("other/pickle-as-text", "a pickle of protocol 0", "pickle not-a-model", _old_pickle),
    file_case(
        "other/pickle-named-pkl", "named as it is", "pickle", lambda folder: pickle.dumps(Touches(folder)), ".pkl"
    ),
    file_case("other/gzip-keras", "a packed archive", "gzip", gzip.compress(GOOD)),
    file_case("other/gzip-h5", "a packed file", "gzip", gzip.compress(OLD), ".h5"),
    file_case("other/tar", "a tape archive", "not-a-model", _tar()),
    file_case("other/program", "a program", "not-a-model", b"\x7fELF" + bytes(200)),
    file_case("other/zeros", "nothing but zeros", "not-a-model", bytes(4096)),
    file_case("other/arrays", "arrays of NumPy, which are a zip", "zip-incomplete zip-name", zipped([("a.npy", b"")])),
    file_case(
        "other/document", "an office document", "zip-incomplete zip-name", zipped([("word/document.xml", b"<w/>")])
    ),
    file_case("other/keras-named-h5", "another format than its name", "wrong-suffix", GOOD, ".h5"),
    file_case("other/h5-named-keras", "another format than its name", "wrong-suffix", OLD),
    file_case("other/h5-named-txt", "another format than its name", "wrong-suffix", OLD, ".txt"),
    file_case("other/json-named-keras", "another format than its name", "wrong-suffix not-a-model", b'{"a": 1}'),
    *(_cut(GOOD, ".keras", length, _ZIP_CUT) for length in (1, 4, 30, len(GOOD) // 2, len(GOOD) - 1)),
    *(_cut(OLD, ".h5", length, _HDF5_CUT) for length in (1, 8, 96, len(OLD) // 2, len(OLD) - 1)),
]
