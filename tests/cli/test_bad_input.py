"""Bad input on the command line: exit code 2, one clear error, nothing lost. Numbers as in the list of bad inputs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytestmark = pytest.mark.backend

COMMAND = [sys.executable, "-c", "from kerasemble.cli import main; main()"]
# Ctrl-C at the moment when the first member has run.
INTERRUPTED = """
import os, signal
from kerasemble.scoring.shards import Shards

# A shell that runs its jobs in the background has them ignore it.
signal.signal(signal.SIGINT, signal.default_int_handler)

put = Shards.put

def interrupted(*args):
    put(*args)
    os.kill(os.getpid(), signal.SIGINT)

Shards.put = interrupted
from kerasemble.cli import main
main()
"""


@pytest.fixture
def combine(kerasemble, files, tmp_path):
    """Run `kerasemble combine` of two good models, with changes."""

    def run(*extra, models=("a.keras", "b.h5"), data="valid.npz", out=tmp_path / "ensemble.keras"):
        paths = [files / model for model in models]
        return kerasemble("combine", *paths, "--data", files / data, "--out", out, *extra)

    return run


@pytest.mark.parametrize(
    ("options", "said"),
    [
        pytest.param(["--membrs", "x"], "--members", id="124-unknown-option-near-match"),
        pytest.param(["--combiner", "weighted-avrage"], "Did you mean 'weighted-average'?", id="124-unknown-combiner"),
        pytest.param(["--weights", "1.5,-0.5"], "-0.5", id="125-weights-negative"),
        pytest.param(["--weights", "0.5,0.3,0.2"], "3 weights for 2 members (a, b)", id="125-weights-too-many"),
        pytest.param(["--weights", "nan,0.5"], "nan", id="87-weights-nan"),
        pytest.param(["--weights", "half,half"], "numbers separated by commas", id="125-weights-words"),
        pytest.param(["--weights", "0,0"], "All weights are zero", id="125-weights-zero"),
        pytest.param(["--classes", "cat,dog"], "Leave --classes out", id="127-classes-and-data-differ"),
        pytest.param(["--combiner", "average", "--weights", "0.5,0.5"], "Leave one out", id="127-weights-for-average"),
        pytest.param(["--data-range", "255..0"], "LOW..HIGH", id="127-range-backwards"),
        pytest.param(["--image-size", "64"], "HEIGHTxWIDTH", id="124-image-size"),
        pytest.param(["--batch-size", "0"], "--batch-size", id="132-batch-size"),
        pytest.param(["--cv", "1"], "--cv", id="132-one-fold"),
        pytest.param(["--max-members", "0"], "--max-members", id="132-no-member"),
        pytest.param(["--class-weight", "cat"], "Write balanced, or NAME=W,...", id="124-class-weight"),
        pytest.param(["--class-weight", "cat=much"], "Write balanced, or NAME=W,...", id="124-class-weight-word"),
        pytest.param(["--class-weight", "cow=2"], "names 'cow', which is no class", id="52-class-weight-of-no-class"),
        pytest.param(["--class-weight", "cat=-1"], "finite number, not negative", id="87-class-weight-negative"),
        pytest.param(
            ["--weights", "scores", "--combiner", "majority-vote"],
            "goes with weighted-average",
            id="127-vote-by-scores",
        ),
    ],
)
def test_bad_options_are_refused_with_the_cure_before_anything_is_written(combine, tmp_path, options, said):
    result = combine(*options)
    assert result.code == 2
    assert said in result.err
    assert "Traceback" not in result.err
    assert not (tmp_path / "ensemble.keras").exists()


def test_126_class_names_must_be_as_many_as_classes(combine, files):
    data = np.load(files / "valid.npz")
    np.savez(files / "unnamed.npz", x=data["x"], y=data["y"])
    result = combine("--classes", "cat,dog", data="unnamed.npz")
    assert result.code == 2
    assert "2 class names" in result.err
    assert "3 classes" in result.err


def test_124_a_mistyped_command_names_the_nearest(kerasemble):
    result = kerasemble("combin", "a.keras")
    assert result.code == 2
    assert "Did you mean 'combine'?" in result.err


@pytest.mark.parametrize(
    ("models", "said"),
    [
        pytest.param(("none.keras",), "none.keras does not exist", id="1-missing"),
        pytest.param(("empty.keras",), "empty.keras is empty (0 bytes)", id="3-empty"),
        pytest.param(("wrong.keras",), "wrong.keras is HDF5", id="5-wrong-suffix"),
        pytest.param((), "Give their paths", id="36-no-members"),
        pytest.param(("hf://a/b",), "Download the file", id="131-address"),
    ],
)
def test_bad_model_files_are_named(kerasemble, files, tmp_path, models, said):
    (files / "empty.keras").write_bytes(b"")
    (files / "wrong.keras").write_bytes((files / "b.h5").read_bytes())
    paths = [model if "://" in model else files / model for model in models]
    result = kerasemble("combine", *paths, "--data", files / "valid.npz", "--out", tmp_path / "e.keras")
    assert result.code == 2
    assert said in result.err
    assert "Traceback" not in result.err


@pytest.mark.parametrize(
    ("change", "said"),
    [
        pytest.param({"x": np.zeros((0, 6, 6, 1))}, "no rows", id="37-no-rows"),
        pytest.param({"y": np.zeros(7, dtype=int)}, "7 labels for 300 rows", id="59-length"),
        pytest.param({"y": np.arange(300) % 3 + 1}, "count from 1", id="53-from-one"),
        pytest.param({"y": np.full(300, -1)}, "Received: -1", id="55-negative"),
        pytest.param({"y": np.full(300, 3.7)}, "3.7", id="56-float"),
        pytest.param({"y": np.full(300, np.nan)}, "NaN", id="57-nan"),
        pytest.param({"y": np.full((300, 3), 0.5)}, "sum to one", id="58-soft"),
        pytest.param({"y": np.array(["cat", "cow"] * 150)}, "cow", id="52-unknown-names"),
        pytest.param({"x": np.full((300, 6, 6, 1), np.nan)}, "NaN or infinity in 300 of 300 rows", id="42-nan-rows"),
        pytest.param({"x": np.zeros((300, 5))}, "6x6x1", id="24-input-shape"),
        pytest.param({"x": None}, "has no 'x'", id="48-no-x"),
        pytest.param({"y": None}, "has no labels", id="52-no-labels"),
    ],
)
def test_bad_data_and_labels_are_named(combine, files, change, said):
    data = {**np.load(files / "valid.npz"), **change}
    np.savez(files / "bad.npz", **{key: value for key, value in data.items() if value is not None})
    result = combine(data="bad.npz")
    assert result.code == 2, result.out
    assert said in result.err
    assert "Traceback" not in result.err


def test_48_an_object_array_is_refused_without_opening_the_pickle(combine, files):
    ragged = np.array([np.zeros(3), np.zeros(4)], dtype=object)
    np.savez(files / "object.npz", x=ragged, y=np.zeros(2))
    result = combine(data="object.npz")
    assert result.code == 2
    assert "Save numbers with np.savez" in result.err


def test_101_a_file_that_exists_is_kept_unless_overwrite_is_given(combine, tmp_path):
    out = tmp_path / "ensemble.keras"
    out.write_bytes(b"precious")
    result = combine()
    assert result.code == 2
    assert "--overwrite" in result.err
    assert out.read_bytes() == b"precious"
    assert combine("--overwrite", "--quiet").code == 0
    assert out.read_bytes() != b"precious"
    assert [path.name for path in tmp_path.iterdir()] == ["ensemble.keras"]


def test_30_a_member_given_twice_is_warned_about(combine):
    result = combine(models=("a.keras", "a.keras"))
    assert result.code == 0, result.err
    assert "Warning: Members 'a' and 'a-2'" in result.err
    assert "duplicate counts twice" in result.err


def test_35_one_member_is_allowed_and_said(combine):
    result = combine(models=("a.keras",))
    assert result.code == 0, result.err
    assert "nothing to combine" in result.err


@pytest.mark.parametrize(
    ("toml", "said"),
    [
        pytest.param('[[member]]\nname = "x"\n', "there is no path", id="no-path"),
        pytest.param('[[member]]\npath = "a.keras"\npreproces = "0..1"\n', "Did you mean 'preprocess'?", id="124-key"),
        pytest.param('[[member]]\npath = "a.keras"\noutput = "logit"\n', "'logit'", id="124-output"),
        pytest.param('[[member]]\npath = "a.keras"\nclasses = "cat"\n', "must be a list", id="classes-text"),
        pytest.param('[[member]]\npath = "a.keras"\nname = 3\n', "must be text", id="name-number"),
        pytest.param("[[member]\n", "is not TOML", id="not-toml"),
        pytest.param("", "has no members", id="empty"),
        pytest.param(
            '[[member]]\npath = "a.keras"\nname = "x"\n[[member]]\npath = "b.h5"\nname = "x"\n',
            "Two members have one name: x",
            id="34-one-name-twice",
        ),
    ],
)
def test_bad_members_toml_is_named(kerasemble, files, tmp_path, toml, said):
    path = files / "bad.toml"
    path.write_text(toml, encoding="utf-8")
    result = kerasemble("combine", "--members", path, "--data", files / "valid.npz", "--out", tmp_path / "e.keras")
    assert result.code == 2
    assert said in result.err


@pytest.mark.slow
def test_128_a_path_that_is_not_utf8_works_and_is_printed_as_it_is(files, tmp_path):
    folder = os.fsencode(tmp_path) + b"/mod\xe8les"
    os.mkdir(folder)  # noqa: PTH102 - bytes, which pathlib does not take
    for name in ("a.keras", "b.h5"):
        Path(os.fsdecode(folder), name).write_bytes((files / name).read_bytes())
    out = folder + b"/r\xe9sultat.keras"
    models = [folder + b"/a.keras", folder + b"/b.h5"]
    command = [*COMMAND, "combine", *models, "--data", os.fspath(files / "valid.npz"), "--out", out]
    result = subprocess.run(command, capture_output=True, check=False)
    assert result.returncode == 0, result.stderr
    assert b"Ensemble: " + out in result.stdout
    assert os.path.getsize(out) > 0  # noqa: PTH202 - as above


@pytest.mark.slow
def test_129_ctrl_c_ends_with_130_leaves_no_half_file_and_goes_on_from_the_store(kerasemble, files, tmp_path):
    store, out = tmp_path / "run", tmp_path / "ensemble.keras"
    models = [os.fspath(files / name) for name in ("a.keras", "b.h5", "c.keras")]
    options = ["--data", os.fspath(files / "valid.npz"), "--out", os.fspath(out), "--store", os.fspath(store)]
    command = [sys.executable, "-c", INTERRUPTED, "combine", *models, *options]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 130, result.stderr
    assert "Interrupted." in result.stderr
    assert "Traceback" not in result.stderr
    assert list(tmp_path.iterdir()) == [store]
    assert {path.name for path in store.rglob(".*")} == {".lock"}
    assert kerasemble("combine", *models, *options, "--quiet").code == 0


def test_130_a_reader_that_goes_away_is_no_error():
    command = f"{sys.executable} -c 'from kerasemble.cli import main; main()' combine --help | head -n 1"
    result = subprocess.run(["bash", "-o", "pipefail", "-c", command], capture_output=True, text=True, check=False)
    assert "Traceback" not in result.stderr
    assert result.stdout.startswith("Usage:")


def test_a_name_that_the_system_refuses_is_no_traceback(combine, tmp_path):
    result = combine(out=tmp_path / f"{'x' * 300}.keras")
    assert result.code == 2
    assert "File name too long" in result.err
    assert "Traceback" not in result.err


def test_127_outputs_are_neither_one_another_nor_an_input_even_with_overwrite(combine, kerasemble, files, tmp_path):
    out = tmp_path / "ensemble.keras"
    same = combine("--report", out)
    assert same.code == 2
    assert "would be written twice" in same.err
    before = (files / "a.keras").read_bytes()
    over = combine("--overwrite", out=files / "a.keras")
    assert over.code == 2
    assert "a.keras is read here" in over.err
    assert (files / "a.keras").read_bytes() == before
    data = (files / "test.npz").read_bytes()
    path = files / "test.npz"
    assert kerasemble("predict", files / "a.keras", "--data", path, "--out", path, "--overwrite").code == 2
    assert path.read_bytes() == data


@pytest.mark.parametrize(("command", "name"), [("combine", "ensemble.h5"), ("predict", "predictions.csv")])
def test_a_wrong_suffix_is_refused_before_a_model_is_run(kerasemble, files, tmp_path, command, name):
    store = tmp_path / "run"
    common = (files / "a.keras", "--data", files / "valid.npz", "--store", store)
    result = kerasemble(command, *common, "--out", tmp_path / name)
    assert result.code == 2
    assert "saved as" in result.err
    assert not store.exists()


def test_101_the_demo_replaces_nothing_but_its_own(kerasemble, tmp_path):
    (tmp_path / "ensemble.keras").write_bytes(b"precious")
    result = kerasemble("demo", "--out", tmp_path)
    assert result.code == 2
    assert "exists" in result.err
    assert (tmp_path / "ensemble.keras").read_bytes() == b"precious"


def test_one_sample_is_not_taken_for_many(kerasemble, files, tmp_path):
    np.savez(files / "one.npz", x=np.zeros((6, 6, 1), np.uint8))
    result = kerasemble("predict", files / "a.keras", "--data", files / "one.npz", "--out", tmp_path / "p.npz")
    assert result.code == 2
    assert "x[None]" in result.err


@pytest.mark.slow
def test_quiet_prints_nothing_though_backends_greet(files, tmp_path):
    arguments = ["predict", files / "a.keras", "--data", files / "plain.npz", "--out", tmp_path / "p.npz", "--quiet"]
    result = subprocess.run([*COMMAND, *map(os.fspath, arguments)], capture_output=True, text=True, check=False)
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
