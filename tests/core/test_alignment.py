"""How members were read survives JSON."""

from __future__ import annotations

import json

import pytest

from kerasemble.core.alignment import Alignment, InputSpec, Reading

READINGS = (
    Reading("logits", 3, (2, 0, 1), ("resize 8x8 to 16x16",), "c0ffee"),
    Reading("probabilities", 1, (0, 1)),
)


@pytest.mark.parametrize(
    "inputs",
    [InputSpec((28, 28, 1), "float32", (0.0, 255.0)), InputSpec((None, None, 3), "float16"), InputSpec((), "int32")],
    ids=["image", "any-size", "one-number"],
)
def test_an_alignment_is_the_same_after_json(inputs):
    alignment = Alignment(inputs, READINGS)
    again = Alignment.from_json(json.loads(json.dumps(alignment.to_json(), allow_nan=False)))
    assert again == alignment
    assert hash(again) == hash(alignment)


@pytest.mark.parametrize(
    ("reading", "words"),
    [
        (Reading("logits", 3, (2, 0, 1), ("resize 8x8 to 16x16",)), "resize 8x8 to 16x16, softmax, classes reordered"),
        (Reading("logits", 1, (0, 1)), "sigmoid, one column to two"),
        (Reading("probabilities", 3, (0, 1, 2)), "as it is"),
    ],
)
def test_a_reading_says_in_words_all_that_is_done_to_input_and_output(reading, words):
    assert reading.describe() == words
