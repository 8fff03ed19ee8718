"""What was predicted elsewhere is compared from files, and a run is the same whatever else the machine does."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import numpy as np
import pytest

import kerasemble as ke

CLASSES = ("cat", "dog", "eel")
Y = np.arange(240) % 3


def predictions(seed):
    values = np.exp(1.5 * np.eye(3)[Y] + np.random.default_rng(seed).normal(size=(240, 3)))
    return values / values.sum(axis=1, keepdims=True)


@pytest.fixture
def saved(tmp_path):
    """A folder as Kaggle has it: a file for each model, of which one has its rows in another order, and labels."""
    order = np.random.default_rng(9).permutation(240)
    np.save(tmp_path / "a.npy", predictions(0))
    np.savez(tmp_path / "c.npz", predictions(2))
    for name, rows in {"b": np.arange(240), "shuffled": order}.items():
        lines = [f"{row}," + ",".join(map(repr, map(float, predictions(1)[row]))) for row in rows]
        (tmp_path / f"{name}.csv").write_text("\n".join(["id,cat,dog,eel", *lines]), encoding="utf-8")
    np.save(tmp_path / "y.npy", Y)
    lines = [f"{row},{CLASSES[Y[row]]}" for row in order]
    (tmp_path / "y.csv").write_text("\n".join(["id,kind", *lines]), encoding="utf-8")
    return tmp_path


def losses(result):
    assert result.code == 0, result.err
    scores = json.loads(result.out)["scores"]
    return {each["name"]: each["metrics"]["log loss"] for each in scores if each["kind"] == "member"}


def log_loss(values):
    return pytest.approx(-np.log(values[np.arange(240), Y]).mean(), abs=1e-6)


def test_15_12_files_of_predictions_are_compared_without_a_store(kerasemble, saved):
    files = [saved / name for name in ("a.npy", "b.csv", "c.npz")]
    result = kerasemble("compare", *files, "--labels", saved / "y.npy", "--json")
    assert losses(result) == {name: log_loss(predictions(seed)) for seed, name in enumerate("abc")}


def test_15_12_rows_and_labels_are_joined_by_id(kerasemble, saved):
    files = [saved / "b.csv", saved / "shuffled.csv"]
    result = kerasemble("compare", *files, "--labels", saved / "y.csv", "--label", "kind", "--id", "id", "--json")
    assert losses(result) == {"b": log_loss(predictions(1)), "shuffled": log_loss(predictions(1))}


def test_15_12_a_store_of_saved_predictions_is_compared_with_all_of_them(kerasemble, saved):
    x = np.random.default_rng(3).normal(size=(240, 2))
    np.savez(saved / "data.npz", x=x, y=Y)
    files = [saved / name for name in ("a.npy", "b.csv", "c.npz")]
    common = ("--data", saved / "data.npz", "--store", saved / "run", "--classes", ",".join(CLASSES))
    result = kerasemble("predict", *files, *common, "--json")
    assert result.code == 0, result.err
    assert json.loads(result.out)["members"] == ["a", "b", "c"]
    found = losses(kerasemble("compare", "--store", saved / "run", "--json"))
    assert found == {name: log_loss(predictions(seed)) for seed, name in enumerate("abc")}


def test_15_12_files_and_a_store_or_neither_are_refused(kerasemble, saved):
    for given in ((), (saved / "a.npy", "--store", saved / "run")):
        assert kerasemble("compare", *given, "--labels", saved / "y.npy").code == 2
    assert kerasemble("compare", saved / "a.npy", saved / "b.csv").code == 2


def test_15_14_the_same_command_gives_the_same_bytes_beside_a_process_that_spins(files, tmp_path):
    x = np.random.default_rng(5).integers(0, 256, (5000, 6, 6, 1)).astype(np.uint8)
    np.save(tmp_path / "x.npy", x)

    def run(store):
        models = [os.fspath(files / name) for name in ("a.keras", "b.h5")]
        where = ["--data", os.fspath(tmp_path / "x.npy"), "--store", os.fspath(store), "--quiet"]
        subprocess.run([sys.executable, "-m", "kerasemble", "predict", *models, *where], check=True)
        return {
            os.fspath(path.relative_to(store)): path.read_bytes()
            for path in store.rglob("*")
            if path.suffix in (".npy", ".json") and path.name != "cost.json"
        }

    alone = run(tmp_path / "alone")
    spinning = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(os.cpu_count() or 1)]
    try:
        beside = run(tmp_path / "beside")
    finally:
        for process in spinning:
            process.kill()
            process.wait()
    assert len(alone) == 9
    assert beside == alone


def test_15_12_predictions_in_files_are_those_in_memory(saved):
    seen = ke.load_predictions([saved / "a.npy", saved / "b.csv"])
    np.testing.assert_allclose(seen.values, [predictions(0), predictions(1)], atol=1e-7)


def test_15_12_labels_without_ids_beside_files_in_two_orders_are_refused(kerasemble, tmp_path):
    values = np.random.default_rng(0).dirichlet(np.ones(3), 40)
    for name, rows in (("a", range(40)), ("b", range(39, -1, -1))):
        lines = ["id,x,y,z", *(",".join([f"r{row:02}", *map(repr, map(float, values[row]))]) for row in rows)]
        (tmp_path / f"{name}.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    np.save(tmp_path / "y.npy", np.arange(40) % 3)
    (tmp_path / "y.csv").write_text("id,kind\n" + "".join(f"r{row:02},{'xyz'[row % 3]}\n" for row in range(40)))
    files = [tmp_path / "b.csv", tmp_path / "a.csv"]
    refused = kerasemble("compare", *files, "--labels", tmp_path / "y.npy", "--combiner", "average")
    assert refused.code == 2
    assert "Row ids of a stand in another order" in refused.err
    joined = kerasemble("compare", *files, "--labels", tmp_path / "y.csv", "--combiner", "average", "--json")
    assert joined.code == 0, joined.err
