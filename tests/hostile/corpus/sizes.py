"""A few bytes that declare layers and activations larger than any memory."""

from __future__ import annotations

from typing import Any

from corpus.case import file_case
from corpus.seeds import (
    Json,
    archive,
    called,
    chain,
    dense,
    functional,
    layer,
    numbers,
    old,
    old_chain,
    old_layer,
    sequential,
    source,
    tensor,
    weights,
)

_MANY = "dimension too-many-parameters unstored-weights shape-mismatch too-large-activation"
_LARGE = "dimension too-large-activation"
_IMAGE = (None, 8, 8, 3)


def _chain(*layers: Json, shape: tuple[Any, ...] = (None, 4)) -> Json:
    """Return a Sequential model, whose configuration says no shape but that of the input."""
    return sequential(source(shape), *layers, dense("out", 2, activation="softmax"))


def _image(*layers: Json) -> Json:
    return _chain(*layers, layer("GlobalAveragePooling2D", "pool"), shape=_IMAGE)


def _sequence(*layers: Json) -> Json:
    return _chain(*layers, layer("GlobalAveragePooling1D", "pool"), shape=(None, 8, 3))


def _of(class_name: str, **config: Any) -> Json:
    return layer(class_name, "hostile", **config)


def _joined(levels: int) -> Json:
    """Each layer joins the one before to itself: 2**levels columns."""
    layers, last = [source()], "x"
    for level in range(levels):
        both = [tensor(last, (None, 4 << level))] * 2
        layers.append({**layer("Concatenate", f"c{level}", axis=-1), "inbound_nodes": [{"args": [both], "kwargs": {}}]})
        last = f"c{level}"
    flat = [{"args": [tensor(last, (None, 4 << levels))], "kwargs": {}}]
    reshape = {**layer("Reshape", "rows", target_shape=[-1, 4]), "inbound_nodes": flat}
    rows = [{"args": [tensor("rows", (None, 1 << levels, 4))], "kwargs": {}}]
    mean = {**layer("GlobalAveragePooling1D", "mean"), "inbound_nodes": rows}
    return functional([*layers, reshape, mean, called(dense("out", 2), "mean")])


_LAYERS: dict[str, tuple[str, Json, str]] = {
    "dense": ("Dense of 2e9 units", _chain(dense("hostile", 2_000_000_000)), _MANY),
    "dense-64-bit": ("Dense of 2**63 units", _chain(dense("hostile", 1 << 63)), _MANY + " json-number config"),
    "dense-200-million": (
        "Dense of 2e8 units, 3.2 GB, below Keras's own limit",
        _chain(dense("hostile", 200_000_000)),
        _MANY,
    ),
    "dense-below-limit": (
        "30 Dense layers of 90,000 units each, 243 GB",
        _chain(*(dense(f"d{i}", 90_000) for i in range(30))),
        _MANY,
    ),
    "dense-as-float": ("units as 2e9", _chain(dense("hostile", 2e9)), _MANY + " config"),
    "dense-as-text": ("units as a string", _chain(dense("hostile", "2000000000")), _MANY + " config"),
    "dense-negative": ("-2e9 units", _chain(dense("hostile", -2_000_000_000)), _MANY + " config"),
    "embedding": ("Embedding of 1e9 words", _chain(_of("Embedding", input_dim=1_000_000_000, output_dim=8)), _MANY),
    "embedding-output": (
        "Embedding of 1e9 columns",
        _chain(_of("Embedding", input_dim=8, output_dim=1_000_000_000)),
        _MANY,
    ),
    "lstm": ("LSTM of 1e8 units", _sequence(_of("LSTM", units=100_000_000, return_sequences=True)), _MANY),
    "convolution": ("1e9 filters", _image(_of("Conv2D", filters=1_000_000_000, kernel_size=[3, 3])), _MANY),
    "kernel": (
        "a kernel of 60,000 x 60,000",
        _image(_of("Conv2D", filters=8, kernel_size=[60_000, 60_000], padding="same")),
        _MANY,
    ),
    "depthwise": (
        "1e9 columns for each",
        _image(_of("DepthwiseConv2D", kernel_size=[3, 3], depth_multiplier=1_000_000_000)),
        _MANY,
    ),
    "attention": (
        "1e6 heads",
        _sequence(_of("GroupQueryAttention", head_dim=1_000_000, num_query_heads=1_000_000, num_key_value_heads=1)),
        _MANY + " config",
    ),
    "input": (
        "an input of 1e6 x 1e6 x 1e3",
        _chain(layer("GlobalAveragePooling2D", "p"), shape=(None, 1_000_000, 1_000_000, 1000)),
        _LARGE,
    ),
    "batch": ("a batch of 1e12", _chain(shape=(1_000_000_000_000, 4)), _LARGE),
    "upsampling": ("1e6 x 1e6 times the image", _image(_of("UpSampling2D", size=[1_000_000, 1_000_000])), _LARGE),
    "upsampling-below-limit": (
        "90,000 x 90,000 times the image",
        _image(_of("UpSampling2D", size=[90_000, 90_000])),
        _LARGE,
    ),
    "upsampling-often": (
        "ten times by 10 x 10",
        _image(*(layer("UpSampling2D", f"u{i}", size=[10, 10]) for i in range(10))),
        _LARGE,
    ),
    "padding": ("1e9 zeros on each side", _image(_of("ZeroPadding2D", padding=[[1_000_000_000] * 2] * 2)), _LARGE),
    "padding-below-limit": (
        "90,000 zeros on each side",
        _image(_of("ZeroPadding2D", padding=[[90_000] * 2] * 2)),
        _LARGE,
    ),
    "repeat": (
        "a row 1e10 times",
        _chain(_of("RepeatVector", n=10_000_000_000), layer("GlobalAveragePooling1D", "p")),
        _LARGE,
    ),
    "resizing": ("1e6 x 1e6 pixels", _image(_of("Resizing", height=1_000_000, width=1_000_000)), _LARGE),
    "resizing-below-limit": ("90,000 x 90,000 pixels", _image(_of("Resizing", height=90_000, width=90_000)), _LARGE),
    "transposed": (
        "strides of 1e6",
        _image(_of("Conv2DTranspose", filters=8, kernel_size=[3, 3], strides=[1_000_000] * 2)),
        _MANY,
    ),
    "transposed-below-limit": (
        "strides of 50,000",
        _image(_of("Conv2DTranspose", filters=8, kernel_size=[3, 3], strides=[50_000] * 2)),
        _MANY,
    ),
    "one-hot": (
        "one column for each of 1e10",
        _chain(_of("CategoryEncoding", num_tokens=10_000_000_000, output_mode="multi_hot")),
        _LARGE,
    ),
    "one-hot-each": (
        "50,000 x 90,000 columns",
        _chain(
            _of("CategoryEncoding", num_tokens=90_000, output_mode="one_hot"),
            layer("GlobalAveragePooling1D", "p"),
            shape=(None, 50_000),
        ),
        _LARGE,
    ),
    "outer": (
        "90,000 x 90,000 scores",
        _chain(_of("RepeatVector", n=90_000), layer("Permute", "t", dims=[2, 1]), layer("GlobalAveragePooling1D", "p")),
        _LARGE + " unstored-weights shape-mismatch",
    ),
    "hashing": (
        "1e12 bins, one-hot",
        _chain(_of("Hashing", num_bins=1_000_000_000_000, output_mode="multi_hot")),
        _LARGE,
    ),
    "reshape": (
        "4 numbers as 1e12",
        _chain(_of("Reshape", target_shape=[1_000_000_000_000])),
        _LARGE + " config shape-mismatch",
    ),
    "joined": ("joined to itself 40 times", _joined(40), _LARGE),
    "spectrogram": (
        "1e9 bands",
        _chain(
            _of("MelSpectrogram", num_mel_bins=1_000_000_000, fft_length=1 << 30),
            layer("GlobalAveragePooling1D", "p"),
            shape=(None, 1000),
        ),
        _MANY,
    ),
    "random-features": (
        "1e9 random features",
        _chain(_of("RandomFourierFeatures", output_dim=1_000_000_000)),
        _MANY + " class",
    ),
}


def _fitting(config: Json) -> bytes:
    """Return weights for the last layer, so that all but the declared size is right."""
    shape, *_ = [
        each["config"]["batch_shape"] for each in config["config"]["layers"] if "batch_shape" in each["config"]
    ]
    filters = [each["config"].get("filters") for each in config["config"]["layers"]]
    return weights((8 if 8 in filters else min(shape[-1], 1000), 2))


def _thousands(count: int) -> Json:
    return chain(*(layer("Activation", f"a{index}", activation="relu") for index in range(count)))


CASES = [
    *(
        file_case(f"size/{key}", what, codes, archive(config, _fitting(config)))
        for key, (what, config, codes) in _LAYERS.items()
    ),
    file_case(
        "size/layers",
        "20,000 layers, minutes in Keras",
        "config json-size not-supported too-many-layers too-large-activation",
        lambda _: archive(_thousands(20_000)),
    ),
    file_case(
        "size/dense-h5",
        "Dense of 2e9 units",
        _MANY + " layer-order",
        old(old_chain(old_layer("Dense", "h", units=2_000_000_000))),
        ".h5",
    ),
    file_case(
        "size/dense-h5-declared",
        "Dense of 2e9 units of which the file stores 2",
        _MANY,
        old(old_chain(units=2_000_000_000), out={"kernel": numbers(4, 2), "bias": numbers(2)}),
        ".h5",
    ),
    file_case(
        "size/upsampling-h5",
        "1e6 times the row",
        _LARGE + " layer-order config",
        old(old_chain(old_layer("RepeatVector", "r", n=10_000_000_000), old_layer("Flatten", "f"))),
        ".h5",
    ),
    file_case(
        "size/other-shape", "Dense of 3 units of which the file stores 2", "shape-mismatch", archive(chain(units=3))
    ),
    file_case(
        "size/other-rows", "a kernel of 5 rows for 4 columns", "shape-mismatch", archive(chain(), weights((5, 2)))
    ),
    file_case(
        "size/other-shape-h5",
        "Dense of 3 units of which the file stores 2",
        "shape-mismatch",
        old(old_chain(units=3)),
        ".h5",
    ),
]
