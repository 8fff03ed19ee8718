"""`--no-rows`: a report, as a page or as JSON, and the ensemble's file, without single rows."""

from __future__ import annotations

import json

import kerasemble as ke


def doubtful(data):
    return data["analysis"]["uncertainty"]["doubtful"]


def test_15_22_each_command_that_writes_a_report_can_leave_rows_out(kerasemble, files, tmp_path):
    models = [files / name for name in ("a.keras", "c.keras")]
    ensemble, store, page = tmp_path / "e.keras", tmp_path / "run", tmp_path / "page.html"
    combine = ("combine", *models, "--data", files / "valid.npz", "--store", store, "--combiner", "average")
    commands = {
        "combine": (*combine, "--out", ensemble),
        "evaluate": ("evaluate", ensemble, *models, "--data", files / "test.npz"),
        "compare": ("compare", "--store", store, "--combiner", "average"),
    }
    for name, command in commands.items():
        for options in (("--no-rows",), ()):
            report = tmp_path / f"{name}{len(options)}.json"
            result = kerasemble(*command, *options, "--report", report, "--quiet", "--overwrite")
            assert result.code == 0, result.err
            assert bool(doubtful(json.loads(report.read_text()))) == (not options), name
            if name == "combine":
                assert bool(ke.load(ensemble).report.analysis.uncertainty.doubtful) == (not options)
    data = ("--data", files / "valid.npz")
    for options, pictures in ((("--no-rows",), False), ((), True)):
        result = kerasemble(*commands["compare"], *data, *options, "--report", page, "--quiet", "--overwrite")
        assert result.code == 0, result.err
        assert ("data:image/png" in page.read_text(encoding="utf-8")) == pictures
