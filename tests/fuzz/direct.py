"""Judge a mutated configuration without its file: a thousand a second, where a whole file takes a child process."""

from __future__ import annotations

import io
import json
import random
import zipfile

import h5py
from mutator import mutate_json, seed_files

from kerasemble.members.inspection.configuration import check_configuration
from kerasemble.members.inspection.document import parse
from kerasemble.members.inspection.record import Refused, StoredArray, StoredLayer, Weights
from kerasemble.members.legacy import mend


def seed_configurations() -> list[tuple[str, bytes, Weights]]:
    """Return the layout, the configuration and the weights of each seed."""
    found = []
    for suffix, content in seed_files():
        text, stored = b"", content
        if suffix == ".keras":
            with zipfile.ZipFile(io.BytesIO(content)) as archive:
                text, stored = archive.read("config.json"), archive.read("model.weights.h5")
        with h5py.File(io.BytesIO(stored)) as file:
            text = text or file.attrs["model_config"].encode()
            found.append((suffix[1:], text, _weights(file)))
    return found


def _weights(file: h5py.File) -> Weights:
    arrays: list[StoredArray] = []
    file.visititems(
        lambda name, each: (
            arrays.append(StoredArray(name, each.shape, str(each.dtype))) if isinstance(each, h5py.Dataset) else None
        )
    )
    if "model_weights" not in file:
        return Weights(tuple(arrays))
    group = file["model_weights"]
    names = [str(name) for name in group.attrs["layer_names"]]
    weights = {
        name: tuple(f"model_weights/{name}/{each}" for each in group[name].attrs["weight_names"]) for name in names
    }
    return Weights(tuple(arrays), tuple(StoredLayer(*item) for item in weights.items()))


def judged(seeds: list[tuple[str, bytes, Weights]], rng: random.Random) -> tuple[bytes, str]:
    """Return a mutated configuration and the code of its refusal; None where it is accepted.

    Raises:
        Exception: with the configuration as a note: nothing but a refusal should come of any.
    """
    layout, text, weights = rng.choice(seeds)
    value = json.loads(text)
    for _ in range(rng.choice([1, 1, 2, 3])):
        mutate_json(value, rng)
    text = json.dumps(value).encode()
    try:
        parsed = parse(text, "config.json")
        if not isinstance(parsed, dict | list):
            return text, "config"
        mended = mend(parsed, weights, layout)
        check_configuration(mended.config, weights)
    except Refused as refusal:
        return text, refusal.code
    except Exception as error:
        error.add_note(text.decode())
        raise
    return text, "accepted"
