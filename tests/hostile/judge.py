"""Judge files in a process of its own: `python judge.py inspect|staged`, jobs and verdicts as JSON on stdin and stdout.

In the mode `staged` Keras is imported and told to run any lambda, which is how careless a user's process may be.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

Judge = Callable[[str, str | None], tuple[str | None, str | None]]
# Keras itself imports TensorFlow for any .h5 file, where it is installed.
FRAMEWORKS = ("keras", "jax", "tensorflow", "torch", "keras_hub", "keras_nlp", "keras_cv")


def state() -> dict[str, Any]:
    """Return what no file may change."""
    here = {"path": list(sys.path), "modules": [name for name in FRAMEWORKS if name in sys.modules]}
    if "keras" not in sys.modules:
        return here
    import keras

    here["modules"] = [name for name in here["modules"] if name != "tensorflow"]
    config = keras.config
    policy = config.dtype_policy()
    numbers = {"floatx": config.floatx(), "epsilon": config.epsilon(), "images": config.image_data_format()}
    tracebacks, safe = config.is_traceback_filtering_enabled(), keras.src.saving.serialization_lib.in_safe_mode()
    known = sorted(keras.saving.get_custom_objects())
    return {**here, **numbers, "policy": policy.name, "tracebacks": tracebacks, "safe": safe, "custom": known}


def inspected(path: str, architecture: str | None) -> tuple[str | None, str | None]:
    """Return why `inspect` refuses a file."""
    from kerasemble.members.inspection.inspect import inspect

    record = inspect(path, architecture=architecture)
    json.dumps(record.to_json(), allow_nan=False)
    return record.code, record.reason


def staged(path: str, architecture: str | None) -> tuple[str | None, str | None]:
    """Return why a file is not staged; what is staged is loaded as members are, so that a payload shows."""
    import keras

    from kerasemble.core.errors import KerasembleError
    from kerasemble.members.inspection.staging import staged

    try:
        with staged(path, architecture=architecture) as ready:
            keras.saving.load_model(ready.path, compile=False)
    except KerasembleError as error:
        code = getattr(error, "code", None) or getattr(error.__cause__, "code", None) or "refused"
        return code, str(error)
    return None, None


def verdict_of(judged: Judge, job: tuple[str, str, str | None]) -> list[Any]:
    """Return the case's name, the code and reason of its refusal, and the seconds it took."""
    name, path, architecture = job
    start = time.perf_counter()
    try:
        code, reason = judged(path, architecture)
    except Exception as error:  # noqa: BLE001 - whatever it is, it should not have been raised
        code, reason = f"raised {type(error).__name__}", str(error)
    return [name, code, reason, time.perf_counter() - start]


def main() -> None:
    """Print the state, a verdict for each job, and the state again."""
    judged = {"inspect": inspected, "staged": staged}[sys.argv[1]]
    # As in a notebook: a folder of the working directory is imported before anything that is installed.
    sys.path.insert(0, "")
    if judged is staged:
        os.environ.setdefault("KERAS_BACKEND", "jax")
        import keras

        keras.config.enable_unsafe_deserialization()
    from kerasemble.members.inspection import staging  # noqa: F401 - what it imports is there before the first file

    print(json.dumps(state()), flush=True)  # noqa: T201 - the answer
    # Most of the time a child reads HDF5 for us.
    with ThreadPoolExecutor(6) as pool:
        for verdict in pool.map(lambda job: verdict_of(judged, job), json.load(sys.stdin)):
            print(json.dumps(verdict), flush=True)  # noqa: T201 - the answer
    print(json.dumps(state()), flush=True)  # noqa: T201 - the answer


if __name__ == "__main__":
    main()
