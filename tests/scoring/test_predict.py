"""Members' answers in one form: what they say by hand, in the members' order; what must not be averaged is refused."""

from __future__ import annotations

import numpy as np
import pytest

import kerasemble as ke

pytestmark = pytest.mark.backend

X = np.random.default_rng(0).normal(size=(40, 6)).astype(np.float32)


def softmax(values):
    exponentials = np.exp(values - values.max(axis=-1, keepdims=True))
    return exponentials / exponentials.sum(axis=-1, keepdims=True)


@pytest.fixture
def ending():
    """A model of rows of six numbers that ends in what `end` makes of a dense layer's three values."""
    import keras

    def make(end, activation=None):
        inputs = keras.Input((6,))
        initial = keras.initializers.RandomNormal(stddev=2.0, seed=1)
        values = keras.layers.Dense(3, activation=activation, kernel_initializer=initial)(inputs)
        return keras.Model(inputs, end(values), name="odd")

    return make


def test_probabilities_logits_and_permuted_classes_are_what_they_are_by_hand(dense, answer):
    plain, logits, permuted = dense(0), dense(1, activation=None), dense(2)
    members = [
        ke.Member(plain, name="plain", classes="abc"),
        ke.Member(logits, name="logits", classes="abc"),
        ke.Member(permuted, name="permuted", classes="cab"),
    ]
    seen = ke.predict(members, X, classes="abc")
    np.testing.assert_allclose(seen.values[0], answer(plain, X), atol=1e-6)
    np.testing.assert_allclose(seen.values[1], softmax(answer(logits, X)), atol=1e-6)
    np.testing.assert_allclose(seen.values[2], answer(permuted, X)[:, [1, 2, 0]], atol=1e-6)
    assert (seen.members, seen.classes, seen.task) == (("plain", "logits", "permuted"), tuple("abc"), "multiclass")
    assert seen.values.dtype == np.float32
    assert [reading.describe() for reading in seen.alignment.readings] == ["as it is", "softmax", "classes reordered"]


def test_binary_members_of_both_shapes_answer_over_the_same_two_classes(dense, answer):
    models = [
        dense(0, "sigmoid", "sigmoid", 1),
        dense(1, "softmax", "softmax", 2),
        dense(2, "logit", None, 1),
        dense(3, "logits", None, 2),
    ]
    seen = ke.predict(models, X, classes=["no", "yes"])
    second = answer(models[0], X)[:, 0]
    from_logit = 1 / (1 + np.exp(-answer(models[2], X)[:, 0]))
    by_hand = [second, answer(models[1], X)[:, 1], from_logit, softmax(answer(models[3], X))[:, 1]]
    np.testing.assert_allclose(seen.values[:, :, 1], by_hand, atol=1e-6)
    np.testing.assert_allclose(seen.values.sum(axis=-1), 1, atol=1e-6)
    assert seen.task == "binary"
    assert [reading.columns for reading in seen.alignment.readings] == [1, 2, 1, 2]


def test_a_binary_column_follows_the_order_of_the_classes(dense, answer):
    model = dense(0, "sigmoid", "sigmoid", 1)
    seen = ke.predict([ke.Member(model, classes=["no", "yes"])], X, classes=["yes", "no"])
    np.testing.assert_allclose(seen.values[0, :, 0], answer(model, X)[:, 0], atol=1e-6)


@pytest.mark.parametrize("batch_size", [1, 7, 1000])
def test_the_batch_size_does_not_matter(dense, batch_size):
    models = [dense(0, "a"), dense(1, "b", None)]
    once = ke.predict(models, X, batch_size=len(X))
    np.testing.assert_allclose(ke.predict(models, X, batch_size=batch_size).values, once.values, atol=1e-6)


def test_members_that_disagree_on_the_order_leave_it_unstated(dense):
    members = [ke.Member(dense(0), name="a", classes="abc"), ke.Member(dense(1), name="b", classes="cab")]
    assert not ke.predict(members, X).ordered
    assert ke.predict(members, X, classes="abc").ordered


def test_progress_rises_to_all_rows_member_by_member(dense):
    calls = []
    ke.predict([dense(0, "a"), dense(1, "b")], X, batch_size=1, progress=lambda *call: calls.append(call))
    assert calls == sorted(calls)
    for name in "ab":
        done = [done for each, done, total in calls if each == name and total == 40]
        assert done[0] == 0
        assert done[-1] == 40
        assert len(done) == len(set(done)) > 2


@pytest.mark.parametrize(
    ("x", "said"),
    [
        pytest.param(X[:0], "no rows", id="37-no-rows"),
        pytest.param(np.where(np.arange(40)[:, None] == 3, np.nan, X), "in 1 of 40 rows: 3", id="42-nan-row"),
        pytest.param([[1.0, 2.0], [3.0]], "ragged", id="48-ragged"),
    ],
)
def test_data_that_cannot_be_used_is_refused_before_a_member_runs(dense, x, said):
    with pytest.raises(ke.KerasembleError, match=said):
        ke.predict([dense(0)], x, progress=lambda *_: pytest.fail("a member ran"))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        pytest.param({"batch_size": 0}, "batch_size=0", id="132-batch-size"),
        pytest.param({"data_range": (1, 0)}, "low below high", id="127-range"),
        pytest.param({"classes": "ab"}, "2 class names were given", id="126-classes"),
    ],
)
def test_an_option_that_cannot_be_is_refused(dense, options, said):
    with pytest.raises(ke.KerasembleError, match=said):
        ke.predict([dense(0)], X, **options)


@pytest.mark.parametrize(
    ("end", "activation", "said"),
    [
        pytest.param(lambda v: v, "relu", "are not probabilities.*hidden layer", id="27-relu"),
        pytest.param(lambda v: v, "tanh", "are not probabilities.*hidden layer", id="27-tanh"),
        pytest.param(lambda v: v, "sigmoid", "look like sigmoids.*do not sum to one", id="66-sigmoids"),
        pytest.param(lambda v: v * 50, "softmax", "are not probabilities.*sum to 50", id="68-times-50"),
        pytest.param(lambda v: v * 100, "softmax", "look like percentages.*output=.unnormalised.", id="75-percent"),
    ],
)
def test_a_doubtful_output_is_refused_naming_the_member(ending, end, activation, said):
    with pytest.raises(ke.KerasembleError, match=f"Member 'odd': .*{said}"):
        ke.predict([ending(end, activation)], X)


def test_64_what_was_called_probabilities_must_be_some(dense):
    with pytest.raises(ke.KerasembleError, match="Member 'model': its values look like logits"):
        ke.predict([ke.Member(dense(0, activation=None), output="probabilities")], X)


def test_64_what_was_called_logits_must_not_have_its_softmax(dense):
    with pytest.raises(ke.KerasembleError, match=r"look like probabilities.*the softmax is in them already"):
        ke.predict([ke.Member(dense(0), output="logits")], X)


def test_70_rows_that_a_member_answers_with_nan_are_named(ending):
    import keras

    x = np.abs(X)
    x[[5, 31]] = -1
    inputs = keras.Input((6,))
    model = keras.Model(inputs, ending(keras.ops.softmax)(keras.ops.log(inputs)), name="log")
    with pytest.raises(ke.KerasembleError, match="Member 'log' returned NaN or infinity in 2 of 40 rows: 5, 31"):
        ke.predict([model], x)


def test_25_one_of_several_outputs_must_be_chosen(dense):
    import keras

    inputs = keras.Input((6,))
    heads = {name: keras.layers.Dense(3, activation="softmax", name=name)(inputs) for name in ("kind", "size")}
    model = keras.Model(inputs, heads, name="two")
    with pytest.raises(ke.KerasembleError, match="Member 'two' has 2 outputs: 'kind', 'size'"):
        ke.predict([dense(0), model], X)
    with pytest.raises(ke.KerasembleError, match="Received: head='colour'"):
        ke.predict([ke.Member(model, head="colour")], X)


def test_26_an_output_of_another_rank_is_refused_naming_the_tasks(ending):
    import keras

    model = ending(keras.layers.Reshape((3, 1)))
    with pytest.raises(ke.KerasembleError, match=r"'odd' returns values of shape \(None, 3, 1\).*'multiclass'"):
        ke.predict([model], X)


def test_23_different_numbers_of_classes_are_listed_by_member(dense):
    with pytest.raises(ke.KerasembleError, match="'a' 3, 'b' 4"):
        ke.predict([dense(0, "a"), dense(1, "b", classes=4)], X)


def test_24_data_that_a_member_does_not_take_is_refused_naming_it(dense):
    with pytest.raises(ke.KerasembleError, match="Member 'model' takes input of shape 6; the data has 5"):
        ke.predict([dense(0)], X[:, :5])


def test_24_a_model_of_several_inputs_or_none_yet_is_refused():
    import keras

    one, other = keras.Input((6,)), keras.Input((6,))
    with pytest.raises(ke.KerasembleError, match="Member 'pair' takes 2 inputs"):
        ke.predict([keras.Model([one, other], keras.ops.softmax(one + other), name="pair")], X)
    unbuilt = keras.Sequential([keras.layers.Dense(3)], name="young")
    with pytest.raises(ke.KerasembleError, match="Member 'young' was never built"):
        ke.predict([unbuilt], X)
