"""Which backend Keras is imported on, where the user said so and where not."""

from __future__ import annotations

import importlib
import importlib.util
import json
import os
import subprocess
import sys

import pytest

import kerasemble as ke
from kerasemble.members.backend import import_keras


@pytest.fixture
def chosen(monkeypatch, tmp_path):
    """The backend that is chosen with these installed, this in KERAS_BACKEND, and this in Keras's settings file."""

    def choose(installed, asked=None, settings=None):
        monkeypatch.setenv("KERAS_HOME", os.fspath(tmp_path))
        monkeypatch.setenv("KERAS_BACKEND", asked or "")
        if settings is not None:
            (tmp_path / "keras.json").write_text(settings, encoding="utf-8")
        # Nothing is imported for real: Keras can be on one backend only in a process.
        monkeypatch.delitem(sys.modules, "keras", raising=False)
        with monkeypatch.context() as patch:
            patch.setattr(importlib.util, "find_spec", lambda name: name if name in installed else None)
            patch.setattr(importlib, "import_module", lambda name: name)
            assert import_keras() == "keras"
        return os.environ["KERAS_BACKEND"]

    return choose


@pytest.mark.parametrize(
    ("installed", "backend"),
    [
        (("torch", "tensorflow", "jax"), "jax"),
        (("torch", "tensorflow"), "tensorflow"),
        (("torch",), "torch"),
    ],
)
def test_where_nothing_is_chosen_the_first_that_is_installed_is_taken(chosen, installed, backend):
    assert chosen(installed) == backend


def test_what_the_user_asks_for_goes_before_all_else(chosen):
    assert chosen(("jax", "torch"), asked="torch", settings='{"backend": "jax"}') == "torch"


def test_a_backend_that_only_keras_knows_is_taken_at_the_users_word(chosen):
    assert chosen(("jax",), asked="openvino") == "openvino"


def test_keras_own_settings_are_honoured(chosen):
    assert chosen(("jax", "torch"), settings='{"backend": "torch"}') == "torch"


@pytest.mark.parametrize("settings", ['{"backend": "tensorflow"}', '{"backend": 3}', "{}", "[]", "{", ""])
def test_settings_that_name_no_backend_that_is_there_are_passed_over(chosen, settings):
    assert chosen(("jax", "torch"), settings=settings) == "jax"


@pytest.mark.parametrize(
    ("installed", "asked", "said"),
    [
        pytest.param(("jax",), "torch", r"KERAS_BACKEND is 'torch'.*pip install 'kerasemble\[torch\]'", id="asked"),
        pytest.param((), None, r"none is installed. Run: pip install 'kerasemble\[jax\]'", id="none"),
    ],
)
def test_21_a_backend_that_is_not_there_is_named_with_how_to_install_it(chosen, installed, asked, said):
    with pytest.raises(ke.KerasembleError, match=said):
        chosen(installed, asked)


@pytest.mark.slow
@pytest.mark.parametrize(("settings", "backend"), [(None, "jax"), ("torch", "torch")])
def test_keras_does_import_on_the_backend_that_was_chosen(tmp_path, settings, backend):
    pytest.importorskip(backend)
    if settings is not None:
        (tmp_path / "keras.json").write_text(json.dumps({"backend": settings}), encoding="utf-8")
    env = {key: value for key, value in os.environ.items() if key != "KERAS_BACKEND"}
    script = "from kerasemble.members.backend import import_keras\nprint('backend', import_keras().backend.backend())"
    result = subprocess.run(
        [sys.executable, "-c", script],
        env={**env, "KERAS_HOME": os.fspath(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.stdout.splitlines()[-1:] == [f"backend {backend}"], result.stderr
