"""How long a model file takes to open, beside `keras.saving.load_model`, and whether both are the same model.

    python benchmarks/opening.py [--times 3] [--out docs/measured/opening.md] [FILE ...]

Without files, MobileNetV2, ResNet50 and EfficientNetB0 are made with random weights and saved. Each opening is a
process of its own, in turns, with Keras imported before the clock starts; shown is the least CPU time of several.
Ours without the inspection does the same work as Keras; the inspection reads the file without it. The backend is that
of KERAS_BACKEND. Answers to the same rows are compared bit by bit.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

APPLICATIONS = ("MobileNetV2", "ResNet50", "EfficientNetB0")
WAYS = ("keras", "opened", "inspected and opened")


def make(folder: Path) -> list[Path]:
    """Save models with random weights, and return their files."""
    import keras

    files = []
    for name in APPLICATIONS:
        files.append(folder / f"{name}.keras")
        getattr(keras.applications, name)(weights=None).save(files[-1])
    return files


def once(path: Path, way: str) -> dict[str, float | str]:
    """Open a file in this process, and return how long it took and a hash of the model's answers."""
    import keras

    from kerasemble.members.loading import load_file
    from kerasemble.members.unrandom import built

    ways = {
        "keras": lambda: keras.saving.load_model(path, compile=False),
        "opened": lambda: built(lambda: keras.saving.load_model(path, compile=False)).model,
        "inspected and opened": lambda: load_file(path).model,
    }
    began, wall = time.process_time(), time.perf_counter()
    model = ways[way]()
    found = {"cpu": time.process_time() - began, "wall": time.perf_counter() - wall}
    shape = [size or 64 for size in model.inputs[0].shape[1:]]
    rows = np.random.default_rng(0).random((2, *shape)).astype(np.float32)
    answers = np.asarray(model.predict(rows, verbose=0))
    return {**found, "answers": hashlib.sha256(answers.tobytes()).hexdigest()}


def apart(path: Path, way: str) -> dict[str, float | str]:
    """Do the same in a process of its own."""
    command = [sys.executable, __file__, "--way", way, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603 - this very script
    return json.loads(done.stdout.splitlines()[-1])


def report(files: list[Path], times: int) -> str:
    """Return the table."""
    import keras

    lines = [
        f"Keras {keras.__version__} on {keras.backend.backend()}; CPU seconds, the least of {times}.\n",
        "| | Keras | ours | Keras / ours | ours, inspected too | Keras / that | same answers |",
        "| --- | --: | --: | --: | --: | --: | --- |",
    ]
    for path in files:
        found = [{way: apart(path, way) for way in WAYS} for _ in range(times)]
        keras_, opened, whole = (min(each[way]["cpu"] for each in found) for way in WAYS)
        same = len({each[way]["answers"] for each in found for way in WAYS}) == 1
        cells = (path.stem, f"{keras_:.1f}", f"{opened:.1f}", f"{keras_ / opened:.1f}", f"{whole:.1f}")
        lines.append(f"| {' | '.join(cells)} | {keras_ / whole:.1f} | {'to the bit' if same else 'NO'} |")
    return "\n".join([*lines, ""])


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="*", type=Path, metavar="FILE")
    parser.add_argument("--times", type=int, default=3)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--way", choices=WAYS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.way:
        print(json.dumps(once(options.files[0], options.way)))
        return
    with tempfile.TemporaryDirectory() as folder:
        text = report(options.files or make(Path(folder)), options.times)
    print(text)
    if options.out is not None:
        options.out.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
