"""Combine Keras models that are already trained into one that is better, and show by how much.

import kerasemble as ke

ensemble = ke.combine(["a.keras", "b.h5", "c.keras"], x_valid, y_valid)
print(ensemble.report)
ensemble.save("ensemble.keras")   # a plain Keras model
"""

from __future__ import annotations

from importlib.metadata import version as _version
from typing import TYPE_CHECKING

from kerasemble.combiners.average import Average
from kerasemble.combiners.base import Combiner
from kerasemble.combiners.bayesian_vote import BayesianVote
from kerasemble.combiners.chain import Chain
from kerasemble.combiners.class_weighted_average import ClassWeightedAverage
from kerasemble.combiners.fitted import FittedCombiner
from kerasemble.combiners.gated_average import GatedAverage
from kerasemble.combiners.geometric_average import GeometricAverage
from kerasemble.combiners.greedy_selection import GreedySelection
from kerasemble.combiners.majority_vote import MajorityVote
from kerasemble.combiners.maximum import Maximum
from kerasemble.combiners.median import Median
from kerasemble.combiners.minimum import Minimum
from kerasemble.combiners.product import Product
from kerasemble.combiners.rank_average import RankAverage
from kerasemble.combiners.select import Select
from kerasemble.combiners.single_best import SingleBest
from kerasemble.combiners.stacking import Stacking
from kerasemble.combiners.stages.abstain import Abstain
from kerasemble.combiners.stages.base import Stage
from kerasemble.combiners.stages.conformal_sets import ConformalSets
from kerasemble.combiners.stages.isotonic import Isotonic
from kerasemble.combiners.stages.temperature import Temperature
from kerasemble.combiners.stages.vector_scaling import VectorScaling
from kerasemble.combiners.trimmed_mean import TrimmedMean
from kerasemble.combiners.weighted_average import WeightedAverage
from kerasemble.combiners.weighted_geometric_average import WeightedGeometricAverage
from kerasemble.core.errors import KerasembleError, KerasembleWarning
from kerasemble.core.predictions import Predictions
from kerasemble.ensemble.combine import combine
from kerasemble.ensemble.ensemble import Ensemble, load
from kerasemble.ensemble.evaluate import evaluate
from kerasemble.evaluation.compare import compare
from kerasemble.evaluation.report import Report
from kerasemble.members.inspection.inspect import inspect
from kerasemble.members.inspection.record import Inspection
from kerasemble.members.listing import load_members
from kerasemble.members.member import Member
from kerasemble.members.saved import load_predictions
from kerasemble.render.html import write_report
from kerasemble.scoring.check import Checked, check
from kerasemble.scoring.cluster import predict_on_ray
from kerasemble.scoring.predict import predict
from kerasemble.scoring.sources.opening import load_data
from kerasemble.scoring.stored import Stored, load_store

__version__ = _version("kerasemble")

__all__ = [
    "Abstain",
    "Average",
    "BayesianVote",
    "Chain",
    "Checked",
    "ClassWeightedAverage",
    "Combiner",
    "ConformalSets",
    "Ensemble",
    "FittedCombiner",
    "GatedAverage",
    "GeometricAverage",
    "GreedySelection",
    "Inspection",
    "Isotonic",
    "KerasembleError",
    "KerasembleWarning",
    "MajorityVote",
    "Maximum",
    "Median",
    "Member",
    "Minimum",
    "Predictions",
    "Product",
    "RankAverage",
    "Report",
    "Select",
    "SingleBest",
    "Stacking",
    "Stage",
    "Stored",
    "Temperature",
    "TrimmedMean",
    "VectorScaling",
    "WeightedAverage",
    "WeightedGeometricAverage",
    "check",
    "combine",
    "compare",
    "evaluate",
    "inspect",
    "load",
    "load_data",
    "load_members",
    "load_predictions",
    "load_store",
    "predict",
    "predict_on_ray",
    "write_report",
]

if not TYPE_CHECKING:

    def __getattr__(name: str) -> type[Combiner]:
        """Give combiners that have a file and no line above; those lines are for editors and type checkers."""
        from kerasemble.combiners import registry

        for combiner in registry().values():
            if combiner.__name__ == name:
                return combiner
        msg = f"module 'kerasemble' has no attribute '{name}'"
        raise AttributeError(msg)
