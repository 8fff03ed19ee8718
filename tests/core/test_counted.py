"""A number stands with its noun: 1 member, 2 members."""

from __future__ import annotations

import re

import numpy as np
import pytest

import kerasemble as ke
from kerasemble.core.arrays import counted
from kerasemble.core.errors import KerasembleError
from kerasemble.scoring.check import Checked
from kerasemble.scoring.sources.opening import as_source

ONE_AND_MANY = re.compile(r"\b1 (members|samples|rows|classes|labels|weights|costs|class names)\b")


@pytest.mark.parametrize(
    ("count", "noun", "text"),
    [(1, "member", "1 member"), (0, "row", "0 rows"), (2, "class", "2 classes"), (1000, "row", "1,000 rows")],
)
def test_15_22_a_number_has_its_noun(count, noun, text):
    assert counted(count, noun) == text


def refusal(call):
    with pytest.raises(KerasembleError) as caught:
        call()
    return str(caught.value)


def test_15_22_nothing_says_one_in_the_plural():
    seen = ke.Predictions.from_arrays({"a": [[0.9, 0.1]]})
    two = ke.Predictions.from_arrays({"a": [[0.9, 0.1], [0.2, 0.8]], "b": [[0.6, 0.4], [0.3, 0.7]]})
    said = [
        repr(seen),
        repr(ke.Average().fit(seen)),
        repr(ke.Select(ke.Average(), max_members=1).fit(two, [0, 1])),
        repr(ke.Chain(ke.Average(), (ke.Temperature(),)).fit(two.only(["a"]), [0, 1])),
        repr(Checked(("a",), (), (), 1, None, None)),
        repr(as_source(np.zeros((1, 4)))),
        refusal(lambda: ke.WeightedAverage(weights=[1.0]).fit(two)),
        refusal(lambda: ke.WeightedGeometricAverage().fit(two, [0])),
        refusal(lambda: ke.Predictions.from_arrays({"a": [[0.9, 0.1]]}, classes=["one"])),
    ]
    assert all(re.search(r"\b1 \w", text) for text in said)
    assert [text for text in said if ONE_AND_MANY.search(text)] == []
