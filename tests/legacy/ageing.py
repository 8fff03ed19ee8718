"""Files as older versions wrote them, made from those of TensorFlow 2.21 by the description of the older format."""

import io
import json
import re
import zipfile

import h5py

_NEW_SETTINGS = ("time_major", "groups", "ragged", "keepdims", "implementation", "synchronized")


def as_keras_2_0(path):
    """Write the configuration as Keras 2.0 did: a bare list, the input's shape in the first layer, no modules."""
    with h5py.File(path, "r+") as file:
        config = _without_modules(json.loads(file.attrs["model_config"]))
        shape = config["config"]["layers"][0]["config"]["batch_input_shape"]
        config["config"] = config["config"]["layers"][1:]
        config["config"][0]["config"]["batch_input_shape"] = shape
        file.attrs["model_config"] = json.dumps(config)


def as_keras_2_2_4(path):
    """Write it as Keras 2.2.4 did: the same with a name, and the shape that it was built for."""
    with h5py.File(path, "r+") as file:
        config = _without_modules(json.loads(file.attrs["model_config"]))
        shape = config["config"]["layers"][0]["config"]["batch_input_shape"]
        config["config"]["layers"] = config["config"]["layers"][1:]
        config["config"]["layers"][0]["config"]["batch_input_shape"] = shape
        config["config"]["build_input_shape"] = shape
        file.attrs["model_config"] = json.dumps(config)


def as_tensorflow_2_13(path):
    """Name the weights as TensorFlow 2.13 did: a layer that has weights counts twice."""
    _renamed(path, lambda place: re.sub(r"_(\d+)(?=/|$)", lambda found: f"_{2 * int(found[1])}", place))


def as_tensorflow_2_14(path):
    """Name the weights as TensorFlow 2.14 did."""
    _renamed(path, lambda place: place)


def on_windows(path):
    """Name the weights as TensorFlow 2.13 did on Windows."""
    as_tensorflow_2_13(path)
    _rewritten(path, lambda place: re.sub(r"/(?!vars|\d+$)", r"\\", place))


def _without_modules(value):
    if isinstance(value, list):
        return [_without_modules(item) for item in value]
    if not isinstance(value, dict):
        return value
    unknown = ("module", "registered_name", "build_config", *_NEW_SETTINGS)
    return {key: _without_modules(item) for key, item in value.items() if key not in unknown}


def _renamed(path, number):
    def place(name):
        steps = name.split("/")
        for at, step in enumerate(steps):
            if step == "layers":
                steps[at : at + 2] = ["_layer_checkpoint_dependencies", number(steps[at + 1])]
        return "/".join(steps)

    _rewritten(path, place)


def _rewritten(path, place):
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    arrays = {}
    with h5py.File(io.BytesIO(members["model.weights.h5"]), "r") as file:
        file.visititems(lambda name, item: arrays.update({name: item[()]} if isinstance(item, h5py.Dataset) else {}))
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        for name, value in arrays.items():
            file[place(name)] = value
    members["model.weights.h5"] = buffer.getvalue()
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
