"""Files written by tf_keras, once for all tests; without tf_keras and TensorFlow these tests are skipped."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

# Run by `made` in a process of its own.
collect_ignore = ["make.py", "ageing.py", "architectures.py"]

HERE = Path(__file__).parent
REAL = HERE.parents[2] / "shared" / "models" / "face_classification"


@pytest.fixture(scope="session")
def made(tmp_path_factory):
    """A folder of files of Keras 2, each with what tf_keras computes from it."""
    for package in ("tensorflow", "tf_keras"):
        if importlib.util.find_spec(package) is None:
            pytest.skip(f"{package} is not installed: make legacy")
    folder = tmp_path_factory.mktemp("legacy")
    command = [sys.executable, HERE / "make.py", folder, *sorted(REAL.glob("*.hdf5"))]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return folder
