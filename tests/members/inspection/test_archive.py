"""An archive is a list of names and bytes that is checked before anything in it is used."""

from __future__ import annotations

import contextlib
import dataclasses
import stat
import struct
import zipfile
from pathlib import Path

import pytest

from kerasemble.members.inspection.archive import content, open_archive, read_entry, span, verify
from kerasemble.members.inspection.limits import LIMITS
from kerasemble.members.inspection.record import Refused

MODEL = {"metadata.json": b"{}", "config.json": b'{"a": 1}', "model.weights.h5": b"\x89HDF" * 500}


def write(path: Path, entries=MODEL, method=zipfile.ZIP_STORED) -> Path:
    """Write an archive of `entries`, whose names are texts or ZipInfo."""
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, value in entries.items() if isinstance(entries, dict) else entries:
            archive.writestr(name, value)
    return path


def read(path: Path, limits=LIMITS):
    """Take the third step with a file."""
    with path.open("rb") as file, open_archive(file, limits) as archive:
        verify(archive, path.parent)
        return {name: content(archive, name, 10**8) for name in archive.namelist()}


def refused(path: Path, code: str, said: str, limits=LIMITS) -> None:
    with pytest.raises(Refused, match=said) as refusal:
        read(path, limits)
    assert refusal.value.code == code, refusal.value.message


def named(name: str, mode: int = 0) -> zipfile.ZipInfo:
    """Return an entry whose name is written as it is."""
    info = zipfile.ZipInfo("x")
    info.filename = name
    info.external_attr = mode << 16
    return info


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
@pytest.mark.parametrize(
    "extra", [{}, {"kerasemble.json": b"{}"}, {"assets/": b"", "assets/layers/a/words.txt": b"a b"}]
)
def test_what_keras_writes_is_read(tmp_path, method, extra):
    assert read(write(tmp_path / "a.keras", {**MODEL, **extra}, method)) == {**MODEL, **extra}


def test_stored_weights_are_found_in_the_file_and_others_are_unpacked(tmp_path):
    path = write(tmp_path / "a.keras")
    with path.open("rb") as file, open_archive(file) as archive:
        assert verify(archive, tmp_path) is None
        begin, size = span(archive, file, "model.weights.h5")
    assert path.read_bytes()[begin : begin + size] == MODEL["model.weights.h5"]
    with write(path, method=zipfile.ZIP_DEFLATED).open("rb") as file, open_archive(file) as archive:
        assert verify(archive, tmp_path).read_bytes() == MODEL["model.weights.h5"]


@pytest.mark.parametrize(
    "name",
    [
        "../config.json",
        "assets/../../x",
        "/etc/passwd",
        "assets//x",
        "assets\\..\\x",
        "C:/x",
        "assets/C:x",
        "assets/./x",
        "assets/x\x1b[2J",
        "assets/\u202etxt.exe",
        "assets/" + "x" * 256,
    ],
)
def test_11_a_name_that_leads_out_is_refused(tmp_path, name):
    path = write(tmp_path / "a.keras", [*MODEL.items(), (named(name), b"")])
    refused(path, "zip-name", "leads out of it or misleads")


@pytest.mark.parametrize("name", ["setup.py", "Config.json/x", "config.json/", "model.weights.h5.bak"])
def test_a_name_that_no_model_has_is_refused(tmp_path, name):
    refused(write(tmp_path / "a.keras", {**MODEL, name: b""}), "zip-name", "which no Keras model has")


@pytest.mark.parametrize("name", ["config.json", "Config.JSON", "model.weights.h5"])
@pytest.mark.filterwarnings("ignore:Duplicate name:UserWarning")  # Python's own, as it writes the archive
def test_13_two_entries_of_one_name_are_refused(tmp_path, name):
    refused(write(tmp_path / "a.keras", [*MODEL.items(), (name, b"{}")]), "zip-duplicate", "two entries named")


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR])
def test_a_link_or_device_in_an_archive_is_refused(tmp_path, kind):
    entries = [*MODEL.items(), (named("assets/x", kind | 0o777), b"/etc/passwd")]
    refused(write(tmp_path / "a.keras", entries), "zip-link", "as a link or device")


@pytest.mark.parametrize(
    ("lacking", "code"), [("config.json", "zip-incomplete"), ("model.weights.h5", "zip-incomplete")]
)
def test_an_archive_without_a_model_is_refused(tmp_path, lacking, code):
    entries = {name: value for name, value in MODEL.items() if name != lacking}
    refused(write(tmp_path / "a.keras", entries), code, f"has no {lacking}, .* It holds 'metadata.json'")


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_method_that_unpacks_without_bounds_is_refused(tmp_path, method):
    refused(write(tmp_path / "a.keras", method=method), "not-supported", "compressed by method")


def test_weights_as_an_archive_of_numpy_are_refused(tmp_path):
    refused(write(tmp_path / "a.keras", {**MODEL, "model.weights.npz": b""}), "not-supported", "model.weights.npz")


def test_12_a_bomb_is_refused_with_what_it_declares_and_stores(tmp_path):
    bomb = {**MODEL, "model.weights.h5": bytes(3_000_000)}
    refused(write(tmp_path / "a.keras", bomb, zipfile.ZIP_DEFLATED), "zip-bomb", r"declares 3,000,000 bytes .* stores")
    many = {**MODEL, **{f"assets/{index}": bytes(100_000) for index in range(20)}}
    refused(write(tmp_path / "a.keras", many, zipfile.ZIP_DEFLATED), "zip-bomb", "its entries together")
    large = {**MODEL, "config.json": b" " * (LIMITS.json_bytes + 1)}
    refused(write(tmp_path / "a.keras", large, zipfile.ZIP_DEFLATED), "json-size", "config.json of 16,777,217 bytes")
    assert read(write(tmp_path / "a.keras", bomb)), "the same bytes stored as they are"


def test_a_configuration_may_be_compressed_well(tmp_path):
    path = write(tmp_path / "a.keras", {**MODEL, "config.json": b" " * 2_000_000}, zipfile.ZIP_DEFLATED)
    with path.open("rb") as file, open_archive(file) as archive:
        verify(archive, tmp_path)


def test_12_too_many_entries_are_refused(tmp_path):
    path = write(tmp_path / "a.keras", {**MODEL, **{f"assets/{index}": b"" for index in range(2000)}})
    refused(path, "zip-too-many", "holds 2,003 entries; at most 2,000")
    path = write(tmp_path / "a.keras", {**MODEL, **{f"assets/{index}{'x' * 200}": b"" for index in range(9)}})
    refused(path, "zip-too-many", "a list of entries of", dataclasses.replace(LIMITS, directory_bytes=1000))


def test_bytes_before_and_after_the_archive_are_refused(tmp_path):
    path = write(tmp_path / "a.keras")
    whole = path.read_bytes()
    path.write_bytes(whole + whole)
    refused(path, "zip-prefix", f"has {len(whole):,} bytes that its list of entries does not know")
    path.write_bytes(whole + b"\n")
    refused(path, "zip-damaged", "has 1 bytes after the end")


def patched(path: Path, where: bytes, offset: int, value: bytes, *, last: bool = False) -> Path:
    """Change bytes at an offset from the first or last place of a signature."""
    whole = bytearray(path.read_bytes())
    start = (whole.rfind if last else whole.find)(where) + offset
    whole[start : start + len(value)] = value
    path.write_bytes(whole)
    return path


LISTED, ENTRY, END = b"PK\x01\x02", b"PK\x03\x04", b"PK\x05\x06"


@pytest.mark.parametrize(
    ("where", "offset", "value", "code", "said"),
    [
        pytest.param(LISTED, 8, b"\x01", "zip-encrypted", "encrypted", id="encrypted"),
        pytest.param(LISTED, 42, struct.pack("<L", 1), "zip-damaged", "there is no entry", id="offset"),
        pytest.param(LISTED, 42, struct.pack("<L", 10**9), "zip-damaged", "there is no entry", id="offset-outside"),
        pytest.param(LISTED, 20, struct.pack("<L", 10**6), "zip-damaged|zip-bomb", "share|reaches", id="stored-size"),
        pytest.param(LISTED, 24, struct.pack("<L", 10**6), "zip-damaged", "stores", id="declared-more"),
        pytest.param(LISTED, 16, b"\x00\x01\x02\x03", "zip-crc", "Bad CRC-32", id="crc-listed"),
        pytest.param(LISTED, 28, b"\xff\xff", "zip-damaged", "list of its entries", id="name-size"),
        pytest.param(LISTED, 46, b"M", "zip-name|zip-damaged", "named|differ", id="other-name"),
        pytest.param(ENTRY, 30, b"M", "zip-damaged", "differ", id="other-name-in-entry"),
        pytest.param(END, 10, b"\x09\x00", "zip-damaged", "has 3 of 9", id="count"),
        pytest.param(END, 16, b"\xff\xff\xff\x7f", "zip-damaged", "lies outside", id="list-outside"),
        pytest.param(END, 12, b"\xff\xff\xff\x7f", "zip-too-many", "list of entries of", id="list-size"),
        pytest.param(END, 20, b"\x05\x00", "zip-damaged", "which says 5", id="comment"),
    ],
)
def test_a_list_that_contradicts_its_entries_is_refused(tmp_path, where, offset, value, code, said):
    path = patched(write(tmp_path / "a.keras"), where, offset, value)
    with pytest.raises(Refused, match=said) as refusal:
        read(path)
    assert refusal.value.code in code.split("|"), refusal.value.message


def test_entries_that_share_bytes_are_refused(tmp_path):
    path = write(tmp_path / "a.keras")
    first = path.read_bytes().find(LISTED)
    second = path.read_bytes().find(LISTED, first + 1)
    whole = bytearray(path.read_bytes())
    whole[second + 42 : second + 46] = whole[first + 42 : first + 46]
    path.write_bytes(whole)
    refused(path, "zip-bomb", "share bytes")


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_7_a_flipped_byte_is_refused(tmp_path, method):
    values = {**MODEL, "model.weights.h5": bytes(range(256)) * 40}
    path = write(tmp_path / "a.keras", values, method)
    with zipfile.ZipFile(path) as archive:
        offset = archive.getinfo("model.weights.h5").header_offset + 60
    whole = bytearray(path.read_bytes())
    whole[offset] ^= 1
    path.write_bytes(whole)
    with pytest.raises(Refused, match="is damaged") as refusal:
        read(path)
    assert refusal.value.code == "zip-crc" if method == zipfile.ZIP_STORED else "zip-damaged"


def test_6_a_truncated_archive_is_refused_with_what_it_has_and_lacks(tmp_path):
    path = write(tmp_path / "a.keras")
    whole = path.read_bytes()
    path.write_bytes(whole[:1000])
    refused(path, "truncated", r"it has 1,000 bytes, and its entry 'model.weights.h5' alone reaches to 2,1\d\d")
    path.write_bytes(whole[:-10])
    refused(path, "truncated", "the list of its entries, which comes last, is missing")


def test_an_archive_cut_or_flipped_anywhere_is_refused_or_read(tmp_path):
    path = write(tmp_path / "a.keras")
    whole = path.read_bytes()
    positions = [*range(0, 160, 3), *range(len(whole) - 300, len(whole), 2)]
    for position in positions:
        path.write_bytes(whole[:position])
        with pytest.raises(Refused):
            read(path)
        flipped = bytearray(whole)
        flipped[position] ^= 0xFF
        path.write_bytes(flipped)
        with contextlib.suppress(Refused):
            # Times and the like may be anything.
            assert set(read(path).values()) == set(MODEL.values())


def test_wide_sizes_are_read(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.keras", "w") as archive:
        for name, value in MODEL.items():
            with archive.open(name, "w", force_zip64=True) as entry:
                entry.write(value)
    assert read(tmp_path / "a.keras") == MODEL


def test_one_entry_is_read_and_no_more_of_it_than_asked(tmp_path):
    path = write(tmp_path / "a.keras", {**MODEL, "kerasemble.json": b"{}  "})
    assert read_entry(path, "kerasemble.json", 4) == b"{}  "
    assert read_entry(path, "other.json", 4) is None
    with pytest.raises(Refused, match=r"kerasemble\.json of more than 3 bytes"):
        read_entry(path, "kerasemble.json", 3)
    (tmp_path / "a.h5").write_bytes(b"\x89HDF\r\n\x1a\n")
    assert read_entry(tmp_path / "a.h5", "kerasemble.json", 4) is None
