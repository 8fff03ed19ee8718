"""A member is checked when it is made, and named when it joins others."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from kerasemble import KerasembleError, Member
from kerasemble.members.member import as_members


class Model:
    """All of a Keras model that a member looks at before it is run."""

    weights = ()

    def __init__(self, name="net"):
        self.name = name

    def predict(self, x):
        return x


class Layer:
    """All of a Keras layer that a member looks at before it is run."""

    def get_config(self):
        return {}


def names(*items):
    return [member.name for member in as_members(items)]


def test_names_come_from_files_and_models_and_are_numbered_where_they_repeat(tmp_path):
    path = tmp_path / "net.keras"
    path.write_bytes(_archive(tmp_path))
    assert names(Model("net"), Model("net"), Model("cnn"), path, str(path)) == ["net", "net-2", "cnn", "net-3", "net-4"]


def _archive(folder: Path) -> bytes:
    import zipfile

    with zipfile.ZipFile(folder / "a", "w") as archive:
        archive.writestr("config.json", "{}")
        archive.writestr("model.weights.h5", b"")
    return (folder / "a").read_bytes()


def test_102_a_given_name_stays_and_the_others_make_way():
    assert names(Model("net"), Member(Model("other"), name="net"), Model("net")) == ["net-2", "net", "net-3"]
    assert names(Member(Model(), name="net-2"), Model("net"), Model("net")) == ["net-2", "net", "net-3"]


def test_34_two_members_that_were_given_one_name_are_refused():
    with pytest.raises(KerasembleError, match=r"Two members have one name: net. Give each its own"):
        names(Member(Model(), name="net"), Member(Model(), name="net"))


@pytest.mark.parametrize(
    ("items", "said"),
    [
        pytest.param([], "There are no members", id="36-none"),
        pytest.param("model.keras", "must be a list.*Received: str", id="a-path"),
        pytest.param(Path("model.keras"), "must be a list", id="a-Path"),
        pytest.param({"a": 1}, "must be a list.*Received: dict", id="a-dict"),
        pytest.param([np.zeros(3)], "A member is a keras.Model, .*Received: ndarray", id="an-array"),
        pytest.param([None], "Received: NoneType", id="nothing"),
    ],
)
def test_what_is_no_member_is_refused(items, said):
    with pytest.raises(KerasembleError, match=said):
        as_members(items)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"output": "softmax"}, "output must be 'auto', .*Received: output='softmax'"),
        ({"preprocess": "0-1"}, "preprocess must be '0..1', '-1..1', .*Received: preprocess='0-1'"),
        ({"preprocess": np.tanh}, "preprocess must be a name, or Keras layers. Received: ufunc"),
        ({"preprocess": ["0..1"]}, "Keras layers. Received: str"),
        ({"preprocess": [Layer(), len]}, "Received: builtin_function_or_method"),
        ({"classes": ["a", "b", "a"]}, "class names must be unique. Received: a, b, a"),
    ],
)
def test_an_option_that_cannot_be_is_refused_by_the_members_name(options, said):
    with pytest.raises(KerasembleError, match=f"Member 'mine': .*{said}"):
        Member(Model(), name="mine", **options)


def test_layers_are_given_one_or_many():
    one, other = Layer(), Layer()
    assert Member(Model()).layers == Member(Model(), preprocess="0..1").layers == ()
    assert Member(Model(), preprocess=one).layers == (one,)
    assert Member(Model(), preprocess=[one, other]).layers == (one, other)


def test_class_names_are_text_whatever_they_were():
    assert Member(Model(), classes=np.array([3, 1])).classes == ("3", "1")


def test_a_member_shows_the_options_that_were_given():
    assert repr(Member(Model("net"))) == "Member('net')"
    shown = repr(Member(Model(), name="a", preprocess="0..1", output="logits", classes=["x"], head="y"))
    assert shown == "Member('a', preprocess='0..1', classes=('x',), head='y', output='logits')"
