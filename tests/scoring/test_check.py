"""Members that open but are read wrongly are found, with the option that mends them, and the option does mend them."""

from __future__ import annotations

import dataclasses

import keras
import numpy as np
import pytest
from keras import layers

import kerasemble as ke

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
    "preprocessing-left-out": (ke.Member(knowing(), name="odd"), "preprocessing", {"preprocess": "0..1"}),
    "preprocessing-another": (
        ke.Member(knowing(), name="odd", preprocess="0..255"),
        "preprocessing",
        {"preprocess": "0..1"},
    ),
    "66-sigmoids": (
        ke.Member(knowing(ending="sigmoid"), name="odd", preprocess="0..1"),
        "output",
        {"output": "unnormalised"},
    ),
    "28-class-order": (
        ke.Member(knowing(order=(2, 0, 3, 1)), name="odd", preprocess="0..1"),
        "class order",
        {"classes": ("eel", "cat", "fox", "dog")},
    ),
    "29-background": (
        ke.Member(knowing(columns=5), name="odd", preprocess="0..1"),
        "background",
        {"ignore": (4,)},
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_member_that_is_read_wrongly_is_found_with_the_option_that_mends_it(case):
    member, fault, options = WRONG[case]
    members = [right(1), member, right(2)]
    checked = ke.check(members, X, Y, classes=NAMES)
    (found,) = [finding for finding in checked.findings if finding.level != "warning"]
    assert (found.member, found.fault, found.level) == ("odd", fault, "proposal"), checked
    assert {key: tuple(value) if isinstance(value, list) else value for key, value in found.options.items()} == options
    assert "'odd'" in str(found)
    assert not checked.ok
    mended = ke.check(members, X, Y, classes=NAMES, accept_proposals=True)
    assert mended.ok, mended
    assert [finding.fault for finding in mended.accepted] == [fault]
    seen = ke.predict(mended.members, X, classes=NAMES)
    assert accuracy(seen, "odd") > accuracy(seen, "right-1") - 0.05


def test_two_faults_of_one_member_are_mended_one_after_the_other():
    odd = ke.Member(knowing(order=(1, 2, 3, 0), ending="sigmoid"), name="odd", preprocess="0..1")
    checked = ke.check([right(1), odd, right(2)], X, Y, classes=NAMES, accept_proposals=True)
    assert [finding.fault for finding in checked.accepted] == ["output", "class order"]
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
    assert (found.member, found.fault, found.level) == ("odd", "preprocessing", "warning")
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
    assert (found.fault, found.level, checked.ok) == ("leakage", "warning", True)
    assert not ke.check([right(1), right(2)], X, Y, trained_on=255 - X).findings
    with pytest.raises(ke.KerasembleError, match="Samples of the training data have shape"):
        ke.check([right(1)], X, Y, trained_on=X[:, :2])


def test_58_a_check_prints_itself_and_becomes_json():
    checked = ke.check([right(1), WRONG["28-class-order"][0]], X, Y, classes=NAMES)
    assert repr(checked).startswith("proposal: Member 'odd'")
    data = checked.to_json()
    assert data["findings"][0]["fault"] == "class order"
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
