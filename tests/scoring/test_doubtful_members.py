"""Members and data that leave doubt: what the values alone do not show."""

from __future__ import annotations

import numpy as np
import pytest

import kerasemble as ke

pytestmark = pytest.mark.backend

X = np.random.default_rng(0).normal(size=(30, 6)).astype(np.float32)


@pytest.fixture
def ending():
    """A model named 'odd' that ends in a dense layer of these units and activation, after these layers."""
    import keras

    def make(units, activation=None, body=(), shape=(6,), dtype="float32"):
        layer = keras.layers.Dense(units, activation=activation, name="last")
        return keras.Sequential([keras.Input(shape, dtype=dtype), *body, layer], name="odd")

    return make


@pytest.mark.parametrize("rows", [1, 30])
def test_one_column_in_0_to_1_that_nothing_keeps_there_is_refused(ending, rows):
    odd = ending(1)
    odd.set_weights([np.zeros((6, 1)), np.array([0.4])])
    with pytest.raises(ke.KerasembleError, match=r"'odd' has one column that ends in 'linear'.*output='logits'"):
        ke.predict([odd], X[:rows])
    logits = ke.predict([ke.Member(odd, output="logits")], X[:rows]).values[0, 0]
    np.testing.assert_allclose(logits, [1 / (1 + np.exp(0.4)), 1 / (1 + np.exp(-0.4))], atol=1e-6)
    given = ke.predict([ke.Member(odd, output="probabilities")], X[:rows]).values[0, 0]
    np.testing.assert_allclose(given, [0.6, 0.4], atol=1e-6)


def test_a_sigmoid_is_found_in_a_nested_model_and_in_a_layer_of_its_own(ending):
    import keras

    for body, units, activation in (([], 1, "sigmoid"), ([keras.layers.Dense(1, activation="sigmoid")], 1, "linear")):
        inner = ending(units, activation, body)
        outer = keras.Sequential([keras.Input((6,)), inner], name="outer")
        if activation == "sigmoid":
            assert ke.predict([outer], X).alignment.readings[0].output == "probabilities"
        else:
            inner.layers[-1].set_weights([np.ones((1, 1)), np.zeros(1)])
            with pytest.raises(ke.KerasembleError, match="ends in 'linear'"):
                ke.predict([outer], X)


@pytest.mark.parametrize("precision", ["mixed_float16", "mixed_bfloat16"])
def test_half_precision_is_allowed_its_rounding_and_its_rows_are_made_to_sum_to_one(precision):
    import keras

    layer = keras.layers.Dense(30, activation="softmax", dtype=precision, kernel_initializer="random_normal")
    member = keras.Sequential([keras.Input((6,)), layer])
    raw = member.predict(X, verbose=0).astype(np.float64)
    assert np.abs(raw.sum(axis=1) - 1).max() > 1e-5, "a case that is exact proves nothing"
    values = ke.predict([member], X).values[0]
    np.testing.assert_allclose(values.sum(axis=1), 1, atol=1e-6)
    np.testing.assert_allclose(values, raw / raw.sum(axis=1, keepdims=True), atol=1e-3)


@pytest.mark.parametrize(
    ("dtype", "x", "said"),
    [
        pytest.param("uint8", np.abs(X) / 9, "whole numbers from 0 to 255 .*fractions", id="43-fractions"),
        pytest.param("uint8", np.full((2, 6), 300), "values from 300 to 300", id="43-beyond"),
        pytest.param("int32", X, "fractions", id="43-words"),
    ],
)
def test_43_data_that_a_member_of_whole_numbers_would_cut_is_refused(ending, dtype, x, said):
    with pytest.raises(ke.KerasembleError, match=f"Member 'odd' takes .*{said}"):
        ke.predict([ending(3, "softmax", dtype=dtype)], x)


def test_25_a_head_that_a_sequential_model_has_is_found_and_another_is_refused(ending):
    odd = ending(3, "softmax")
    assert ke.predict([ke.Member(odd, head="last")], X).samples == 30
    with pytest.raises(ke.KerasembleError, match=r"'odd' has 1 outputs: 'last'.*Received: head='first'"):
        ke.predict([ke.Member(odd, head="first")], X)


def test_a_member_that_fails_when_it_is_run_is_named(ending, dense):
    import keras

    class Fails(keras.layers.Layer):
        def call(self, x):
            message = f"no more of {x.shape}"
            raise RuntimeError(message)

        def compute_output_spec(self, x):
            return keras.KerasTensor(x.shape, x.dtype)

    with pytest.raises(ke.KerasembleError, match=r"Member 'odd' failed when it was run on rows 0 and after: .*no more"):
        ke.predict([dense(1), ending(3, "softmax", [Fails()])], X)


def test_a_class_that_cannot_take_the_data_is_named_before_it_is_run(dense):
    import keras

    class Picky(keras.Model):
        def call(self, x):
            if x.shape[-1] != 5:
                message = "five, please"
                raise TypeError(message)
            return keras.ops.softmax(x)

    picky = Picky(name="picky")
    picky(X[:, :5])
    with pytest.raises(ke.KerasembleError, match=r"'picky' does not take data of shape 6 as float32: .*five, please"):
        ke.predict([dense(1), picky], X)


def test_classes_in_two_orders_do_not_say_what_a_number_means(dense):
    members = [ke.Member(dense(1), classes=[*"abc"]), ke.Member(dense(2), classes=[*"cab"])]
    seen = ke.predict(members, X)
    y = seen.values[0].argmax(axis=1)
    with pytest.raises(ke.KerasembleError, match="the members name the same classes in different orders"):
        ke.WeightedAverage().fit(seen, y)
    by_name = ke.WeightedAverage().fit(seen, np.array(list("abc"))[y])
    by_number = ke.WeightedAverage().fit(ke.predict(members, X, classes=[*"abc"]), y)
    assert by_number.weights == pytest.approx(by_name.weights)


def test_38_labels_must_be_as_many_as_rows(dense):
    with pytest.raises(ke.KerasembleError, match="29 labels for 30 rows"):
        ke.WeightedAverage().fit(ke.predict([dense(1), dense(2)], X), np.zeros(29, dtype=int))
