"""Starting is quick, because Keras is not imported before it is needed."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = ("keras", "jax", "tensorflow", "torch")
CLI = "import sys; sys.argv = ['kerasemble', *{}]\nfrom kerasemble.cli import main\nmain()"


def imported(code):
    """Return which of the heavy packages a process has imported when it has run `code`."""
    report = f"\nimport sys\nprint('imported:', *[name for name in {HEAVY!r} if name in sys.modules])"
    result = subprocess.run([sys.executable, "-c", code + report], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    return result.stdout.rpartition("imported:")[2].split()


@pytest.mark.parametrize(
    "code",
    [
        pytest.param("import kerasemble", id="import"),
        pytest.param("from kerasemble import *", id="all-names"),
        pytest.param("import kerasemble; kerasemble.Average()", id="recipe"),
        pytest.param(CLI.format(["--help"]), id="help"),
        pytest.param(CLI.format(["--version"]), id="version"),
        *(
            pytest.param(CLI.format([command, "--help"]), id=f"{command}-help")
            for command in ("combine", "evaluate", "predict", "demo")
        ),
    ],
)
def test_it_starts_without_keras_or_a_backend(code):
    assert imported(code) == []


@pytest.mark.backend
def test_what_needs_keras_imports_it():
    code = "from kerasemble.members.backend import import_keras; import_keras()"
    assert "keras" in imported(code)
