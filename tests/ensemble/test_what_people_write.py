"""What people write first works, wherever rows, combiners, weights and ensembles are asked for."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import kerasemble as ke
from kerasemble.combiners import as_combiner, registry
from kerasemble.core.codes import Code
from kerasemble.core.labels import encode_labels

# Labels are drawn at random, which is said.
pytestmark = [pytest.mark.backend, pytest.mark.filterwarnings("ignore::kerasemble.KerasembleWarning")]

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 6)).astype(np.float32)
Y = RNG.integers(0, 3, 60)
P = RNG.dirichlet(np.ones(3), (3, 60)).astype(np.float32)
SEEN = ke.Predictions.from_arrays(dict(zip("abc", P, strict=True)))


def code_of(call):
    """The code of what a call raises."""
    with pytest.raises(ke.KerasembleError) as caught:
        call()
    return caught.value.code


def linear(rows, seed):
    """The answer of a linear classifier of random weights."""
    raw = np.exp(rows @ np.random.default_rng(seed).normal(size=(6, 3)))
    return raw / raw.sum(axis=1, keepdims=True)


@pytest.fixture(scope="module")
def members(dense):
    """Three models, one of which answers in logits."""
    return [dense(1, "a"), dense(2, "b"), ke.Member(dense(3, "c", activation=None), output="logits")]


@given(weights=arrays(np.float64, 3, elements=st.floats(0.1, 10)), dtype=st.sampled_from(["f2", "f4", "f8"]))
def test_15_15_weights_are_the_same_as_an_array_a_list_and_by_name(weights, dtype):
    weights = weights.astype(dtype)
    listed = weights.tolist()
    forms = [weights, listed, tuple(listed), dict(zip("abc", weights, strict=True))]
    for kind in (ke.WeightedAverage, ke.MajorityVote):
        recipes = [kind(weights=form) for form in forms]
        assert recipes[0] == recipes[1] == recipes[2]
        answers = [recipe.fit(SEEN)(SEEN) for recipe in recipes]
        for answer in answers[1:]:
            np.testing.assert_array_equal(answer, answers[0])


@pytest.mark.parametrize("weights", [{0.5, 0.3, 0.2}, b"abc", np.ones((3, 2)), [0.5, None, 0.2], None, [], 1j])
def test_15_15_weights_in_no_order_or_no_numbers_are_refused(weights):
    assert code_of(lambda: ke.WeightedAverage(weights=weights)) == Code.OPTION


def test_15_15_arrays_are_predictions_by_name_in_a_list_and_in_one_array():
    mean = P.mean(axis=0)
    fitted = ke.Average().fit(SEEN)
    for form in (dict(zip("abc", P, strict=True)), list(P), P):
        np.testing.assert_allclose(fitted(form), mean, rtol=1e-6)
        np.testing.assert_allclose(ke.Average().fit(form)(form), mean, rtol=1e-6)
        np.testing.assert_array_equal(fitted.decide(form), mean.argmax(axis=1))
    assert ke.Predictions.from_arrays(P).members == ("m0", "m1", "m2")
    report = ke.compare(P, Y, ["mean"], cv=2, repeats=1, metrics=["accuracy"])
    assert report["m0"].accuracy == pytest.approx((P[0].argmax(axis=1) == Y).mean())


def test_15_15_a_fit_that_left_members_out_does_not_guess_whose_an_array_is():
    fitted = ke.WeightedAverage(weights=[0, 1, 1]).fit(SEEN)
    assert fitted.left_out == ("a",)
    np.testing.assert_allclose(fitted(dict(zip("abc", P, strict=True))), P[1:].mean(axis=0), rtol=1e-6)
    assert code_of(lambda: fitted(P[1:])) == Code.NO_SUCH_MEMBER


def test_15_16_an_ensemble_predicts_whatever_rows_come_in(members, tmp_path):
    ensemble = ke.Ensemble(members, "mean")
    expected = ensemble.predict(X)
    np.savez(tmp_path / "data.npz", x=X, y=Y)
    np.save(tmp_path / "data.npy", X)
    forms = {
        "list": X.tolist(),
        "batches": [X[:40], X[40:]],
        "labelled batches": [(X[:40], Y[:40]), (X[40:], Y[40:])],
        "npz": tmp_path / "data.npz",
        "npy": str(tmp_path / "data.npy"),
        "load_data": ke.load_data(tmp_path / "data.npz"),
    }
    for name, form in forms.items():
        np.testing.assert_allclose(ensemble.predict(form), expected, atol=1e-6, err_msg=name)
    # And labels that come with the rows are those that it is fitted to.
    learned = [ke.Ensemble(members, "stacking").fit(*data) for data in ((X, Y), (tmp_path / "data.npz",))]
    np.testing.assert_allclose(learned[0].predict(X), learned[1].predict(X), atol=1e-5)


def test_15_16_an_ensemble_predicts_a_data_loader(members):
    data = pytest.importorskip("torch").utils.data
    loader = data.DataLoader(list(zip(X, Y, strict=True)), batch_size=16)
    ensemble = ke.Ensemble(members, "mean")
    np.testing.assert_allclose(ensemble.predict(loader), ensemble.predict(X), atol=1e-6)


def test_15_16_an_ensemble_predicts_a_tensorflow_data_set(members):
    tf = pytest.importorskip("tensorflow")
    ensemble = ke.Ensemble(members, "mean")
    batches = tf.data.Dataset.from_tensor_slices((X, Y)).batch(16)
    np.testing.assert_allclose(ensemble.predict(batches), ensemble.predict(X), atol=1e-6)


def test_15_16_evaluate_takes_ensembles_as_they_are(members):
    mean, vote = ke.Ensemble(members, "mean"), ke.Ensemble(members, "vote")
    own = ke.Ensemble([lambda rows: linear(rows, 1), lambda rows: linear(rows, 2)])
    report = ke.evaluate([mean, vote, own, *members], X, Y)
    for name, each in {"ensemble": mean, "ensemble-2": vote, "ensemble-3": own}.items():
        assert report[name].kind == "combiner"
        assert report[name].accuracy == pytest.approx((each.predict(X).argmax(axis=1) == Y).mean())
    alone = ke.evaluate(mean, X, Y)
    assert alone["ensemble"].log_loss == pytest.approx(report["ensemble"].log_loss, abs=1e-6)


def test_15_16_evaluate_refuses_an_ensemble_that_learned_from_these_rows(members):
    ensemble = ke.Ensemble(members, "weighted-average").fit(X, Y)
    with pytest.raises(ke.KerasembleError, match="fitted_rows"):
        ke.evaluate([ensemble], X, Y)
    unfitted = ke.Ensemble(members, "weighted-average")
    with pytest.raises(ke.KerasembleError, match="fit"):
        ke.evaluate([unfitted], X, Y)


def test_15_16_combine_takes_weights_of_which_only_ratios_matter(members):
    options = {"cv": 2, "repeats": 1, "metrics": ["accuracy"]}
    ensembles = [ke.combine(members, X, Y, weights=weights, **options) for weights in ([2, 1, 1], [0.5, 0.25, 0.25])]
    by_hand = ke.Ensemble(members, ke.WeightedAverage(weights=(2, 1, 1))).predict(X)
    for ensemble in ensembles:
        np.testing.assert_allclose(ensemble.predict(X), by_hand, atol=1e-6)
    vote = ke.combine(members, X, Y, "voting", weights={"a": 2, "b": 1, "c": 1}, **options)
    assert vote.combiner.combiner == ke.MajorityVote(weights={"a": 2, "b": 1, "c": 1})
    assert code_of(lambda: ke.combine(members, X, Y, "mean", weights=[1, 1, 1])) == Code.OPTION
    chosen = ke.WeightedAverage(weights=[1, 1, 2])
    assert code_of(lambda: ke.combine(members, X, Y, chosen, weights=[1, 1, 1])) == Code.OPTION


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("vote", ke.MajorityVote()),
        ("voting", ke.MajorityVote()),
        ("hard-voting", ke.MajorityVote()),
        ("mean", ke.Average()),
        ("soft_voting", ke.Average()),
        ("Soft voting", ke.Average()),
        ("blend", ke.WeightedAverage()),
        ("WeightedAverage", ke.WeightedAverage()),
        (ke.Stacking, ke.Stacking()),
    ],
)
def test_15_16_usual_names_of_combiners_are_understood(name, meant):
    assert as_combiner(name) == meant


def test_15_16_no_combiner_is_hidden_by_another_name_for_one():
    assert all(type(as_combiner(name)) is kind for name, kind in registry().items() if name != "chain")
    assert code_of(lambda: as_combiner("randomforest")) == Code.NO_SUCH_COMBINER


TEXTS = np.array(["a good film", "a bad one"] * 30)


@pytest.mark.parametrize(
    ("rows", "code"),
    [
        pytest.param({"image": X, "table": X[:, :2]}, Code.INPUT_SEVERAL, id="dict"),
        pytest.param([X, X[:, :2]], Code.INPUT_SEVERAL, id="list"),
        pytest.param((X, X[:, :2]), Code.INPUT_SEVERAL, id="tuple"),
        pytest.param(TEXTS, Code.INPUT_TEXT, id="text"),
        pytest.param(TEXTS.astype(object), Code.INPUT_TEXT, id="objects"),
        pytest.param(TEXTS[:, None].tolist(), Code.INPUT_TEXT, id="text-in-a-column"),
    ],
)
def test_15_17_inputs_that_are_not_supported_are_called_by_their_kind(members, rows, code):
    for call in (ke.Ensemble(members).predict, lambda data: ke.predict(members, data)):
        assert code_of(lambda call=call: call(rows)) == code


@pytest.mark.parametrize(
    ("targets", "code"),
    [
        pytest.param(RNG.normal(size=60), Code.TASK_REGRESSION, id="regression"),
        pytest.param(RNG.normal(size=(60, 1)), Code.TASK_REGRESSION, id="regression-in-a-column"),
        pytest.param(RNG.integers(0, 2, (60, 3)) | np.eye(3, dtype=int)[Y], Code.TASK_MULTILABEL, id="multi-label"),
        pytest.param(RNG.integers(0, 3, (60, 4, 4)), Code.TASK_PER_PIXEL, id="per-pixel"),
    ],
)
def test_15_17_targets_of_another_task_are_refused_before_anything_is_run(targets, code):
    def never(_rows):
        raise AssertionError

    for call in (ke.combine, ke.evaluate, ke.check):
        assert code_of(lambda call=call: call([never, never], X, targets)) == code
    assert code_of(lambda: ke.compare(P, targets)) == code


def test_15_17_one_slip_in_the_labels_is_not_another_task():
    fraction = Y.astype(float)
    fraction[3] = 0.5
    twice = np.eye(3)[Y]
    twice[3] = 1, 1, 0
    for labels in (fraction, twice):
        assert code_of(lambda labels=labels: encode_labels(labels, ("0", "1", "2"), 60)) == Code.INVALID


def test_15_17_members_of_another_task_are_refused_by_their_values():
    prices = RNG.uniform(10, 500, 60)
    arrays_of = {"a": prices, "b": prices + 1}
    assert code_of(lambda: ke.Predictions.from_arrays(arrays_of, ["no", "yes"])) == Code.TASK_REGRESSION
    with pytest.raises(ke.KerasembleError) as caught:
        ke.Predictions.from_arrays(arrays_of, ["no", "yes"])
    assert "output" not in caught.value.options
    assert code_of(lambda: ke.Predictions.from_arrays({"a": np.ones((60, 4, 4, 3)) / 3})) == Code.TASK_PER_PIXEL
    # All logits of a rare class may be negative: that is no regression.
    rare = RNG.uniform(-9, -1, 60)
    assert code_of(lambda: ke.Predictions.from_arrays({"a": rare}, ["no", "yes"])) == Code.INVALID
