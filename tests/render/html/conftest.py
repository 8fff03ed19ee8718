"""Reports to render: a full one, a bare one, one of labels, one of many members and classes, with odd names."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import kerasemble as ke
from kerasemble.core.predictions import Predictions
from kerasemble.evaluation.compare import compare
from kerasemble.evaluation.report import Report, Score
from kerasemble.evaluation.significance import Interval

ODD = ("<script>alert(1)</script>", "a-name-of-eighty-characters-" + "x" * 52, "naïve \N{SNOWMAN} & \"quoted\" 'name'")


def members(names, classes, rows, seed=0):
    """Return predictions of members by these names, and labels."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, classes, rows)
    tables = {}
    for index, name in enumerate(names):
        skill = 1.0 + 0.1 * (index % 8)
        odds = np.exp(skill * (skill * np.eye(classes)[y] + rng.normal(size=(rows, classes))))
        tables[name] = odds / odds.sum(axis=1, keepdims=True)
    return Predictions.from_arrays(tables, [f"class {index}" for index in range(classes)]), y


def compared(seen, y, *combiners, **options):
    with warnings.catch_warnings(action="ignore"):
        return compare(seen, y, combiners or ("weighted-geometric-average",), repeats=1, **options)


@pytest.fixture(scope="session")
def make_report():
    """Return the report on some members of some names, by what is compared."""
    return lambda names, *combiners, **options: compared(*members(names, 3, 200), *combiners, **options)


@pytest.fixture(scope="session")
def full():
    seen, y = members((*ODD, "d", "e"), 4, 300)
    return compared(seen, y, groups=np.arange(300) % 30)


@pytest.fixture(scope="session")
def staged():
    seen, y = members("abc", 4, 400)
    stages = (ke.Temperature(), ke.ConformalSets(0.99), ke.Abstain(0.05))
    return compared(seen, y, stages=stages)


@pytest.fixture(scope="session")
def bare():
    none = Interval(0.0, 0.0, 0.0)
    member = Score("a", "member", {"accuracy": 0.9, "log loss": 0.3}, none, none)
    other = Score("average", "combiner", {"accuracy": 0.95, "log loss": 0.2}, Interval(0.1, 0.05, 0.15), none)
    return Report((member, other), member, member, other, "Use average.", 100, 5)


@pytest.fixture(scope="session")
def of_labels():
    seen, y = members("abc", 3, 200)
    votes = Predictions.from_labels(dict(zip(seen.members, seen.values.argmax(axis=-1), strict=True)), seen.classes)
    return compared(votes, y, "majority-vote", "bayesian-vote")


@pytest.fixture(scope="session")
def large():
    return compared(*members([f"member {index}" for index in range(30)], 100, 400), "geometric-average")
