"""What made an ensemble, as it is written into its file."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version
from typing import Any

from kerasemble.combiners.fitted import FittedCombiner
from kerasemble.core.files import digest
from kerasemble.ensemble.graph import OUTPUT
from kerasemble.evaluation.report import Report
from kerasemble.members.backend import import_keras
from kerasemble.members.copying import layer_to_json
from kerasemble.members.member import Member


def make_record(fitted: FittedCombiner, members: Sequence[dict[str, Any]], report: Report | None) -> dict[str, Any]:
    """Return all that `kerasemble.load` needs, and what a person may want to know of the ensemble's making."""
    keras = import_keras()
    return {
        "kerasemble": version("kerasemble"),
        "keras": keras.__version__,
        "backend": keras.backend.backend(),
        "fitted": fitted.to_json(),
        "outputs": [OUTPUT, *fitted.combiner.output_names()],
        "members": list(members),
        "report": None if report is None else report.to_json(),
    }


def member_records(members: Sequence[Member]) -> list[dict[str, Any]]:
    """Return for each member its name, its file with its SHA-256 (null for an object), and its options."""
    return [
        {
            "name": member.name,
            "file": None if member.path is None else member.path.name,
            "sha256": None if member.path is None else digest(member.path),
            "preprocess": [layer_to_json(layer) for layer in member.layers] or member.preprocess,
            "output": member.output,
            "classes": None if member.classes is None else list(member.classes),
            "head": member.head,
            "ignore": list(member.ignore),
            "trusted": member.trust,
            "custom_objects": sorted(member.custom_objects or ()),
        }
        for member in members
    ]
