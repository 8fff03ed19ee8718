"""Whatever is done to a file, an inspection gives a record: accepted, or refused with a reason."""

from __future__ import annotations

import collections
import json
import random
import time
from concurrent.futures import ThreadPoolExecutor

import pytest


def test_what_is_mutated_is_accepted_as_it_is(tmp_path):
    from mutator import seed_files

    from kerasemble.members.inspection.inspect import inspect

    for index, (suffix, content) in enumerate(seed_files()):
        path = tmp_path / f"{index}{suffix}"
        path.write_bytes(content)
        assert inspect(path).reason is None


def test_mutated_configurations_are_accepted_or_refused():
    from direct import judged, seed_configurations

    seeds, rng = seed_configurations(), random.Random(0)  # noqa: S311 - mutants, not secrets
    codes = collections.Counter(judged(seeds, rng)[1] for _ in range(1000))
    assert codes["accepted"] > 50
    assert len(codes) > 8


@pytest.fixture(scope="module")
def mutants(tmp_path_factory):
    """Sixty mutated files."""
    from mutator import mutate, seed_files

    folder, files = tmp_path_factory.mktemp("mutants"), seed_files()
    paths = []
    for index in range(60):
        mutant = mutate(files, random.Random(f"0-{index}"))  # noqa: S311 - as above
        paths.append(folder / f"{index}{mutant.suffix}")
        paths[-1].write_bytes(mutant.content)
    return paths


def test_mutated_files_are_accepted_or_refused_with_a_reason(mutants):
    from kerasemble.members.inspection.inspect import inspect

    start = time.perf_counter()
    with ThreadPoolExecutor(4) as pool:
        records = list(pool.map(inspect, mutants))
    assert time.perf_counter() - start < 60
    for record in records:
        json.dumps(record.to_json(), allow_nan=False)
        assert record.safe == (record.code is None) == (record.reason is None)
        assert record.safe or (record.reason.isprintable() and "Traceback" not in record.reason)
    assert {record.safe for record in records} == {True, False}
