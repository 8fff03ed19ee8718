"""What reaches a member: the data in its range, size and channels, as NumPy and Keras's own functions make it."""

from __future__ import annotations

import functools

import numpy as np
import pytest

import kerasemble as ke
from kerasemble.core.alignment import InputSpec
from kerasemble.members.opening import open_member
from kerasemble.members.preprocessing import CONVENTIONS, detect_range

pytestmark = pytest.mark.backend

RNG = np.random.default_rng(0)
BYTES = RNG.integers(0, 256, (4, 6, 5, 3)).astype(np.float32)
GREY = BYTES[..., :1]
BYTE_RANGE = (0.0, 255.0)


@pytest.fixture
def reaching(answer):
    """What reaches a member that takes `shape`: the answer of a model that returns its input, flat."""
    import keras

    def run(x, shape, preprocess=None, data_range=BYTE_RANGE, dtype="float32"):
        model = keras.Sequential([keras.Input(shape, dtype=dtype), keras.layers.Flatten()], name="flat")
        member = ke.Member(model, name="flat", preprocess=preprocess)
        opened = open_member(member, model, InputSpec(x.shape[1:], str(x.dtype), data_range))
        return answer(opened.model, x), opened.signature.steps

    return run


def flat(array):
    return np.asarray(array, dtype=np.float32).reshape(len(array), -1)


@pytest.mark.parametrize(
    ("low", "high", "dtype", "found"),
    [
        pytest.param(0, 255, "uint8", (0, 255), id="bytes"),
        pytest.param(30, 128, "uint8", (0, 255), id="bytes-in-the-middle"),
        pytest.param(0, 255, "int64", (0, 255), id="whole-numbers"),
        pytest.param(0, 254.5, "float32", (0, 255), id="floats-to-255"),
        pytest.param(0, 1, "float32", (0, 1), id="floats-to-1"),
        pytest.param(0.2, 0.51, "float64", (0, 1), id="floats-in-the-middle"),
        pytest.param(-1, 1, "float32", (-1, 1), id="signed"),
        pytest.param(-0.1, 0.6, "float16", (-1, 1), id="hardly-signed"),
        pytest.param(0, 1, "uint8", None, id="bytes-that-are-bits"),
        pytest.param(0, 16, "float32", None, id="digits-to-16"),
        pytest.param(0, 100, "uint8", None, id="dark-bytes"),
        pytest.param(0, 0.4, "float32", None, id="dark-floats"),
        pytest.param(0, 0, "float32", None, id="black"),
        pytest.param(-1, 0.3, "float32", None, id="dark-signed"),
        pytest.param(-5, 200, "float32", None, id="negative-bytes"),
        pytest.param(-2.1, 2.6, "float32", None, id="normalised"),
        pytest.param(0, 256, "int32", None, id="beyond-255"),
        pytest.param(0, 1.01, "float32", None, id="beyond-1"),
    ],
)
def test_a_range_is_detected_where_the_data_follows_a_convention_and_else_not_guessed(low, high, dtype, found):
    assert detect_range(np.array([[low, high]], dtype=dtype)) == found


@pytest.mark.parametrize("span", [(0.0, 255.0), (0.0, 1.0), (-1.0, 1.0), (0.0, 16.0), (-3.0, 5.0)])
@pytest.mark.parametrize(("convention", "mode"), [("-1..1", "tf"), ("caffe", "caffe"), ("torch", "torch")])
def test_conventions_are_those_of_keras_applications_from_any_range(reaching, span, convention, mode):
    import keras

    usual = keras.applications.imagenet_utils.preprocess_input(BYTES.copy(), mode=mode, data_format="channels_last")
    x = (BYTES / 255 * (span[1] - span[0]) + span[0]).astype(np.float32)
    reached, _ = reaching(x, (6, 5, 3), convention, span)
    np.testing.assert_allclose(reached, flat(usual), atol=2e-4 if convention == "caffe" else 1e-5)


@pytest.mark.parametrize("span", [(0.0, 255.0), (0.0, 1.0), (-1.0, 1.0), (0.0, 16.0)])
@pytest.mark.parametrize(("convention", "top"), [("0..1", 1), ("0..255", 255)])
def test_ranges_are_those_that_they_say(reaching, span, convention, top):
    x = (BYTES / 255 * (span[1] - span[0]) + span[0]).astype(np.float32)
    reached, steps = reaching(x, (6, 5, 3), convention, span)
    np.testing.assert_allclose(reached, flat(BYTES / 255 * top), rtol=1e-5, atol=1e-6 * top)
    assert steps == (f"{span[0]:g}..{span[1]:g} to {convention}",)


def test_data_that_nobody_asks_to_change_arrives_as_it_is(reaching):
    reached, steps = reaching(BYTES, (6, 5, 3), data_range=None)
    np.testing.assert_array_equal(reached, flat(BYTES))
    assert steps == ()


def test_an_image_without_an_axis_of_channels_gets_one(reaching):
    reached, _ = reaching(GREY[..., 0], (6, 5, 1))
    np.testing.assert_array_equal(reached, flat(GREY))


def test_grey_is_repeated_for_a_member_that_takes_colour(reaching):
    reached, steps = reaching(GREY, (6, 5, 3))
    np.testing.assert_array_equal(reached, flat(np.repeat(GREY, 3, axis=-1)))
    assert steps == ("grey to 3 channels",)


def test_colour_is_weighed_to_grey_by_the_usual_weights(reaching):
    reached, steps = reaching(BYTES, (6, 5, 1))
    # ITU-R BT.601, as Pillow and TensorFlow have it.
    np.testing.assert_allclose(reached, flat(BYTES @ np.array([0.2989, 0.587, 0.114])), atol=0.05)
    assert steps == ("colour to grey",)


@pytest.mark.parametrize("size", [(12, 10), (3, 5), (7, 4)])
def test_images_are_resized_as_keras_does_bilinearly(reaching, size):
    import keras

    usual = keras.ops.image.resize(BYTES, size, interpolation="bilinear", data_format="channels_last")
    reached, steps = reaching(BYTES, (*size, 3))
    np.testing.assert_allclose(reached, flat(keras.ops.convert_to_numpy(usual)), atol=1e-3)
    assert steps == (f"resize 6x5 to {size[0]}x{size[1]}",)


def test_images_are_flattened_row_by_row(reaching):
    reached, steps = reaching(BYTES, (90,))
    np.testing.assert_array_equal(reached, flat(BYTES))
    assert steps == ("flatten to 90",)


def test_an_axis_of_one_channel_is_dropped(reaching):
    reached, _ = reaching(GREY, (6, 5))
    np.testing.assert_array_equal(reached, flat(GREY))


def test_a_member_that_takes_bytes_gets_rounded_ones_not_cut_ones(reaching):
    x = (BYTES / 255).astype(np.float32)
    reached, _ = reaching(x, (6, 5, 3), "0..255", (0.0, 1.0), dtype="uint8")
    np.testing.assert_array_equal(reached, flat(BYTES))


def test_the_users_layers_come_in_their_order_and_before_resizing(reaching):
    import keras

    layers = [keras.layers.Rescaling(1 / 255, name="to_one"), keras.layers.Cropping2D(1, name="crop")]
    reached, steps = reaching(BYTES, (8, 6, 3), layers)
    cropped = BYTES[:, 1:-1, 1:-1] / np.float32(255)
    usual = keras.ops.image.resize(cropped, (8, 6), interpolation="bilinear", data_format="channels_last")
    np.testing.assert_allclose(reached, flat(keras.ops.convert_to_numpy(usual)), atol=1e-5)
    assert steps == ("to_one", "crop", "resize 4x3 to 8x6")


def test_the_convention_holds_whatever_precision_the_process_prefers(reaching):
    import keras

    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_float16")
    try:
        reached, _ = reaching(BYTES, (6, 5, 3), "0..1")
    finally:
        keras.config.set_dtype_policy(before)
    # The flat model itself answers in half precision.
    np.testing.assert_allclose(reached, flat(BYTES / 255), atol=5e-4)


@pytest.mark.parametrize(
    ("data", "shape", "options", "said"),
    [
        pytest.param((4, 7), (6,), {}, "takes input of shape 6; the data has 7", id="24-tabular-width"),
        pytest.param((4, 6, 5, 3), (6, 5, 4), {}, "6x5x4; the data has 6x5x3", id="24-four-channels"),
        pytest.param((4, 6, 5, 2), (6, 5, 1), {}, "6x5x1; the data has 6x5x2", id="24-two-channels"),
        pytest.param((4, 6, 5, 3), (100,), {}, "takes input of shape 100; the data has 6x5x3", id="24-flat"),
        pytest.param((4, 8, 3), (6, 3), {}, "Only images are resized unasked", id="24-length-of-a-series"),
        *(
            pytest.param(
                (4, 6, 5, 3),
                (6, 5, 3),
                {"preprocess": convention, "data_range": None},
                f"expects '{convention}', but the data follows no range that is known.*data_range=",
                id=f"24-unknown-range-{convention}",
            )
            for convention in CONVENTIONS
        ),
        *(
            pytest.param(
                (4, 6, 5, 1),
                (6, 5, 1),
                {"preprocess": convention},
                f"expects '{convention}', which is for 3 channels. The data has 1",
                id=f"24-{convention}-of-grey",
            )
            for convention in ("caffe", "torch")
        ),
    ],
)
def test_what_cannot_be_made_for_certain_is_refused(reaching, data, shape, options, said):
    with pytest.raises(ke.KerasembleError, match=f"Member 'flat' .*{said}"):
        reaching(np.zeros(data, dtype=np.float32), shape, **options)


def test_24_the_range_is_detected_and_may_be_given(dense):
    import keras

    body = [keras.Input((2, 3, 1)), keras.layers.Flatten(), dense(0)]
    member = ke.Member(keras.Sequential(body), name="digits", preprocess="0..1")
    sixteenths = RNG.integers(0, 17, (5, 2, 3)).astype(np.float32)
    sixteenths[0, 0, 0] = 16
    with pytest.raises(ke.KerasembleError, match=r"'digits' expects '0..1'.*data_range"):
        ke.predict([member], sixteenths)
    given = functools.partial(ke.predict, [member])
    seen, detected = given(sixteenths, data_range=(0, 16)), given(sixteenths / 16)
    assert seen.alignment.inputs.range == (0, 16)
    assert detected.alignment.inputs.range == (0, 1)
    np.testing.assert_allclose(seen.values, detected.values, atol=1e-6)
