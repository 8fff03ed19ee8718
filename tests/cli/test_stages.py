"""Stages, metrics and groups on the command line: what they do is told by every command that scores."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np

STAGES = ("--calibrate", "temperature", "--coverage", "0.9", "--abstain-risk", "0.3")


def test_combine_and_evaluate_say_what_stages_do_on_rows_that_these_have_not_seen(kerasemble, files, tmp_path):
    out, models = tmp_path / "e.keras", [files / name for name in ("a.keras", "b.h5", "c.keras")]
    common = ("combine", *models, "--data", files / "valid.npz", "--combiner", "weighted-geometric-average")
    made = kerasemble(*common, *STAGES, "--out", out, "--json")
    assert made.code == 0, made.err
    staged = json.loads(made.out)["analysis"]["staged"][0]
    assert staged["calibrated"] == "weighted geometric average, then temperature"
    assert abs(staged["sets"]["held"] - 0.9) < 0.06
    assert staged["answered"]["wrong"] < 0.3
    scored = kerasemble("evaluate", out, *models, "--data", files / "test.npz")
    assert scored.code == 0, scored.err
    said = " ".join(scored.out.split())
    assert "The sets hold the true class in " in said
    assert "(90.0% asked for)" in said
    assert "of the answers are wrong (30.0% allowed)." in said

    # The same by hand, from what bare Keras answers.
    import keras

    data = np.load(files / "test.npz")
    answers = keras.saving.load_model(out).predict(data["x"].astype("float32"), verbose=0)
    held = np.asarray(answers["prediction_set"])[np.arange(300), data["y"]].mean()
    assert f"in {held:.1%} of the rows" in said
    # Ensembles alone too.
    alone = kerasemble("evaluate", out, "--data", files / "test.npz")
    assert alone.code == 0, alone.err
    assert f"The sets hold the true class in {held:.1%}" in " ".join(alone.out.split())


def test_compare_takes_stages_and_the_names_of_classes(kerasemble, files, tmp_path):
    store, data = tmp_path / "run", np.load(files / "valid.npz")
    np.save(tmp_path / "x.npy", data["x"])
    np.save(tmp_path / "y.npy", data["y"])
    models = [files / "a.keras", files / "b.h5"]
    options = ("--classes", "cat,dog,eel")
    assert kerasemble("predict", *models, "--data", tmp_path / "x.npy", *options, "--store", store, "--quiet").code == 0
    # Counted in another order: only names say which class a number means.
    np.save(tmp_path / "turned.npy", 2 - data["y"])
    common = ("compare", "--store", store, "--combiner", "average", *STAGES, "--json")
    plain = json.loads(kerasemble(*common, "--labels", tmp_path / "y.npy").out)
    named = kerasemble(*common, "--labels", tmp_path / "turned.npy", "--classes", "eel,dog,cat")
    assert named.code == 0, named.err
    assert json.loads(named.out) == plain
    assert plain["analysis"]["staged"][0]["sets"]["asked"] == 0.9


def test_15_10_coverage_by_class_is_an_option_and_its_figures_are_told(kerasemble, files, tmp_path):
    models = [files / "a.keras", files / "b.h5"]
    common = ("combine", *models, "--data", files / "valid.npz", "--combiner", "average", "--json")
    made = kerasemble(*common, "--coverage", "0.8", "--coverage-by-class", "--out", tmp_path / "e.keras")
    assert made.code == 0, made.err
    sets = json.loads(made.out)["analysis"]["staged"][0]["sets"]
    assert (sets["asked"], sets["by_class"]) == (0.8, True)
    labels = np.load(files / "valid.npz")["y"]
    assert [each["rows"] for each in sets["of_classes"]] == np.bincount(labels).tolist()
    assert all(each["low"] < each["held"] < each["high"] and each["code"] is None for each in sets["of_classes"])
    alone = kerasemble(*common, "--coverage-by-class", "--out", tmp_path / "f.keras")
    assert alone.code == 2
    assert "--coverage 0.95" in alone.err


def test_metrics_that_are_asked_for_stand_in_the_table(kerasemble, files, tmp_path):
    models, metrics = [files / "a.keras", files / "b.h5"], ("--metric", "macro-f1", "--metric", "auc")
    np.save(tmp_path / "groups.npy", np.arange(300) // 3)
    common = ("evaluate", *models, "--data", files / "test.npz", "--groups", tmp_path / "groups.npy")
    result = kerasemble(*common, *metrics)
    assert result.code == 0, result.err
    assert "macro F1" in result.out
    assert "AUC" in result.out
    told = json.loads(kerasemble(*common, *metrics, "--json").out)
    assert (told["asked"], told["groups"]) == (["macro F1", "AUC"], 100)
    missing = kerasemble(*common[:-1], tmp_path / "none.npy")
    assert missing.code == 2
    assert "none.npy does not exist. Give the .npy file of the groups." in missing.err


def test_a_chain_is_no_combiner_by_name(kerasemble, files, tmp_path):
    result = kerasemble(
        "combine",
        files / "a.keras",
        "--data",
        files / "valid.npz",
        "--combiner",
        "chain",
        "--out",
        tmp_path / "e.keras",
    )
    assert result.code == 2
    assert "A chain is a combiner with stages. Name the combiner" in result.err


def test_the_package_is_a_command_too():
    shown = subprocess.run(
        [sys.executable, "-m", "kerasemble", "--version"], capture_output=True, text=True, check=True
    )
    assert "kerasemble 0." in shown.stdout
