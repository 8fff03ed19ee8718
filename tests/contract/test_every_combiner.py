"""Every combiner through every check: a new combiner is met here by itself."""

from __future__ import annotations

import pytest

from kerasemble.combiners import registry
from kerasemble.combiners.average import Average
from kerasemble.combiners.chain import Chain
from kerasemble.combiners.gated_average import GatedAverage
from kerasemble.combiners.greedy_selection import GreedySelection
from kerasemble.combiners.majority_vote import MajorityVote
from kerasemble.combiners.select import Select
from kerasemble.combiners.single_best import SingleBest
from kerasemble.combiners.stacking import Stacking
from kerasemble.combiners.stages.abstain import Abstain
from kerasemble.combiners.stages.conformal_sets import ConformalSets
from kerasemble.combiners.stages.isotonic import Isotonic
from kerasemble.combiners.stages.temperature import Temperature
from kerasemble.combiners.stages.vector_scaling import VectorScaling
from kerasemble.combiners.trimmed_mean import TrimmedMean
from kerasemble.combiners.weighted_average import WeightedAverage
from kerasemble.combiners.weighted_geometric_average import WeightedGeometricAverage
from kerasemble.testing import KERAS_CHECKS, NUMPY_CHECKS

AS_THEY_COME = [pytest.param(kind(), id=name) for name, kind in registry().items()]
# Options that change what a combiner does, but nothing of how its graph is built.
WITH_OPTIONS = [
    pytest.param(WeightedAverage(weights="scores"), id="weighted-average-scores"),
    pytest.param(WeightedAverage(weights=[3, 1, 0]), id="weighted-average-given"),
    pytest.param(WeightedAverage(weights={"c": 1, "a": 2, "b": 0.5}), id="weighted-average-named"),
    pytest.param(MajorityVote(weights={"a": 0, "b": 1, "c": 1}), id="majority-vote-named"),
    pytest.param(WeightedAverage(loss="brier"), id="weighted-average-brier"),
    pytest.param(
        WeightedAverage(max_members=2, cost_weight=1e-3, costs={"c": 1, "a": 2, "b": 3}), id="weighted-average-sparse"
    ),
    pytest.param(WeightedGeometricAverage(strength=0.01), id="weighted-geometric-average-hardly-shrunk"),
    pytest.param(WeightedGeometricAverage(temperature=True), id="weighted-geometric-average-temperature"),
    pytest.param(GreedySelection(metric="accuracy"), id="greedy-selection-accuracy"),
    pytest.param(SingleBest(loss="balanced error rate"), id="single-best-balanced-error-rate"),
]
# Options that change how the graph is built: other arrays or more of them, fewer members, votes in floats.
WITH_A_GRAPH_OF_THEIR_OWN = [
    pytest.param(MajorityVote(weights=[0.3, 0.2, 0.1]), id="majority-vote-given"),
    pytest.param(WeightedGeometricAverage(free_sign=True), id="weighted-geometric-average-free-sign"),
    pytest.param(WeightedGeometricAverage(max_members=2), id="weighted-geometric-average-sparse"),
    # As they come these are what they are shrunk toward, where rows are as few as here, or trim no one of three.
    pytest.param(TrimmedMean(trim=0.34), id="trimmed-mean-of-three"),
    pytest.param(GatedAverage(strength=1.0), id="gated-average-with-a-gate"),
    pytest.param(Stacking(strength=10), id="stacking-with-departures"),
    pytest.param(SingleBest(recalibrate=True), id="single-best-recalibrated"),
    pytest.param(Select(Stacking(strength=10), max_members=2), id="select-stacking"),
    pytest.param(Select(max_members=2, budget=3, costs={"a": 1, "b": 2, "c": 3}), id="select-within-a-budget"),
    pytest.param(Chain(Select(Average(), max_members=2), (Temperature(),)), id="chain-select"),
    pytest.param(Chain(WeightedGeometricAverage(), (Temperature(),)), id="chain-temperature"),
    pytest.param(Chain(WeightedGeometricAverage(max_members=2), (VectorScaling(),)), id="chain-vector-scaling"),
    pytest.param(Chain(Average(), (Isotonic(knots=8),)), id="chain-isotonic"),
    pytest.param(Chain(WeightedAverage(), (Temperature(), ConformalSets(0.8), Abstain(0.4))), id="chain-outputs"),
]


@pytest.mark.parametrize("check", NUMPY_CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("combiner", [*AS_THEY_COME, *WITH_A_GRAPH_OF_THEIR_OWN, *WITH_OPTIONS])
def test_combiner_keeps_its_promise(combiner, check):
    check(combiner)


@pytest.mark.backend
@pytest.mark.parametrize("check", KERAS_CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("combiner", [*AS_THEY_COME, *WITH_A_GRAPH_OF_THEIR_OWN])
def test_combiner_keeps_its_promise_in_keras(combiner, check):
    check(combiner)


@pytest.mark.parametrize("kind", registry().values(), ids=list(registry()))
def test_combiner_cites_where_its_method_comes_from(kind):
    assert "Reference:" in kind.__doc__
