"""The commands of the README, as a user runs them."""

from __future__ import annotations

import json

import numpy as np
import pytest

pytestmark = pytest.mark.backend

MODELS = ("a.keras", "b.h5", "c.keras")


@pytest.fixture(scope="module")
def ensemble(files, tmp_path_factory):
    """An ensemble of the three models, saved by the command."""
    import kerasemble as ke

    data = ke.load_data(files / "valid.npz")
    made = ke.combine([files / name for name in MODELS], data.x, data.y, classes=data.classes)
    return made.save(tmp_path_factory.mktemp("ensemble") / "ensemble.keras")


def test_combine_writes_a_model_and_prints_table_and_verdict(kerasemble, files, tmp_path):
    out, report = tmp_path / "ensemble.keras", tmp_path / "report.json"
    models = [files / name for name in MODELS]
    result = kerasemble("combine", *models, "--data", files / "valid.npz", "--out", out, "--report", report)
    assert result.code == 0, result.err
    for word in ("a", "b", "c", "average", "majority", "geometric", "log loss", "accuracy"):
        assert word in result.out
    assert "c: softmax" in " ".join(result.out.split())
    written = json.loads(report.read_text())
    assert written["decision"]["measure"] == "log loss"
    assert out.stat().st_size > 0


def test_the_saved_ensemble_predicts_what_the_report_says(kerasemble, files, ensemble, tmp_path):
    out = tmp_path / "predictions.npz"
    assert kerasemble("predict", ensemble, "--data", files / "plain.npz", "--out", out).code == 0
    import keras

    saved = np.load(out)
    model = keras.saving.load_model(ensemble)
    by_hand = model.predict(np.load(files / "plain.npz")["x"], verbose=0)
    np.testing.assert_allclose(saved["values"][0], by_hand, atol=1e-6)
    assert saved["classes"].tolist() == ["cat", "dog", "eel"]
    assert saved["members"].tolist() == ["ensemble"]


def test_evaluate_compares_the_ensemble_with_its_members_files(kerasemble, files, ensemble):
    result = kerasemble(
        "evaluate", ensemble, *(files / name for name in MODELS), "--data", files / "test.npz", "--json"
    )
    assert result.code == 0, result.err
    scores = {score["name"]: score for score in json.loads(result.out)["scores"]}
    assert {name: score["kind"] for name, score in scores.items()} == {
        "a": "member",
        "b": "member",
        "c": "member",
        "ensemble": "combiner",
    }
    import keras

    data = np.load(files / "test.npz")
    probabilities = keras.saving.load_model(ensemble).predict(data["x"], verbose=0)
    expected = -np.log(probabilities[np.arange(300), data["y"]]).mean()
    assert scores["ensemble"]["metrics"]["log loss"] == pytest.approx(expected, abs=1e-5)
    assert scores["ensemble"]["metrics"]["accuracy"] == pytest.approx((probabilities.argmax(1) == data["y"]).mean())


def test_json_is_all_that_is_printed_and_quiet_prints_nothing(kerasemble, files, tmp_path):
    common = ("combine", files / "a.keras", files / "b.h5", "--data", files / "valid.npz", "--combiner", "average")
    result = kerasemble(*common, "--out", tmp_path / "one.keras", "--json")
    assert json.loads(result.out)["ensemble"] == str(tmp_path / "one.keras")
    quiet = kerasemble(*common, "--out", tmp_path / "two.keras", "--quiet")
    assert (quiet.code, quiet.out, quiet.err) == (0, "", "")


@pytest.mark.parametrize(
    ("options", "name", "weights"),
    [
        (["--weights", "0.5,0.3,0.2"], "weighted-average", [0.5, 0.3, 0.2]),
        (["--weights", "0.5,0.3,0.2", "--combiner", "majority-vote"], "majority-vote", [0.5, 0.3, 0.2]),
        (["--combiner", "geometric-average"], "geometric-average", None),
    ],
)
def test_combine_takes_the_combiner_and_weights_that_were_asked_for(
    kerasemble, files, tmp_path, options, name, weights
):
    import kerasemble as ke
    from kerasemble.combiners.recipes import name_of

    models = [files / each for each in MODELS]
    out = tmp_path / "ensemble.keras"
    result = kerasemble("combine", *models, "--data", files / "valid.npz", "--out", out, *options, "--quiet")
    assert result.code == 0, result.err
    fitted = ke.load(out).combiner
    assert name_of(fitted.combiner) == name
    if weights is None:
        assert fitted.weights is None
    else:
        assert list(fitted.weights.values()) == pytest.approx(weights, abs=1e-6)


def test_members_toml_gives_options_and_paths_relative_to_itself(kerasemble, files, tmp_path):
    toml = files / "members.toml"
    toml.write_text(
        '[[member]]\npath = "a.keras"\nname = "first"\n\n[[member]]\npath = "c.keras"\noutput = "logits"\n', "utf-8"
    )
    out = tmp_path / "ensemble.keras"
    result = kerasemble("combine", "--members", toml, "--data", files / "valid.npz", "--out", out, "--json")
    assert result.code == 0, result.err
    assert json.loads(result.out)["readings"] == {"first": "as it is", "c": "softmax"}


def test_a_folder_of_images_is_data(kerasemble, files, tmp_path):
    image = pytest.importorskip("PIL.Image")
    data = np.load(files / "test.npz")
    for index in range(90):
        folder = tmp_path / "images" / ("cat", "dog", "eel")[data["y"][index]]
        folder.mkdir(parents=True, exist_ok=True)
        image.fromarray(data["x"][index, ..., 0]).save(folder / f"{index:03}.png")
    out = tmp_path / "ensemble.keras"
    result = kerasemble(
        "combine", files / "a.keras", files / "b.h5", "--data", tmp_path / "images", "--out", out, "--json"
    )
    assert result.code == 0, result.err
    assert json.loads(result.out)["samples"] == 90
    import kerasemble as ke

    assert ke.load(out).classes == ("cat", "dog", "eel")


def test_a_store_is_used_by_the_next_command(kerasemble, files, tmp_path):
    store = tmp_path / "run"
    common = (files / "a.keras", files / "b.h5", "--data", files / "valid.npz", "--store", store, "--quiet")
    assert kerasemble("combine", *common, "--out", tmp_path / "one.keras").code == 0
    shards = {path: path.stat().st_mtime_ns for path in store.rglob("0*.npy")}
    assert len(shards) == 2
    assert kerasemble("combine", *common, "--out", tmp_path / "two.keras").code == 0
    assert {path: path.stat().st_mtime_ns for path in store.rglob("0*.npy")} == shards


@pytest.mark.slow
def test_the_demo_beats_every_member_on_rows_that_nobody_has_seen(kerasemble, tmp_path):
    result = kerasemble("demo", "--out", tmp_path / "demo", "--json")
    assert result.code == 0, result.err
    scores = json.loads(result.out)["scores"]
    losses = {score["name"]: score["metrics"]["log loss"] for score in scores}
    assert len(losses) == 9
    assert losses.pop("ensemble") < min(losses.values())
    assert (tmp_path / "demo" / "ensemble.keras").is_file()
    page = (tmp_path / "demo" / "report.html").read_text(encoding="utf-8")
    assert "<h1" in page
    # The doubtful rows are shown as what they are: images of digits.
    assert "data:image/png;base64," in page


def test_an_evaluation_is_written_as_a_page_or_as_json_and_replaces_nothing_unasked(kerasemble, files, tmp_path):
    common = ("evaluate", files / "a.keras", files / "b.h5", "--data", files / "valid.npz", "--quiet", "--report")
    for name in ("report.html", "report.json"):
        assert kerasemble(*common, tmp_path / name).code == 0
        assert kerasemble(*common, tmp_path / name).code == 2
    assert json.loads((tmp_path / "report.json").read_text())["best_member"] in (0, 1)
    assert "<table" in (tmp_path / "report.html").read_text(encoding="utf-8")


@pytest.mark.slow
def test_the_demo_says_what_it_does(kerasemble, tmp_path):
    result = kerasemble("demo", "--out", tmp_path)
    assert result.code == 0, result.err
    for said in ("1. Combine", "2. Score", "kerasemble combine", "best member", str(tmp_path / "ensemble.keras")):
        assert said in result.out


def test_json_says_which_combiner_was_fitted_with_which_weights(kerasemble, files, tmp_path):
    common = ("combine", files / "a.keras", files / "b.h5", "--data", files / "valid.npz", "--weights", "0.25,0.75")
    told = json.loads(kerasemble(*common, "--out", tmp_path / "one.keras", "--json").out)
    assert (told["combiner"]["name"], told["combiner"]["weights"]) == ("weighted-average", [0.25, 0.75])
    assert told["weights"] == pytest.approx({"a": 0.25, "b": 0.75})


def test_max_members_keeps_so_few_and_says_which_are_left_out(kerasemble, files, tmp_path):
    models = [files / name for name in MODELS]
    out = tmp_path / "one.keras"
    common = ("combine", *models, "--data", files / "valid.npz", "--combiner", "weighted-average")
    result = kerasemble(*common, "--max-members", "1", "--out", out)
    assert result.code == 0, result.err
    assert "left out: " in result.out
    import keras

    kept = [layer.name for layer in keras.saving.load_model(out).layers if layer.name.startswith("member_")]
    assert len(kept) == 1


def test_a_class_that_counts_more_is_found_more_often(kerasemble, files, tmp_path):
    found = {}
    for weight in ("1", "50"):
        out = tmp_path / f"{weight}.keras"
        models = [files / name for name in MODELS]
        common = ("combine", *models, "--data", files / "valid.npz", "--combiner", "stacking", "--quiet")
        assert kerasemble(*common, "--class-weight", f"cat={weight}", "--out", out).code == 0
        answers = tmp_path / f"{weight}.npz"
        assert kerasemble("predict", out, "--data", files / "test.npz", "--out", answers, "--quiet").code == 0
        found[weight] = np.mean(np.load(answers)["values"][0, :, 0])
    assert found["50"] > found["1"] + 0.05


def test_85_an_ensemble_is_not_scored_on_the_rows_that_it_was_fitted_to_unless_asked(kerasemble, files, tmp_path):
    models = [files / name for name in MODELS]
    out = tmp_path / "ensemble.keras"
    common = ("--data", files / "valid.npz")
    assert kerasemble("combine", *models, *common, "--combiner", "stacking", "--out", out, "--quiet").code == 0
    refused = kerasemble("evaluate", out, *models, *common)
    assert refused.code == 2
    assert "'ensemble' was fitted to these very rows" in refused.err
    assert kerasemble("evaluate", out, *models, *common, "--fitted-rows").code == 0
    assert kerasemble("evaluate", out, *models, "--data", files / "test.npz").code == 0


def test_compare_reads_a_store_and_opens_no_model(kerasemble, files, tmp_path):
    store, models = tmp_path / "run", [files / name for name in MODELS]
    predicted = kerasemble("predict", *models, "--data", files / "valid.npz", "--store", store)
    assert predicted.code == 0, predicted.err
    assert f"Written: {store}" in predicted.out
    result = kerasemble("compare", "--store", store, "--json", "--cv", "3")
    assert result.code == 0, result.err
    found = json.loads(result.out)

    import kerasemble as ke

    data = ke.load_data(files / "valid.npz")
    members = [ke.Member(path) for path in models]
    wanted = ke.compare(ke.predict(members, data.x, classes=data.classes), data.y, cv=3).to_json()
    assert found["scores"] == wanted["scores"]
    shown = kerasemble("compare", "--store", store, "--combiner", "average", "--combiner", "majority-vote")
    assert "majority vote" in shown.out


def test_compare_takes_labels_of_their_own(kerasemble, files, tmp_path):
    store = tmp_path / "run"
    np.save(tmp_path / "x.npy", np.load(files / "valid.npz")["x"])
    np.save(tmp_path / "y.npy", np.load(files / "valid.npz")["y"])
    models = [files / name for name in MODELS]
    assert kerasemble("predict", *models, "--data", tmp_path / "x.npy", "--store", store, "--quiet").code == 0
    without = kerasemble("compare", "--store", store)
    assert without.code == 2
    assert "has no labels. Give them: --labels y.npy" in without.err
    assert kerasemble("compare", "--store", store, "--labels", tmp_path / "y.npy").code == 0
    wrong = kerasemble("compare", "--store", store, "--labels", files / "valid.npz")
    assert wrong.code == 2
    assert "is an archive of arrays" in wrong.err
    assert kerasemble("compare", "--store", tmp_path).code == 2


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ([], "Nothing would be kept. Give --out FILE.npz, --store FOLDER"),
        (["--out", "p.npz", "--ray", "local"], "--ray writes into a store. Give --store"),
        (["--out", "p.npz", "--actors", "2"], "--actors goes with --ray"),
        (["--store", "run", "--dtype", "int8"], "'int8' is not one of"),
        (["--out", "p.npz", "--label", "y"], "takes no label="),
    ],
)
def test_predict_says_which_options_go_together(kerasemble, files, options, said):
    result = kerasemble("predict", files / "a.keras", "--data", files / "valid.npz", *options)
    assert result.code == 2
    assert said in result.err
