"""Members from TOML: what the tests of the command line do not show."""

from __future__ import annotations

import pytest

import kerasemble as ke

TOML = """
[[member]]
name = "first"
path = "models/a.h5"
preprocess = "-1..1"
output = "logits"
classes = ["cat", "dog"]
head = "kinds"

[[member]]
path = "models/a.h5"
"""


@pytest.fixture
def listing(tmp_path):
    """Write a listing beside a folder with one file that passes for a model."""
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "a.h5").write_bytes(b"\x89HDF\r\n\x1a\n")

    def write(text: str):
        path = tmp_path / "members.toml"
        path.write_text(text, encoding="utf-8")
        return path

    return write


def test_every_option_reaches_its_member_and_paths_are_relative_to_the_listing(listing, monkeypatch):
    path = listing(TOML)
    monkeypatch.chdir("/")
    one, other = ke.load_members(path)
    assert one.path == other.path == path.parent / "models" / "a.h5"
    said = "Member('first', preprocess='-1..1', classes=('cat', 'dog'), head='kinds', output='logits')"
    assert repr(one) == said
    assert repr(other) == "Member('a')"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param("[[members]]\n", "Did you mean 'member'?", id="124-table-near-match"),
        pytest.param('member = "a.h5"\n', "has no members. Write", id="no-table"),
        pytest.param('member = ["a.h5"]\n', "member 1", id="a-list-of-paths"),
        pytest.param(
            "member = [3]\n",
            "member 1",
            id="a-list-of-numbers",
        ),
        pytest.param('[[member]]\npath = "models/b.h5"\n', "b.h5 does not exist", id="1-missing"),
        pytest.param('[[member]]\npath = "models/a.h5"\nhead = 1\n', "member 1: head must be text", id="head-number"),
    ],
)
def test_a_bad_listing_is_named_with_the_cure(listing, text, said):
    with pytest.raises(ke.KerasembleError) as error:
        ke.load_members(listing(text))
    assert said in str(error.value)


def test_1_a_listing_that_is_missing_is_named(tmp_path):
    with pytest.raises(ke.KerasembleError, match=r"none\.toml cannot be read"):
        ke.load_members(tmp_path / "none.toml")


def test_a_listing_that_is_not_utf8_is_named(tmp_path):
    path = tmp_path / "members.toml"
    path.write_bytes(b'[[member]]\npath = "mod\xe8le.h5"\n')
    with pytest.raises(ke.KerasembleError, match="is not TOML"):
        ke.load_members(path)
