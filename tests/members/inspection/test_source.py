"""A file is looked at before anything in it is believed: what it is, and whether that is what its name says."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import pickle
import socket
from pathlib import Path

import pytest

from kerasemble.members.inspection.limits import LIMITS
from kerasemble.members.inspection.record import Refused
from kerasemble.members.inspection.source import digest, identify, locate, open_regular

POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a2146\nsize 12345\n"
HDF5 = b"\x89HDF\r\n\x1a\n"
ZIP = b"PK\x03\x04"


def look(path):
    """Take the first two steps with a file."""
    with open_regular(locate(path)) as file:
        digest(file)
        return identify(file, Path(path))


@pytest.mark.parametrize(
    ("name", "content", "code", "said"),
    [
        pytest.param("gone.keras", None, "missing", "does not exist", id="1-missing"),
        pytest.param("empty.keras", b"", "empty", r"is empty \(0 bytes\)", id="3-empty"),
        pytest.param("pointer.keras", POINTER, "git-lfs", "git-LFS pointer.*git lfs pull", id="4-lfs-pointer"),
        pytest.param("page.h5", b"\n<!DOCTYPE html>", "html", "web page.*download it again", id="4-html"),
        pytest.param("page.keras", b"<html>", "html", "web page", id="4-html-short"),
        pytest.param("model.keras", pickle.dumps({"a": 1}), "pickle", "pickle.*can run any code", id="4-pickle"),
        pytest.param("model.h5", ZIP + b"x", "wrong-suffix", "named .h5. Rename it to model.keras", id="5-zip"),
        pytest.param("model.keras", HDF5 + b"x", "wrong-suffix", "named .keras. Rename it to model.h5", id="5-hdf5"),
        pytest.param("model", HDF5 + b"x", "wrong-suffix", "has no suffix. Rename it to model.h5", id="5-no-suffix"),
        pytest.param("model.bin", ZIP + b"x", "wrong-suffix", "named .bin. Rename", id="5-unknown-suffix"),
        pytest.param("model.keras", b'{"a": 1}', "wrong-suffix", "is JSON but named .keras", id="5-json"),
        pytest.param("model.keras", b"\x1f\x8b\x08", "gzip", "gzip file. Unpack it", id="5-gzip"),
        pytest.param("model.keras", b"\x93NUMPY", "not-a-model", "neither a Keras archive nor HDF5", id="garbage"),
        pytest.param("model.keras", bytes(100), "not-a-model", "neither a Keras archive nor HDF5", id="zeros"),
        pytest.param("model.keras", b" " + ZIP, "not-a-model", "neither a Keras archive", id="space-before-zip"),
        pytest.param("model.h5", b" " + HDF5, "not-a-model", "neither a Keras archive", id="space-before-hdf5"),
        pytest.param("a.keras", b"PK\x05\x06" + bytes(18), "not-a-model", "neither a Keras archive", id="empty-zip"),
        pytest.param("a.keras", b"#!/bin/sh\nPK\x05\x06" + bytes(18), "zip-prefix", "before the archive", id="script"),
    ],
)
def test_what_is_no_model_is_refused_by_what_it_is(tmp_path, name, content, code, said):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(Refused, match=said) as refused:
        look(tmp_path / name)
    assert refused.value.code == code


@pytest.mark.parametrize(
    ("name", "content", "kind"),
    [
        ("model.keras", ZIP, "keras"),
        ("MODEL.KERAS", ZIP, "keras"),
        ("a.b.keras", ZIP, "keras"),
        ("model.h5", HDF5, "h5"),
        ("model.hdf5", HDF5, "h5"),
        ("model.json", b"\n {}", "json"),
    ],
)
def test_a_file_that_is_what_its_name_says_is_accepted(tmp_path, name, content, kind):
    (tmp_path / name).write_bytes(content)
    assert look(tmp_path / name) == kind


@pytest.mark.parametrize("path", ["hf://user/model", "gs://bucket/model.keras", "https://host/m.keras", "HTTP://a/b"])
def test_131_an_address_is_refused(path):
    for given in (path, Path(path)):
        with pytest.raises(Refused, match=r"is an address. Download the file first"):
            locate(given)


@pytest.mark.parametrize("name", ["x" * 5000 + ".keras", "a\0b.keras", "~/model.keras"])
def test_a_path_that_cannot_be_is_refused_as_any_other(name):
    with pytest.raises(Refused, match=r"does not exist|cannot be read"):
        locate(name)


def test_2_a_folder_is_no_file(tmp_path):
    with pytest.raises(Refused, match="is not a file but a folder") as refused, open_regular(locate(tmp_path)):
        pass
    assert refused.value.code == "not-a-file"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no FIFOs")
def test_2_a_fifo_is_refused_without_waiting_for_its_writer(tmp_path):
    os.mkfifo(tmp_path / "model.keras")
    with pytest.raises(Refused, match="is not a file but a FIFO") as refused:
        locate(tmp_path / "model.keras")
    assert refused.value.code == "device"
    # One that took the file's name after the look.
    with pytest.raises(Refused, match="FIFO"), open_regular(tmp_path / "model.keras"):
        pass


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="this system has no such device")
def test_2_devices_and_sockets_are_refused(tmp_path, monkeypatch):
    with pytest.raises(Refused, match="is not a file but a device"):
        locate("/dev/zero")
    monkeypatch.chdir(tmp_path)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("model.keras")
        with pytest.raises(Refused, match="is not a file but a socket"):
            locate("model.keras")


@pytest.mark.skipif(os.name == "nt", reason="links need rights on Windows")
@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("../outside.keras", "leads out of its folder. Give the path that it points to: .*outside.keras"),
        ("/dev/zero", "leads out of its folder"),
        ("gone.keras", "is a link to .*gone.keras, which does not exist"),
        ("model.keras", "does not exist|cannot be read"),
    ],
)
def test_2_a_link_that_leads_elsewhere_is_refused(tmp_path, target, said):
    (tmp_path / "outside.keras").write_bytes(ZIP)
    (tmp_path / "models").mkdir()
    link = tmp_path / "models" / "model.keras"
    link.symlink_to(target)
    with pytest.raises(Refused, match=said) as refused:
        locate(link)
    assert refused.value.code == "link"


@pytest.mark.skipif(os.name == "nt", reason="links need rights on Windows")
def test_a_link_within_its_folder_is_followed(tmp_path):
    (tmp_path / "best").mkdir()
    (tmp_path / "best" / "epoch-9.keras").write_bytes(ZIP)
    (tmp_path / "model.keras").symlink_to("best/epoch-9.keras")
    assert look(tmp_path / "model.keras") == "keras"
    # The way to a file may have links: only its own name is looked at.
    (tmp_path / "latest").symlink_to("best")
    assert look(tmp_path / "latest" / "epoch-9.keras") == "keras"
    with pytest.raises(Refused), open_regular(tmp_path / "model.keras"):
        pass


@pytest.mark.skipif(os.name == "nt", reason="links need rights on Windows")
def test_a_link_in_a_cache_of_hugging_face_is_followed_to_its_blob(tmp_path):
    repository = tmp_path / "hub" / "models--user--net"
    (repository / "blobs").mkdir(parents=True)
    (repository / "snapshots" / "4d7a2146").mkdir(parents=True)
    (repository / "blobs" / "9f86d081").write_bytes(ZIP)
    link = repository / "snapshots" / "4d7a2146" / "model.keras"
    link.symlink_to("../../blobs/9f86d081")
    assert look(link) == "keras"
    (tmp_path / "secret").write_bytes(ZIP)
    other = repository / "snapshots" / "4d7a2146" / "other.keras"
    other.symlink_to("../../../../secret")
    with pytest.raises(Refused, match="leads out"):
        locate(other)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="whoever is root may read anything")
def test_a_file_that_may_not_be_read_is_refused(tmp_path):
    path = tmp_path / "model.keras"
    path.write_bytes(ZIP)
    path.chmod(0)
    with pytest.raises(Refused, match="cannot be read: Permission denied"):
        look(path)


def test_12_a_file_beyond_the_limit_is_refused_before_it_is_read(tmp_path):
    path = tmp_path / "model.keras"
    with path.open("wb") as file:
        file.truncate(LIMITS.file_bytes + 1)
    with pytest.raises(Refused, match=r"has 8,589,934,593 bytes; at most 8,589,934,592 are read") as refused:
        look(path)
    assert refused.value.code == "too-large"


def test_the_hash_is_that_of_the_bytes_and_so_is_the_copy(tmp_path):
    content = os.urandom(3_000_001)
    (tmp_path / "a").write_bytes(content)
    with open_regular(tmp_path / "a") as file:
        assert digest(file, tmp_path / "b") == hashlib.sha256(content).hexdigest()
        assert file.read(4) == content[:4]
    assert (tmp_path / "b").read_bytes() == content


@pytest.mark.parametrize("share", [0.5, 1.5])
def test_a_file_that_changes_while_it_is_read_is_refused(tmp_path, monkeypatch, share):
    path = tmp_path / "a"
    path.write_bytes(bytes(100))

    with open_regular(path) as file:
        size = os.fstat(file.fileno())
        monkeypatch.setattr(os, "fstat", lambda _: os.stat_result((*size[:6], int(share * 100), *size[7:])))
        with pytest.raises(Refused, match=r"changed while it was read: \d+ bytes, then 100"):
            digest(file)


def test_the_limits_let_ordinary_large_models_pass():
    assert LIMITS.file_bytes >= 2 * 10**9
    assert all(value > 0 for value in dataclasses.asdict(LIMITS).values())
