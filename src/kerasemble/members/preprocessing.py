"""From the data, whatever it is, to what a member expects: Keras layers and a word for each."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from kerasemble.core.errors import KerasembleError, warn
from kerasemble.core.rows import Rows, extent_of
from kerasemble.members.backend import import_keras
from kerasemble.members.copying import copy_of

# Target ranges, and the ImageNet statistics that keras.applications and torchvision subtract.
_RANGES = {"0..1": (0.0, 1.0), "-1..1": (-1.0, 1.0), "0..255": (0.0, 255.0)}
_CAFFE_MEANS_BGR = (103.939, 116.779, 123.68)
_TORCH_MEANS, _TORCH_DEVIATIONS = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
CONVENTIONS = (*_RANGES, "caffe", "torch")
# Words for the order of colours and axes, which may go with a convention: "bgr+0..1".
_ORDERS = ("bgr", "channels_first", "channels_last")
# Images are resized unasked while their proportions change by at most this factor.
_MOST_STRETCH = 2.5

Range = tuple[float, float]
# A symbolic Keras tensor.
Symbol = Any


class Convention(NamedTuple):
    """What a member expects, as `preprocess="bgr+0..1"` says it.

    Args:
        scale: one of `CONVENTIONS`, None where values are to stay as they are.
        bgr: colours in the order blue, green, red.
        channels_first: it takes (channels, height, width).
        channels_last: it takes (height, width, channels), and the data is (channels, height, width).
    """

    scale: str | None = None
    bgr: bool = False
    channels_first: bool = False
    channels_last: bool = False


def parse_convention(text: str) -> Convention | None:
    """Return what a text such as "0..1", "caffe" or "bgr+0..1" says; None where it says nothing that is known."""
    words = text.split("+")
    scales = [word for word in words if word in CONVENTIONS]
    orders = [word for word in words if word in _ORDERS]
    known = len(scales) + len(orders) == len(words) == len(set(words)) and len(scales) <= 1
    # "caffe" is in BGR order by itself; channels cannot come first and last.
    if not known or {"bgr", "caffe"} <= set(words) or {"channels_first", "channels_last"} <= set(words):
        return None
    return Convention(scales[0] if scales else None, *(word in orders for word in _ORDERS))


class Prepared(NamedTuple):
    """What goes into the member, and what was done to the data, in words."""

    tensor: Symbol
    steps: tuple[str, ...]


def detect_range(x: Rows) -> Range | None:
    """Return the range that data (samples, ...) is stored in, or None where it follows no convention.

    It is 0..1, -1..1 or 0..255 where the values lie within one and use more than half of its upper part; uint8 can only
    be 0..255. Scikit-learn's digits, 0..16, are none of them: to guess there would be a silent wrong answer.
    """
    low, high, _ = extent_of(x)
    candidates = ((0.0, 255.0),) if x.dtype == np.uint8 else ((0.0, 1.0), (-1.0, 1.0), (0.0, 255.0))
    return next((span for span in candidates if span[0] <= low and span[1] / 2 < high <= span[1]), None)


def warn_of_other_range(x: Rows, expected: Range | None, who: str) -> None:
    """Warn where data (samples, ...) clearly lies in another range than the one that an ensemble was fitted on."""
    found = detect_range(x)
    if expected is None or found is None or found == expected:
        return
    then, now = (f"{span[0]:g}..{span[1]:g}" for span in (expected, found))
    warn(f"The data lies in {now}, but {who} takes data in {then}: is it scaled as it was then?")


def prepare(tensor: Symbol, expected: tuple[int | None, ...] | None, options: Options) -> Prepared:
    """Return `tensor` in the shape and range that a member expects.

    Args:
        tensor: symbolic, (batch, *shape of one sample).
        expected: shape of one sample for the member, None where it does not say.
        options: what else is known of the member and the data.

    Raises:
        KerasembleError: the data cannot become what the member expects by anything that is certain.
    """
    steps: list[str] = []
    convention = options.convention
    if convention.channels_last:
        tensor = _move_channels(tensor, (0, 2, 3, 1), "channels last", options.name, steps)
    if convention.channels_first and expected is not None and len(expected) == 3:
        expected = (*expected[1:], expected[0])
    if expected is not None and len(expected) == 3:
        tensor = _fit_channels(tensor, expected[2], steps)
    tensor = _layers(tensor, options, steps)
    if convention.bgr:
        tensor = _reverse_colours(tensor, options.name, steps)
    tensor = _scale(tensor, options, steps)
    if expected is not None:
        tensor = _fit_shape(tensor, expected, options, steps)
    if convention.channels_first:
        tensor = _move_channels(tensor, (0, 3, 1, 2), "channels first", options.name, steps)
    if "int" in options.dtype and "float" in tensor.dtype:
        # Left to the cast, 127 / 255 * 255 would become 126 on one backend and 127 on another.
        keras = import_keras()
        tensor = keras.ops.cast(keras.ops.round(tensor), options.dtype)
    return Prepared(tensor, tuple(steps))


class Options(NamedTuple):
    """What `prepare` needs to know of a member and the data.

    Args:
        name: of the member.
        convention: that the member expects, as far as it was named.
        layers: that make the member's input, where they were given.
        range: of the data, where it is known.
        dtype: that the member takes.
        taken: names that are in use in the graph; those of new layers are added.
    """

    name: str
    convention: Convention
    layers: tuple[Any, ...]
    range: Range | None
    dtype: str
    taken: set[str]


def free_name(name: str, taken: set[str]) -> str:
    """Return `name`, numbered if it is in use, and note it: Keras refuses two layers of one name."""
    tries = (name if number == 1 else f"{name}_{number}" for number in range(1, len(taken) + 2))
    free = next(each for each in tries if each not in taken)
    taken.add(free)
    return free


def own_copy(layer: Any, owner: str, taken: set[str]) -> Any:  # noqa: ANN401 - a Keras layer
    """Return a copy of a layer, for the member `owner`, under a name that is free."""
    copy = copy_of(layer, owner)
    copy.name = free_name(copy.name, taken)
    return copy


def _fit_channels(tensor: Symbol, channels: int | None, steps: list[str]) -> Symbol:
    """Give an image the member's number of channels: repeat grey, or weigh colours to grey."""
    keras = import_keras()
    if len(tensor.shape) == 3:
        tensor = keras.ops.expand_dims(tensor, -1)
    if len(tensor.shape) != 4 or channels is None or tensor.shape[-1] == channels:
        return tensor
    if tensor.shape[-1] == 1 and channels == 3:
        steps.append("grey to 3 channels")
        return keras.ops.repeat(tensor, 3, axis=-1)
    if tensor.shape[-1] == 3 and channels == 1:
        steps.append("colour to grey")
        return keras.ops.image.rgb_to_grayscale(keras.ops.cast(tensor, "float32"), data_format="channels_last")
    return tensor


def _layers(tensor: Symbol, options: Options, steps: list[str]) -> Symbol:
    """Apply copies of the user's layers."""
    for layer in options.layers:
        tensor = own_copy(layer, options.name, options.taken)(tensor)
        steps.append(layer.name)
    return tensor


def _move_channels(tensor: Symbol, axes: tuple[int, ...], words: str, name: str, steps: list[str]) -> Symbol:
    if len(tensor.shape) != 4:
        msg = f"Member '{name}': preprocess says {words}, which is for images. A sample has {_shape(tensor.shape[1:])}."
        raise KerasembleError(msg)
    steps.append(words)
    return import_keras().ops.transpose(tensor, axes)


def _reverse_colours(tensor: Symbol, name: str, steps: list[str]) -> Symbol:
    if tensor.shape[-1] != 3:
        msg = f"Member '{name}' expects 'bgr', which is for 3 channels. The data has {tensor.shape[-1]}."
        raise KerasembleError(msg)
    steps.append("RGB to BGR")
    return import_keras().ops.flip(tensor, axis=-1)


def _scale(tensor: Symbol, options: Options, steps: list[str]) -> Symbol:
    keras = import_keras()
    chosen = options.convention.scale
    if chosen is None:
        return tensor
    if options.range is None:
        msg = (
            f"Member '{options.name}' expects '{chosen}', but the data follows no range that is known (0..1, -1..1, "
            "0..255). Give data_range=(low, high) (--data-range low..high), or a keras.layers.Rescaling as preprocess."
        )
        raise KerasembleError(msg)
    low, high = options.range
    scale, offset = rescaling(chosen, low, high)
    if chosen in ("caffe", "torch") and tensor.shape[-1] != 3:
        msg = f"Member '{options.name}' expects '{chosen}', which is for 3 channels. The data has {tensor.shape[-1]}."
        raise KerasembleError(msg)
    steps.append(f"{low:g}..{high:g} to {chosen}")
    if chosen == "caffe":
        tensor = keras.ops.flip(tensor, axis=-1)
    if (np.ravel(scale) == 1).all() and (np.ravel(offset) == 0).all():
        return tensor
    # Float32 whatever the process's policy: half precision cannot tell 0..255 apart after scaling.
    return keras.layers.Rescaling(scale, offset, name=free_name("rescaling", options.taken), dtype="float32")(tensor)


def rescaling(chosen: str, low: float, high: float) -> tuple[Any, Any]:
    """Return scale and offset, numbers or one for each channel, from low..high to a convention's values."""
    span = high - low
    if chosen == "caffe":
        return 255 / span, [-255 * low / span - mean for mean in _CAFFE_MEANS_BGR]
    if chosen == "torch":
        scales = [1 / (span * deviation) for deviation in _TORCH_DEVIATIONS]
        offsets = [(-low / span - mean) / dev for mean, dev in zip(_TORCH_MEANS, _TORCH_DEVIATIONS, strict=True)]
        return scales, offsets
    bottom, top = _RANGES[chosen]
    return (top - bottom) / span, bottom - low * (top - bottom) / span


def _fit_shape(tensor: Symbol, expected: tuple[int | None, ...], options: Options, steps: list[str]) -> Symbol:
    """Resize images, drop or add an axis of one channel, flatten; refuse all else."""
    keras = import_keras()
    received = tuple(tensor.shape[1:])
    if fits(received, expected):
        return tensor
    if len(received) == 3 and len(expected) == 3 and fits(received[2:], expected[2:]):
        height, width = (want or have for want, have in zip(expected[:2], received[:2], strict=True))
        _check_stretch((received[0], received[1]), (height, width), options.name)
        steps.append(f"resize {received[0]}x{received[1]} to {height}x{width}")
        resize = keras.layers.Resizing(
            height,
            width,
            data_format="channels_last",
            name=free_name("resizing", options.taken),
            dtype="float32",
        )
        return resize(keras.ops.cast(tensor, "float32"))
    if received[-1] == 1 and fits(received[:-1], expected):
        return keras.ops.squeeze(tensor, axis=-1)
    if expected[-1] == 1 and fits(received, expected[:-1]):
        return keras.ops.expand_dims(tensor, -1)
    if len(expected) == 1 and None not in received and int(np.prod(received)) == expected[0]:
        steps.append(f"flatten to {expected[0]}")
        return keras.ops.reshape(tensor, (-1, expected[0]))
    moved = _moved_channels(received, expected)
    hint = f"Is it preprocess='{moved}'? " if moved else ""
    msg = (
        f"Member '{options.name}' takes input of shape {_shape(expected)}; the data has {_shape(received)}. {hint}Only "
        "images are resized unasked; give Member(..., preprocess=[layers]) that make one from the other, or other data."
    )
    raise KerasembleError(msg, {"preprocess": moved} if moved and options.convention == Convention() else {})


def _moved_channels(received: tuple[int | None, ...], expected: tuple[int | None, ...]) -> str | None:
    """Return the word that moves the channels of data to where a member has them, if that is what differs."""
    if len(received) != 3 or len(expected) != 3:
        return None
    if expected[0] in (1, 3) and received[2] == expected[0]:
        return "channels_first"
    return "channels_last" if expected[2] in (1, 3) and received[0] == expected[2] else None


def _check_stretch(received: tuple[int | None, int | None], wanted: tuple[int | None, int | None], name: str) -> None:
    """Refuse a resize that changes the proportions of an image beyond what a photograph bears: is it one?"""
    (height, width), (new_height, new_width) = received, wanted
    if not (height and width and new_height and new_width):
        return
    stretch = (height * new_width) / (width * new_height)
    if not 1 / _MOST_STRETCH <= stretch <= _MOST_STRETCH:
        msg = (
            f"Member '{name}' takes {new_height}x{new_width} images; the data has {height}x{width}, so resizing would "
            "distort it. Give Member(..., preprocess=keras.layers.Resizing(...)) if that is meant."
        )
        raise KerasembleError(msg)


def fits(received: tuple[int | None, ...], expected: tuple[int | None, ...]) -> bool:
    """Say whether a shape is the expected one, in which None stands for any size."""
    pairs = zip(received, expected, strict=False)
    return len(received) == len(expected) and all(have == want or want is None for have, want in pairs)


def _shape(shape: tuple[int | None, ...]) -> str:
    return "x".join("any" if size is None else str(size) for size in shape) or "one number"
