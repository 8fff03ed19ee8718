"""How members were read survives JSON."""

from __future__ import annotations

import json

import pytest

from kerasemble.core.alignment import Alignment, InputSpec, Reading

READINGS = (
    Reading("logits", 3, (2, 0, 1), ("resize 8x8 to 16x16", "softmax")),
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
