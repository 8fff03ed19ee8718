"""What raw values are: told from what models really return, and refused in doubt."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit, log_softmax, softmax

from kerasemble.core.errors import KerasembleError
from kerasemble.core.outputs import check_finite, decide, look_at, standardise

SAMPLES = 400


def logits(classes, samples=SAMPLES, seed=0):
    """Logits as a trained network has them: one class stands out, by a row's own margin."""
    rng = np.random.default_rng(seed)
    margin = rng.gamma(2, 3, size=(samples, 1))
    return rng.normal(size=(samples, classes)) * 2 + margin * np.eye(classes)[rng.integers(0, classes, samples)]


KINDS = {
    "probabilities": lambda raw, dtype: softmax(raw.astype(dtype), axis=-1),
    "logits": lambda raw, dtype: raw.astype(dtype),
    "log-probabilities": lambda raw, dtype: log_softmax(raw.astype(dtype), axis=-1),
    "percentages": lambda raw, dtype: 100 * softmax(raw.astype(dtype), axis=-1),
    "sigmoids": lambda raw, dtype: expit(raw.astype(dtype)),
    "transposed": lambda raw, dtype: softmax(raw.astype(dtype), axis=-1).T,
}


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("classes", [2, 3, 10, 1000])
@pytest.mark.parametrize("kind", KINDS)
def test_what_models_return_is_told_apart_in_every_precision(kind, classes, dtype):
    values = KINDS[kind](logits(classes), dtype).astype(dtype)
    assert look_at(values, "vit", dtype).kind == kind


HIDDEN = {
    "relu": np.maximum(logits(16), 0),
    "tanh": np.tanh(logits(16) / 4),
    "positive-logits": np.abs(logits(3)) + 1,
    "whole-numbers": np.arange(SAMPLES * 4).reshape(SAMPLES, 4) % 7.0,
}


@pytest.mark.parametrize("values", HIDDEN.values(), ids=[f"27-{name}" for name in HIDDEN])
def test_a_hidden_layer_is_refused_and_asked_about(values):
    with pytest.raises(KerasembleError, match=r"'vit': its values are not probabilities \(values .*hidden layer\?"):
        decide(values.astype(np.float32), "auto", "vit")


@pytest.mark.parametrize(
    ("values", "says"),
    [
        pytest.param(logits(5), ["look like logits", "output='logits'", "% of rows have negative"], id="64-logits"),
        pytest.param(
            log_softmax(logits(5), axis=-1),
            ["look like log-probabilities", "output='logits'"],
            id="65-log-probabilities",
        ),
        pytest.param(expit(logits(5)), ["look like sigmoids", "divides each row by its sum"], id="66-sigmoids"),
        pytest.param(
            softmax(logits(5), axis=-1) * np.where(np.arange(SAMPLES) == 7, 0.9, 1)[:, None],
            ["are not probabilities", "rows 7", "Mend or leave out", "output='unnormalised'"],
            id="68-unnormalised",
        ),
        pytest.param(softmax(logits(5), axis=-1) - 0.01, ["not probabilities", "values -0.01"], id="69-negative"),
        pytest.param(softmax(logits(5), axis=-1) * 1.02, ["not probabilities", "to 1.02"], id="69-above-one"),
        pytest.param(100 * softmax(logits(5), axis=-1), ["percentages", "output='unnormalised'"], id="75-percentages"),
        pytest.param(softmax(logits(5), axis=-1).T, ["look like transposed", "Transpose it"], id="77-transposed"),
    ],
)
def test_values_that_are_not_probabilities_are_refused_with_figures_and_the_cure(values, says):
    with pytest.raises(KerasembleError) as refusal:
        decide(values.astype(np.float32), "probabilities", "vit")
    for words in ["Member 'vit'", *says]:
        assert words in str(refusal.value)


@pytest.mark.parametrize("kind", ["logits", "log-probabilities"])
def test_auto_takes_logits_and_log_probabilities_for_logits(kind):
    raw = logits(5)
    values = KINDS[kind](raw, "float32")
    assert decide(values, "auto", "vit") == "logits"
    np.testing.assert_allclose(standardise(values, "logits", tuple(range(5)), np), softmax(raw, axis=-1), atol=1e-6)


def test_logits_that_do_not_look_so_are_taken_at_the_users_word():
    assert decide(HIDDEN["positive-logits"], "logits", "vit") == "logits"


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_a_second_softmax_over_probabilities_is_refused(dtype):
    values = softmax(logits(5).astype(dtype), axis=-1)
    with pytest.raises(KerasembleError, match=r"'vit': its values look like probabilities.*Leave output='logits' out"):
        decide(values, "logits", "vit")


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_nan_and_infinity_are_refused_with_their_rows(bad):
    values = softmax(logits(3), axis=-1)
    values[[3, 250], 1] = bad
    with pytest.raises(KerasembleError, match=r"'vit' returned NaN or infinity in 2 of 400 rows: 3, 250\."):
        check_finite(values, "vit")
    for requested in ("auto", "probabilities", "logits"):
        with pytest.raises(KerasembleError, match="NaN or infinity in 2 of 400 rows"):
            decide(values, requested, "vit")


COLUMN = logits(2)[:, 1] - logits(2)[:, 0]


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (expit(COLUMN), "probabilities"),
        (expit(COLUMN.astype(np.float16)), "probabilities"),
        (COLUMN, "logits"),
        (np.arange(SAMPLES) % 3.0, "label indices"),
        (100 * expit(COLUMN), "unclear"),
        (-np.abs(COLUMN), "unclear"),
    ],
    ids=["sigmoid", "half-sigmoid", "64-logits", "76-label-indices", "75-percentages", "negative"],
)
def test_one_column_is_a_probability_or_a_logit_or_refused(values, kind):
    assert look_at(values[:, None], "vit").kind == kind


def test_one_column_becomes_two_that_sum_to_one():
    column = COLUMN[:, None]
    from_logits = standardise(column, "logits", (0, 1), np)
    from_probabilities = standardise(expit(column), "probabilities", (0, 1), np)
    np.testing.assert_allclose(from_logits, np.hstack([expit(-column), expit(column)]), rtol=1e-12)
    np.testing.assert_allclose(from_probabilities, from_logits, atol=1e-12)


@pytest.mark.parametrize("output", ["probabilities", "logits"])
def test_columns_are_put_into_the_order_of_the_classes(output):
    own = logits(3) if output == "logits" else softmax(logits(3), axis=-1)
    straight = standardise(own, output, (0, 1, 2), np)
    np.testing.assert_array_equal(standardise(own, output, (2, 0, 1), np), straight[:, [2, 0, 1]])


def test_one_column_can_be_the_first_class_of_the_ensemble():
    column = expit(COLUMN)[:, None]
    np.testing.assert_allclose(standardise(column, "probabilities", (1, 0), np), np.hstack([column, 1 - column]))
