"""HDF5 is read by a process that can neither hang, crash nor fill the memory of ours."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
import time
from pathlib import Path

import h5py
import numpy as np
import pytest

from kerasemble.members.inspection import hdf5
from kerasemble.members.inspection.hdf5 import Hdf5Reader
from kerasemble.members.inspection.limits import LIMITS
from kerasemble.members.inspection.record import Refused, StoredArray, StoredLayer


def read(path: Path, limits=LIMITS, offset=0):
    """Take the seventh step with a file."""
    size = path.stat().st_size - offset
    with path.open("rb") as file, Hdf5Reader(file, offset, size, limits) as reader:
        found = reader.structure()
        reader.finish()
    return found


def older(file: h5py.File, weights: dict[str, np.ndarray]) -> None:
    """Write weights as the one layer "a" of an older file."""
    group = file.create_group("model_weights")
    group.attrs["layer_names"] = [b"a"]
    layer = group.create_group("a")
    layer.attrs["weight_names"] = [name.encode() for name in weights]
    for name, value in weights.items():
        layer[name] = value
    file.attrs["model_config"] = "{}"


def test_both_layouts_are_read_and_optimizers_left_out(saved):
    new, old = read(saved / "nested.weights.h5"), read(saved / "nested.h5")
    assert new.weights.layers is None
    assert new.model_config is None
    assert StoredArray("layers/dense/vars/0", (4, 3), "float32") in new.weights.arrays
    assert StoredArray("layers/sequential/layers/dense/vars/0", (8, 8), "bfloat16") in new.weights.arrays
    assert {name for name, _, _ in new.weights.arrays if "optimizer" in name} == set()
    assert "optimizer" in new.top
    assert old.weights.layers[-1] == StoredLayer(
        "classes", ("model_weights/classes/classes/kernel", "model_weights/classes/classes/bias")
    )
    assert [layer.name for layer in old.weights.layers][:2] == ["rows", "inner"]
    assert old.model_config.startswith(b'{"class_name": "Functional"')
    assert old.keras_version.startswith("3.")
    sizes = [sum(np.prod(array.shape) for array in each.weights.arrays) for each in (new, old)]
    assert sizes[0] == sizes[1]


def test_hdf5_within_another_file_is_read_in_place(saved, tmp_path):
    path = tmp_path / "in"
    path.write_bytes(b"x" * 1001 + (saved / "dense.weights.h5").read_bytes())
    assert read(path, offset=1001) == read(saved / "dense.weights.h5")


def test_lists_of_names_that_keras_divided_are_put_together(tmp_path):
    names = [f"layer_{index}_{'x' * 100}".encode() for index in range(1000)]
    with h5py.File(tmp_path / "a.h5", "w") as file:
        for index, part in enumerate(np.array_split(np.array(names), 2)):
            file.attrs[f"layer_names{index}"] = part
        for name in names:
            file.create_group(name).attrs["weight_names"] = []
    found = read(tmp_path / "a.h5").weights.layers
    assert [layer.name.encode() for layer in found] == names
    assert {layer.weights for layer in found} == {()}


@pytest.mark.parametrize(
    "options", [{}, {"compression": "gzip", "shuffle": True, "fletcher32": True}, {"compression": "lzf"}]
)
def test_numbers_of_every_kind_are_read(tmp_path, options):
    dtypes = ["float16", ">f4", "float64", "int8", "uint32", "int64", "bool"]
    with h5py.File(tmp_path / "a.h5", "w") as file:
        for index, dtype in enumerate(dtypes):
            file.create_dataset(f"layers/{index}/vars/0", data=np.ones((3, 4), dtype), **options)
            file[f"layers/{index}/vars/1"] = np.ones((), dtype)
            file[f"layers/{index}/vars/2"] = np.ones((0, 4), dtype)
    arrays = read(tmp_path / "a.h5").weights.arrays
    assert [array.shape for array in arrays] == [(3, 4), (), (0, 4)] * len(dtypes)
    assert [array.dtype for array in arrays[::3]] == [np.dtype(dtype).newbyteorder("=").name for dtype in dtypes]


def link_soft(file):
    file["layers"] = h5py.SoftLink("/other")


def link_external(file):
    file["layers"] = h5py.ExternalLink("/etc/passwd", "/x")


def link_circle(file):
    file["layers/a"] = file["/"]


def link_twice(file):
    file["layers/a"] = np.ones(3)
    file["layers/b"] = file["layers/a"]


def values_elsewhere(file):
    file.create_dataset("a", (100,), "f4", external=[("/etc/passwd", 0, 400)])


def values_virtual(file):
    layout = h5py.VirtualLayout((4,), "f4")
    layout[:] = h5py.VirtualSource("other.h5", "x", (4,))
    file.create_virtual_dataset("a", layout)


def filter_unknown(file):
    file.create_dataset("a", data=np.arange(100), scaleoffset=0)


def text(file):
    file["a"] = ["x", "y"]


def reference(file):
    file.create_dataset("a", data=[file.ref], dtype=h5py.ref_dtype)


def compound(file):
    file["a"] = np.zeros(3, [("x", "f4"), ("y", "i4")])


def ragged(file):
    file.create_dataset("a", (3,), h5py.vlen_dtype("f4"))


def complex_numbers(file):
    file["a"] = np.ones(3, "complex64")


def nothing(file):
    file["a"] = h5py.Empty("f4")


def named_type(file):
    file["a"] = np.dtype("f4")


def attribute_reference(file):
    file.attrs.create("x", file.ref, dtype=h5py.ref_dtype)


def bomb_contiguous(file):
    file.create_dataset("a", (10**9,), "f4")


def bomb_chunked(file):
    file.create_dataset("a", data=np.zeros(10**6, "f4"), compression="gzip")


def bomb_chunk(file):
    file.create_dataset("a", (2**25,), "f4", chunks=(2**25,))


def unstored(file):
    file.create_dataset("a", (100,), "f4")


def unstored_part(file):
    file.create_dataset("a", (100,), "f4", chunks=(10,))[:90] = 1


def nan(file):
    file["layers/a/vars/0"] = np.array([1, np.nan, np.inf], "f4")


def infinity_half(file):
    file["a"] = np.array([1, -np.inf], "f2")


def infinity_single(file):
    file["a"] = np.array([1e300], "f8")


def nan_brain(file):
    file["a"] = np.array([0x3F80, 0x7FC0], "<u2").view("V2")


def layer_missing(file):
    older(file, {"w": np.ones(3)})
    del file["model_weights/a"]


def weight_missing(file):
    older(file, {"w": np.ones(3)})
    del file["model_weights/a/w"]


def layer_elsewhere(file):
    older(file, {"w": np.ones(3)})
    file["model_weights"].attrs["layer_names"] = [b"../model_weights/a"]


def names_numbers(file):
    older(file, {"w": np.ones(3)})
    file["model_weights"].attrs["layer_names"] = [1, 2]


def config_long(file):
    file.attrs["model_config"] = "x" * (LIMITS.json_bytes + 1)


def config_number(file):
    file.attrs["model_config"] = 3.0


@pytest.mark.parametrize(
    ("make", "code", "said"),
    [
        (link_soft, "hdf5-link", "holds 'layers' as a link to a name"),
        (link_external, "hdf5-external", "links 'layers' to another file"),
        (link_circle, "hdf5-link", "perhaps in a circle"),
        (link_twice, "hdf5-link", "links 'layers/b' to what has another name"),
        (values_elsewhere, "hdf5-external", "keeps the values of 'a' in another file"),
        (values_virtual, "hdf5-external", "keeps the values of 'a' in another file"),
        (filter_unknown, "hdf5-filter", "by filter 6"),
        (text, "hdf5-type", "no numbers"),
        (reference, "hdf5-type", "no numbers"),
        (compound, "hdf5-type", "no numbers"),
        (ragged, "hdf5-type", "no numbers"),
        (complex_numbers, "hdf5-type", "no numbers"),
        (nothing, "hdf5-type", "no values"),
        (named_type, "hdf5-object", "neither a group nor an array"),
        (attribute_reference, "hdf5-type", "no text or number"),
        (bomb_contiguous, "hdf5-bomb", "declares 4,000,000,000 bytes for 'a' and stores 0"),
        (bomb_chunked, "hdf5-bomb", "declares 4,000,000 bytes for 'a' and stores"),
        (bomb_chunk, "hdf5-bomb", "in parts of 134,217,728 bytes"),
        (unstored, "unstored-weights", "does not store the weight 'a'"),
        (unstored_part, "unstored-weights", "or not all of it"),
        (nan, "not-finite", r"NaN or infinity in the weight 'layers/a/vars/0' \(2 values"),
        (infinity_half, "not-finite", "weight 'a'"),
        (infinity_single, "not-finite", "weight 'a'"),
        (nan_brain, "not-finite", "weight 'a'"),
        (layer_missing, "unstored-weights", "lists the layer 'a' and does not store it"),
        (weight_missing, "unstored-weights", "lists the weight 'model_weights/a/w'"),
        (layer_elsewhere, "unstored-weights", r"lists the layer '\.\./model_weights/a'"),
        (names_numbers, "hdf5-object", "not one of names"),
        (config_long, "json-size", "model_config of 16,777,217 bytes"),
        (config_number, "hdf5-object", "not a text"),
    ],
)
def test_what_keras_never_writes_is_refused_by_what_it_is(tmp_path, make, code, said):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        make(file)
    with pytest.raises(Refused, match=said) as refused:
        read(tmp_path / "a.h5")
    assert refused.value.code == code, refused.value.message


def test_the_state_of_an_optimizer_may_be_anything_that_is_stored(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["optimizer/vars/0"] = np.array([np.nan])
        file["layers/a/vars/0"] = np.array([1.0])
    assert [array.path for array in read(tmp_path / "a.h5").weights.arrays] == ["layers/a/vars/0"]


def test_12_arrays_that_share_their_bytes_are_refused(tmp_path):
    path, size = tmp_path / "a.h5", 80_000
    with h5py.File(path, "w") as file:
        for name in "abcdefgh":
            file.create_dataset(name, (size // 4,), "f4")
        file["a"][:] = 1
        place = file["a"].id.get_offset()
    nowhere, length = b"\xff" * 8, size.to_bytes(8, "little")
    path.write_bytes(path.read_bytes().replace(nowhere + length, place.to_bytes(8, "little") + length))
    with pytest.raises(Refused, match="declares arrays of 640,000 bytes in a file of 8") as refused:
        read(path)
    assert refused.value.code == "hdf5-bomb"


@pytest.mark.parametrize("size", [100, 1000, 10_000])
def test_6_a_truncated_file_is_refused_with_what_it_has_and_lacks(saved, tmp_path, size):
    whole = (saved / "nested.h5").read_bytes()
    (tmp_path / "a.h5").write_bytes(whole[:size])
    with pytest.raises(Refused, match=f"it has {size:,} bytes and its header says {len(whole):,}") as refused:
        read(tmp_path / "a.h5")
    assert refused.value.code == "truncated"


@pytest.mark.parametrize("content", [b"\x89HDF\r\n\x1a\n", b"\x89HDF\r\n\x1a\n" + bytes(1000), b"PK" * 100])
def test_what_is_no_hdf5_is_refused(tmp_path, content):
    (tmp_path / "a.h5").write_bytes(content)
    with pytest.raises(Refused, match=r"is truncated or damaged|is damaged as HDF5") as refused:
        read(tmp_path / "a.h5")
    assert refused.value.code == "hdf5-damaged"


@pytest.mark.parametrize("seed", range(4))
def test_flipped_bytes_are_refused_or_harmless(saved, tmp_path, seed):
    rng = np.random.default_rng(seed)
    whole = np.frombuffer((saved / "dense.h5").read_bytes(), np.uint8).copy()
    whole[rng.integers(0, len(whole), 40)] ^= rng.integers(1, 256, 40, dtype=np.uint8)
    (tmp_path / "a.h5").write_bytes(whole.tobytes())
    try:
        read(tmp_path / "a.h5")
    except Refused as refused:
        message = refused.message
        assert message.isprintable()
        assert len(message) < 500


def child(monkeypatch, code: str) -> None:
    """Put other code in the place of the process."""
    monkeypatch.setattr(hdf5, "_START", code)


COMPUTES = """
import json, sys, types
package = sys.modules["hdf5_child"] = types.ModuleType("hdf5_child")
package.__path__ = [sys.argv[2]]
from hdf5_child.process import restrict
restrict(1 << 30, json.loads(sys.argv[1])["seconds"])
while True: pass
"""


@pytest.mark.parametrize(
    ("code", "patience"),
    [
        ("import time; time.sleep(60)", 1),
        pytest.param(COMPUTES, 100, marks=pytest.mark.skipif(sys.platform == "win32", reason="Windows has no limits")),
    ],
    ids=["waits", "computes"],
)
def test_a_process_that_hangs_is_ended(saved, monkeypatch, code, patience):
    child(monkeypatch, code)
    start = time.perf_counter()
    with pytest.raises(Refused, match=r"could not be read as HDF5 in \d+ seconds") as refused:
        read(saved / "dense.h5", dataclasses.replace(LIMITS, child_seconds=0.3, child_patience=patience))
    assert refused.value.code == "hdf5-timeout"
    assert time.perf_counter() - start < 20


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no signals")
def test_a_process_that_crashes_is_a_refusal(saved, monkeypatch):
    child(monkeypatch, "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)")
    with pytest.raises(Refused, match="ended with SIGSEGV") as refused:
        read(saved / "dense.h5")
    assert refused.value.code == "hdf5-damaged"


def test_a_process_that_does_not_stop_printing_is_ended(saved, monkeypatch):
    child(monkeypatch, "while True: print('x' * 1000, end='')")
    with pytest.raises(Refused, match="more weights than are read"):
        read(saved / "dense.h5", dataclasses.replace(LIMITS, child_output=10_000))


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not limit the address space")
def test_memory_is_limited(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("a", data=np.random.default_rng(0).random(2**22), chunks=(2**22,), compression="lzf")
    assert read(tmp_path / "a.h5").weights.arrays
    with pytest.raises(Refused, match=r"memory|HDF5") as refused:
        read(tmp_path / "a.h5", dataclasses.replace(LIMITS, child_memory=1 << 27))
    assert refused.value.code in ("hdf5-memory", "hdf5-damaged")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such limits")
def test_the_process_opens_no_file():
    code = (
        "import sys; sys.path[:0] = [sys.argv[1]]\n"
        "from hdf5_child.process import restrict\n"
        "restrict(1 << 30, 10)\n"
        "try: open('/dev/null')\n"
        "except OSError as error: print(error.errno)"
    )
    folder = Path(hdf5.__file__).parent
    # Appended to the path the folder's inspect.py would stand before Python's own.
    code = code.replace("sys.path[:0] = [sys.argv[1]]", "sys.path.append(sys.argv[1])")
    result = subprocess.run([sys.executable, "-I", "-c", code, folder], capture_output=True, text=True, check=False)
    assert result.stdout.strip() == "24", result.stderr


def test_many_objects_and_long_attributes_are_refused(saved):
    with pytest.raises(Refused, match="more than 10 groups and arrays") as refused:
        read(saved / "nested.h5", dataclasses.replace(LIMITS, objects=10))
    assert refused.value.code == "hdf5-object"


def test_a_large_array_is_read_in_parts(tmp_path):
    rng = np.random.default_rng(0)
    large = rng.random((3, 1_500_000), np.float32)
    large[2, -1] = np.inf
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["a"] = large
        file["b"] = large[:2].T.reshape(1000, 10, 300)
    with pytest.raises(Refused, match="weight 'a' ") as refused:
        read(tmp_path / "a.h5")
    assert refused.value.code == "not-finite"
