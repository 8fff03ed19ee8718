"""Members that open but are read wrongly are found, with the option that mends them, and the option does mend them."""

from __future__ import annotations

import dataclasses

import keras
import numpy as np
import pytest
from keras import layers

import kerasemble as ke
from kerasemble.core.codes import Code

pytestmark = pytest.mark.backend

NAMES = ("cat", "dog", "eel", "fox")
RNG = np.random.default_rng(0)
Y = RNG.integers(0, 4, 400)
# Of each image one quarter is brighter, by class.
X = RNG.normal(90, 80, (400, 4, 4, 3))
for row, label in zip(X, Y, strict=True):
    row[label] += 60
X = np.clip(X, 0, 255).round().astype(np.uint8)


def knowing(order=(0, 1, 2, 3), columns=4, ending="softmax", noise=0):
    """A model of which quarter is bright, which takes values of 0..1: in any other range all quarters look alike."""
    source = keras.Input((4, 4, 3))
    hidden, last = layers.Dense(4, activation="tanh"), layers.Dense(columns, activation=ending)
    model = keras.Model(source, last(hidden(layers.Flatten()(source))), name=f"knowing-{noise}")
    quarters = np.kron(np.eye(4), np.ones((12, 1))) / 12
    jitter = np.random.default_rng(noise).normal(size=quarters.shape, scale=0.005)
    hidden.set_weights([8 * (quarters + jitter), np.full(4, -8 * 0.45)])
    kernel = np.zeros((4, columns))
    kernel[list(order), range(4)] = 3
    last.set_weights([kernel, np.where(np.arange(columns) < 4, 0, -2)])
    return model


def right(number):
    return ke.Member(knowing(noise=number), name=f"right-{number}", preprocess="0..1")


def accuracy(seen, name):
    return float((seen.values[seen.members.index(name)].argmax(axis=1) == Y).mean())


WRONG = {
    "preprocessing-left-out": (ke.Member(knowing(), name="odd"), Code.PREPROCESSING, {"preprocess": "0..1"}),
    "preprocessing-another": (
        ke.Member(knowing(), name="odd", preprocess="0..255"),
        Code.PREPROCESSING,
        {"preprocess": "0..1"},
    ),
    "66-sigmoids": (
        ke.Member(knowing(ending="sigmoid"), name="odd", preprocess="0..1"),
        Code.OUTPUT,
        {"output": "unnormalised"},
    ),
    "28-class-order": (
        ke.Member(knowing(order=(2, 0, 3, 1)), name="odd", preprocess="0..1"),
        Code.CLASS_ORDER,
        {"classes": ("eel", "cat", "fox", "dog")},
    ),
    "29-background": (
        ke.Member(knowing(columns=5), name="odd", preprocess="0..1"),
        Code.BACKGROUND,
        {"ignore": (4,)},
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_member_that_is_read_wrongly_is_found_with_the_option_that_mends_it(case):
    member, code, options = WRONG[case]
    members = [right(1), member, right(2)]
    checked = ke.check(members, X, Y, classes=NAMES)
    (found,) = [finding for finding in checked.findings if finding.level != "warning"]
    assert (found.member, found.code, found.level) == ("odd", code, "proposal"), checked
    assert {key: tuple(value) if isinstance(value, list) else value for key, value in found.options.items()} == options
    assert "'odd'" in str(found)
    assert not checked.ok
    mended = ke.check(members, X, Y, classes=NAMES, accept_proposals=True)
    assert mended.ok, mended
    assert [finding.code for finding in mended.accepted] == [code]
    seen = ke.predict(mended.members, X, classes=NAMES)
    assert accuracy(seen, "odd") > accuracy(seen, "right-1") - 0.05


def test_two_faults_of_one_member_are_mended_one_after_the_other():
    odd = ke.Member(knowing(order=(1, 2, 3, 0), ending="sigmoid"), name="odd", preprocess="0..1")
    checked = ke.check([right(1), odd, right(2)], X, Y, classes=NAMES, accept_proposals=True)
    assert [finding.code for finding in checked.accepted] == [Code.OUTPUT, Code.CLASS_ORDER]
    assert checked.ok
    mended = checked.members[1]
    assert (mended.output, tuple(mended.classes)) == ("unnormalised", ("dog", "eel", "fox", "cat"))


def test_nothing_is_found_wrong_with_members_that_are_right():
    checked = ke.check([right(1), right(2), right(3)], X, Y, classes=NAMES)
    assert (checked.ok, checked.findings, checked.accepted) == (True, (), ())
    assert repr(checked) == "Nothing wrong was found with 3 members on 400 rows."
    assert ke.check([right(1), right(2)], X).findings == ()


def test_43_44_without_labels_bytes_that_nothing_rescales_are_warned_of():
    (found,) = ke.check([right(1), ke.Member(knowing(), name="odd")], X).findings
    assert (found.member, found.code, found.level) == ("odd", Code.PREPROCESSING, "warning")
    rescaling = keras.Sequential([keras.Input((4, 4, 3)), layers.Rescaling(1 / 255), knowing()], name="rescaling")
    assert ke.check([right(1), rescaling], X).findings == ()


def test_combine_says_what_it_found_and_reads_members_as_proposed_where_it_may():
    members = [right(1), ke.Member(knowing(order=(2, 0, 3, 1)), name="odd", preprocess="0..1"), right(2)]
    with pytest.warns(ke.KerasembleWarning, match="'odd'.*classes="):
        said = ke.combine(members, X, Y, classes=NAMES)
    assert any("'odd'" in warning for warning in said.report.warnings)
    with pytest.warns(ke.KerasembleWarning, match="Accepted: .*'odd'"):
        mended = ke.combine(members, X, Y, classes=NAMES, accept_proposals=True)
    assert any(warning.startswith("Accepted: ") for warning in mended.report.warnings)
    assert "classes reordered" in mended.report.readings["odd"]
    scores = {score.name: score.accuracy for score in mended.report.scores}
    assert scores["odd"] > 0.8


def test_combine_refuses_what_cannot_be_computed_with_all_that_must_be_mended():
    pairs = (("one", 4), ("two", 5))
    sigmoids = [ke.Member(knowing(ending="sigmoid", noise=n), name=name, preprocess="0..1") for name, n in pairs]
    with pytest.raises(ke.KerasembleError, match=r"(?s)'one'.*unnormalised.*'two'.*unnormalised"):
        ke.combine([*sigmoids, right(1)], X, Y)
    with pytest.warns(ke.KerasembleWarning, match="Accepted"):
        ensemble = ke.combine([*sigmoids, right(1)], X, Y, ke.Average(), accept_proposals=True)
    assert ensemble.predict(X[:3]).shape == (3, 4)


def test_47_rows_that_a_member_was_trained_on_are_found_by_their_content():
    checked = ke.check([right(1), right(2)], X, Y, trained_on=X[100:140].astype(np.float32))
    (found,) = checked.findings
    assert found.evidence.startswith("40 of 400 rows (10%) are also in the training data: 100, 101")
    assert (found.code, found.level, checked.ok) == (Code.LEAKAGE, "warning", True)
    assert not ke.check([right(1), right(2)], X, Y, trained_on=255 - X).findings
    with pytest.raises(ke.KerasembleError, match="Samples of the training data have shape"):
        ke.check([right(1)], X, Y, trained_on=X[:, :2])


def test_58_a_check_prints_itself_and_becomes_json():
    checked = ke.check([right(1), WRONG["28-class-order"][0]], X, Y, classes=NAMES)
    assert repr(checked).startswith("proposal: Member 'odd'")
    data = checked.to_json()
    assert data["findings"][0]["code"] == "class-order"
    assert data["ok"] is False


def test_members_of_other_widths_are_an_error_that_names_them_all():
    checked = ke.check([right(1), ke.Member(knowing(), name="odd")], X)
    assert checked.ok or all(finding.level != "error" for finding in checked.findings)
    body = [keras.Input((4, 4, 3)), layers.Flatten(), layers.Dense(9, activation="softmax")]
    three = keras.Sequential(body, name="nine")
    checked = ke.check([right(1), three], X, Y)
    (found,) = [finding for finding in checked.findings if finding.level == "error"]
    assert "'right-1' 4" in found.evidence
    assert "'nine' 9" in found.evidence


def test_options_that_are_given_are_kept_beside_those_that_are_accepted():
    member = dataclasses.replace(WRONG["66-sigmoids"][0], name="mine")
    checked = ke.check([member, right(1)], X, Y, accept_proposals=True)
    assert (checked.members[0].preprocess, checked.members[0].output) == ("0..1", "unnormalised")


def labelled(classes, skill, seed=0, rows=400):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, classes, rows)
    logits = skill * np.eye(classes)[labels] + rng.normal(size=(rows, classes))
    return logits.astype(np.float32), labels


def saying(values, name="odd", **options):
    """A member that answers what a table says, for rows that are their own numbers."""
    return ke.Member(lambda rows: values[rows[:, 0].astype(int)], name=name, **options)


def rows_of(values):
    return np.arange(len(values), dtype=np.float32)[:, None]


SETS = {
    "counts": lambda p, rng: rng.poisson(20 * p) + 1.0,
    "votes-of-trees": lambda p, rng: np.stack([rng.multinomial(25, row) for row in p]).astype(float),
    "relu-features": lambda p, _rng: np.maximum(np.log(p) + 5, 0) + 0.1,
    "percent-that-miss-100": lambda p, rng: np.round(100 * p) + rng.integers(0, 3, (len(p), 1)),
    "percent": lambda p, _rng: 100 * p,
    "scaled-down": lambda p, _rng: 0.5 * p,
    "scaled-up": lambda p, _rng: 1.02 * p,
    "scaled-by-row": lambda p, rng: p * rng.uniform(0.5, 40, (len(p), 1)),
    "odds": lambda p, _rng: p / (1 - p),
    "exponentials": lambda p, rng: p * rng.uniform(1, 1e4, (len(p), 1)),
    "averaged-sums": lambda p, rng: 3 * p + rng.uniform(0, 0.05, p.shape),
    "sigmoids": lambda p, _rng: 1 / (1 + np.exp(-np.log(p) - 1)),
    "one-row-off": lambda p, _rng: p * np.where(np.arange(len(p)) == 7, 0.8, 1)[:, None],
}


@pytest.mark.parametrize("given", ["labels", "no labels"])
@pytest.mark.parametrize("kind", SETS)
def test_15_19_rows_of_zero_and_above_with_any_sum_are_proposed_to_be_divided_by_it(kind, given):
    logits, labels = labelled(4, 3.0)
    p = np.exp(logits.astype(float) - np.log(np.exp(logits.astype(float)).sum(axis=1, keepdims=True)))
    values = SETS[kind](p, np.random.default_rng(1)).astype(np.float32)
    assert values.min() >= 0
    members = [saying(values), saying(p.astype(np.float32)[:, [0, 1, 2, 3]], "fine")]
    y = labels if given == "labels" else None
    (found,) = [each for each in ke.check(members, rows_of(p), y).findings if each.code == Code.OUTPUT]
    assert (found.member, found.level, dict(found.options)) == ("odd", "proposal", {"output": "unnormalised"})
    assert "output='unnormalised'" in str(found)
    if y is not None:
        right = (values.argmax(axis=1) == labels).mean()
        assert found.figures["held_out"] == pytest.approx(right, abs=0.05)
        assert found.figures["before"] == pytest.approx(1 / 4)
    mended = ke.check(members, rows_of(p), y, accept_proposals=True)
    assert mended.members[0].output == "unnormalised"
    assert not any(each.level != "warning" for each in mended.findings), mended


def test_15_19_rows_of_zeros_have_no_shares_and_are_no_proposal():
    values = np.maximum(labelled(3, 3.0)[0] - 2, 0)
    assert (values.sum(axis=1) == 0).any()
    (found,) = [each for each in ke.check([saying(values)], rows_of(values)).findings if each.code == Code.OUTPUT]
    assert (found.level, dict(found.options)) == ("error", {})
    assert "output='unnormalised'" in str(found)


def test_15_1_an_output_that_the_labels_do_not_speak_for_is_no_proposal():
    levels = set()
    for seed in range(12):
        rng = np.random.default_rng(seed)
        values, labels = 30 * rng.random((90, 3)).astype(np.float32), rng.integers(0, 3, 90)
        found = next(each for each in ke.check([saying(values)], rows_of(values), labels).findings)
        levels.add(found.level)
        assert found.code == Code.OUTPUT
        assert (found.level == "proposal") == (dict(found.options) == {"output": "unnormalised"})
        if found.level == "proposal":
            assert found.figures["held_out"] > found.figures["before"] == pytest.approx(1 / 3)
    assert levels == {"proposal", "error"}


@pytest.mark.parametrize("odd", [1, 2, 3])
@pytest.mark.parametrize("beside", [0, 1])
@pytest.mark.parametrize("classes", [3, 4, 10])
def test_15_1_following_the_advice_on_a_shared_order_raises_the_accuracy(classes, beside, odd):
    logits, labels = labelled(classes, 4.0)
    names = [f"class {i}" for i in range(classes)]
    rng = np.random.default_rng(classes)
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    for order in (np.roll(np.arange(classes), 1), np.arange(classes)[::-1], rng.permutation(classes)):
        noisy = [p ** rng.uniform(0.5, 1) for _ in range(odd + beside)]
        tables = [(each / each.sum(axis=1, keepdims=True)).astype(np.float32) for each in noisy]
        members = [saying(t[:, order] if i < odd else t, f"m{i}") for i, t in enumerate(tables)]
        checked = ke.check(members, rows_of(p), np.array(names)[labels], classes=names, accept_proposals=True)
        assert {each.member for each in checked.accepted} == {f"m{i}" for i in range(odd)}
        assert {each.code for each in checked.accepted} == {Code.CLASS_ORDER}
        for member in checked.members[:odd]:
            assert list(member.classes) == [names[place] for place in order]
        seen = ke.predict(checked.members, rows_of(p), classes=names)
        for values, own in zip(seen.values, tables, strict=True):
            assert (values.argmax(axis=1) == labels).mean() == (own.argmax(axis=1) == labels).mean()
