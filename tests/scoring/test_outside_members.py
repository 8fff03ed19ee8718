"""Members that are no Keras model take part in everything except the making of one."""

from __future__ import annotations

import numpy as np
import pytest

import kerasemble as ke

RNG = np.random.default_rng(0)
X = RNG.normal(size=(90, 6)).astype(np.float32)
Y = X[:, :3].argmax(axis=1)
NAMES = ["cat", "dog", "eel"]


def soft(x):
    """A function that knows the classes: the softmax of what they are made from."""
    values = np.exp(2 * x[:, :3])
    return values / values.sum(axis=1, keepdims=True)


@pytest.fixture(scope="module")
def forest():
    from sklearn.ensemble import RandomForestClassifier

    return RandomForestClassifier(20, random_state=0).fit(X[:60], np.array(NAMES)[Y[:60]])


@pytest.fixture
def saved(tmp_path):
    """A file of predictions for X, as NumPy writes it."""
    np.save(tmp_path / "saved.npy", soft(X) ** 2 / (soft(X) ** 2).sum(axis=1, keepdims=True))
    return tmp_path / "saved.npy"


def test_a_forest_a_function_and_saved_predictions_are_read_as_they_answer(forest, saved):
    seen = ke.predict([forest, soft, saved], X, classes=NAMES)
    assert seen.members == ("RandomForestClassifier", "soft", "saved")
    np.testing.assert_allclose(seen.values[0], forest.predict_proba(X), atol=1e-6)
    np.testing.assert_allclose(seen.values[1], soft(X), atol=1e-6)
    np.testing.assert_allclose(seen.values[2], np.load(saved), atol=1e-6)
    assert [reading.steps for reading in seen.alignment.readings] == [
        ("by RandomForestClassifier",),
        ("by a function",),
        ("from saved predictions",),
    ]


def test_the_classes_of_an_estimator_align_it_by_name(forest):
    seen = ke.predict([forest, ke.Member(soft, classes=NAMES)], X, classes=["eel", "cat", "dog"])
    np.testing.assert_allclose(seen.values[0], forest.predict_proba(X)[:, [2, 0, 1]], atol=1e-6)
    np.testing.assert_allclose(seen.values[1], soft(X)[:, [2, 0, 1]], atol=1e-6)


def test_images_are_flattened_for_an_estimator_that_was_fitted_so():
    from sklearn.linear_model import LogisticRegression

    images = X.reshape(-1, 3, 2)
    model = LogisticRegression().fit(X, Y)
    seen = ke.predict([model], images)
    np.testing.assert_allclose(seen.values[0], model.predict_proba(X), atol=1e-6)
    assert seen.alignment.readings[0].steps == ("flatten to 6", "by LogisticRegression")


@pytest.mark.backend
def test_they_combine_with_a_keras_model_and_predict_new_rows(forest, dense, answer):
    model = dense(0, "net")
    ensemble = ke.combine([model, forest, soft], X, Y, ke.Average(), classes=NAMES)
    by_hand = (answer(model, X) + forest.predict_proba(X) + soft(X)) / 3
    np.testing.assert_allclose(ensemble.predict(X[:7]), by_hand[:7], atol=1e-6)
    for save in (ensemble.to_keras, lambda: ensemble.save("never.keras")):
        with pytest.raises(ke.KerasembleError, match=r"'RandomForestClassifier' is a Random.*to_keras"):
            save()
    with pytest.raises(ke.KerasembleError, match="'soft' is a function, which cannot be part of a Keras model"):
        ke.Ensemble([soft, forest]).to_keras()


def test_what_predict_wrote_is_a_member_for_those_rows_only(tmp_path):
    path = ke.predict([soft, ke.Member(soft, name="again")], X, classes=NAMES).save(tmp_path / "seen.npz")
    seen = ke.predict([ke.Member(path, head="again")], X)
    assert seen.classes == tuple(NAMES)
    np.testing.assert_allclose(seen.values[0], soft(X), atol=1e-6)
    with pytest.raises(ke.KerasembleError, match=r"seen.npz has 2 members: soft, again. Choose one with head=NAME"):
        ke.predict([path], X)
    with pytest.raises(ke.KerasembleError, match="made from other data, or from these rows in another order"):
        ke.predict([ke.Member(path, head="soft")], X[::-1])


@pytest.mark.parametrize(
    ("write", "said"),
    [
        pytest.param(lambda path: np.save(path, soft(X)[:9]), "for 9 rows, the data has 90", id="38"),
        pytest.param(lambda path: np.save(path, soft(X).argmax(axis=1)), "look like label indices", id="76"),
        pytest.param(lambda path: np.save(path, soft(X).T), "for 3 rows, the data has 90", id="77"),
        pytest.param(lambda path: path.write_bytes(b"nothing"), "cannot be read as saved predictions", id="damaged"),
        pytest.param(lambda path: np.save(path, np.array([{}])), "cannot be read as saved predictions", id="objects"),
    ],
)
def test_saved_predictions_that_cannot_be_right_are_refused(write, said, tmp_path):
    path = tmp_path / "odd.npy"
    write(path)
    with pytest.raises(ke.KerasembleError, match=said):
        ke.predict([path], X)


def test_what_a_function_raises_or_returns_amiss_names_the_member():
    def breaks(_x):
        msg = "out of luck"
        raise RuntimeError(msg)

    for function, said in {
        breaks: "Member 'breaks' failed when it was run: RuntimeError: out of luck",
        (lambda x: soft(x)[:1]): "Member 'lambda' returned 1 rows for 2 samples",
        (lambda x: [{} for _ in x]): "Member 'lambda' has dtype object",
    }.items():
        with pytest.raises(ke.KerasembleError, match=said):
            ke.predict([function], X)


def test_a_function_that_answers_otherwise_each_time_is_refused():
    rng = np.random.default_rng(0)
    with pytest.raises(ke.KerasembleError, match=r"'lambda' is random: asked twice"):
        ke.predict([lambda x: rng.dirichlet([1, 1, 1], len(x))], X)
    with pytest.raises(ke.KerasembleError, match=r"'lambda' answers a row otherwise when other rows stand beside it"):
        ke.predict([lambda x: soft(x - x.mean(axis=0))], X)


def test_preprocess_is_for_keras_models():
    with pytest.raises(ke.KerasembleError, match="Member 'soft' is a function, which takes the data as it is"):
        ke.Member(soft, preprocess="0..1")


def test_what_is_nothing_that_answers_is_refused():
    for source in (3, dict, None):
        with pytest.raises(ke.KerasembleError, match=r"A member is a keras.Model, the path of one, an object"):
            ke.Member(source)
