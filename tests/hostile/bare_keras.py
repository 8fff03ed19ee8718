"""See what bare Keras does with the corpus, so that it is real: `python tests/hostile/bare_keras.py` writes keras.json.

Each file is opened with `keras.saving.load_model(path)` in a child process of its own, which has 30 seconds and 4 GB of
memory beyond what Keras itself takes. The outcome is one line: what it raised, or that it loads, and what it changed.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import signal
import sys
import tempfile
import time
from pathlib import Path

os.environ.setdefault("KERAS_BACKEND", "jax")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras  # the backend is chosen above
import tensorflow as tf  # noqa: F401 - Keras imports it for any .h5 file, which is no doing of the file's
from corpus import CASES, MARKER, Case

SECONDS, MEMORY = 30, 4 << 30
PLANTED = ("keras_hub", "keras_nlp", "keras_cv")


def state() -> dict[str, object]:
    """Return what a model file must not change."""
    config = keras.config
    unsafe = keras.src.saving.serialization_lib.in_safe_mode()
    values = (config.floatx(), config.epsilon(), config.image_data_format(), config.dtype_policy().name, unsafe)
    names = ("floatx", "epsilon", "image_data_format", "dtype_policy", "safe_mode")
    return {**dict(zip(names, map(str, values), strict=True)), "path": list(sys.path), "modules": planted()}


def planted() -> list[str]:
    """Return which of the packages that a file can name are imported."""
    return [name for name in (*PLANTED, "torch", "pytest") if name in sys.modules]


def attempt(path: Path) -> str:
    """Open a file and say in a line what came of it; runs in a child process."""
    before, start = state(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    try:
        model = keras.saving.load_model(path)
        outcome = f"loads as {type(model).__name__}"
    except BaseException as error:  # noqa: BLE001 - whatever it is, it is the outcome
        text = " ".join(str(error).split())
        # Keras puts whole configurations around what is wrong.
        text = text.rpartition("Exception encountered: ")[2].partition("Full object config")[0]
        words = text if len(text) < 150 else text[:150].rpartition(" ")[0]
        outcome = f"{type(error).__name__}: {words}"
    after = state()
    changed = [f"{key} is {after[key]}" for key in before if before[key] != after[key]]
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - start) // 1024
    notes = [*changed, *([f"{grown} MB"] if grown > 300 else [])]
    notes += ["THE PAYLOAD RAN"] if (path.parent / MARKER).exists() else []
    return "; ".join([outcome, *notes])


def _child(path: Path, answer: int) -> None:
    used = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY, used + MEMORY))
    os.chdir(path.parent)
    sys.path.insert(0, "")
    silent = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silent, 1)
    os.dup2(silent, 2)
    os.write(answer, attempt(path).encode("utf-8", "replace")[:60_000])
    os._exit(0)


def tried(case: Case, folder: Path) -> str:
    """Return the outcome of a case."""
    path = case.make(folder)
    for name in PLANTED:
        (folder / name).mkdir()
        text = f"import pathlib; pathlib.Path({str(folder / MARKER)!r}).touch()\n"
        (folder / name / "__init__.py").write_text(text, encoding="utf-8")
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        _child(path, writer)
    os.close(writer)
    start = time.monotonic()
    while time.monotonic() - start < SECONDS:
        if os.waitpid(child, os.WNOHANG)[0]:
            break
        time.sleep(0.01)
    else:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        os.close(reader)
        return f"killed after {SECONDS} s" + ("; THE PAYLOAD RAN" if (folder / MARKER).exists() else "")
    with os.fdopen(reader, "rb") as answer:
        return answer.read().decode() or "the process died"


def main() -> None:
    """Try the cases whose names begin with what is given, all by default."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", default=[""])
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("keras.json"))
    options = parser.parse_args()
    known = json.loads(options.out.read_text(encoding="utf-8")) if options.out.exists() else {}
    for case in CASES:
        if case.name.startswith(tuple(options.names)):
            with tempfile.TemporaryDirectory() as folder:
                known[case.name] = tried(case, Path(folder)).replace(folder, ".")
            print(f"{case.name}: {known[case.name]}", flush=True)  # noqa: T201 - a script
    current = {case.name: known[case.name] for case in CASES if case.name in known}
    options.out.write_text(json.dumps(current, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
