"""The record in an ensemble's file: absent, whole, or refused."""

from __future__ import annotations

import json
import zipfile

import pytest

import kerasemble as ke
from kerasemble.members.record import ENTRY, FORMAT, read_record

WHOLE = {"format": FORMAT, "kerasemble": "9.9", "fitted": {"classes": ["cat", "dog"]}, "members": [], "report": None}


@pytest.fixture
def archive(tmp_path):
    """Write a `.keras` archive with this text as its record, or with none."""

    def write(record: str | None, compression: int = zipfile.ZIP_STORED):
        path = tmp_path / "ensemble.keras"
        with zipfile.ZipFile(path, "w", compression) as file:
            file.writestr("config.json", "{}")
            file.writestr("model.weights.h5", b"")
            if record is not None:
                file.writestr(ENTRY, record)
        return path

    return write


def test_a_model_that_kerasemble_did_not_make_has_no_record(archive):
    assert read_record(archive(None)) is None


def test_a_record_comes_back_as_it_was_written(archive):
    assert read_record(archive(json.dumps(WHOLE))) == WHOLE


def test_a_member_takes_its_classes_and_output_from_the_record(archive):
    member = ke.Member(archive(json.dumps(WHOLE)))
    assert member.classes == ("cat", "dog")
    assert member.output == "probabilities"


def test_what_was_given_goes_before_the_record(archive):
    member = ke.Member(archive(json.dumps(WHOLE)), classes=["Katze", "Hund"], output="logits")
    assert member.classes == ("Katze", "Hund")
    assert member.output == "logits"


@pytest.mark.parametrize(
    ("record", "said"),
    [
        pytest.param(json.dumps({**WHOLE, "format": FORMAT + 1}), r"newer kerasemble \(9.9\). Update", id="newer"),
        pytest.param(json.dumps({"format": FORMAT}), "not complete. Save or copy", id="incomplete"),
        pytest.param(json.dumps({"fitted": {}}), "is damaged", id="no-format"),
        pytest.param("[1, 2]", "is damaged", id="a-list"),
        pytest.param("{", "is damaged", id="no-json"),
    ],
)
def test_a_record_that_cannot_be_read_is_refused(archive, record, said):
    with pytest.raises(ke.KerasembleError, match=said) as error:
        ke.Member(archive(record))
    assert "ensemble.keras" in str(error.value)


def test_7_a_flipped_byte_in_the_record_is_noticed(archive):
    path = archive(json.dumps(WHOLE))
    content = path.read_bytes()
    assert content.count(b'"dog"') == 1
    path.write_bytes(content.replace(b'"dog"', b'"dot"'))
    with pytest.raises(ke.KerasembleError, match="is damaged: Bad CRC"):
        read_record(path)
