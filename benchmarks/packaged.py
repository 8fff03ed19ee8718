"""Ten pools of scikit-learn's classifiers on data that scikit-learn and statsmodels bring: what a rule is judged by.

    python benchmarks/packaged.py [--only wine15 fair] [--holdout]

prints how good the members of each pool are. Members are trained on rows that are neither fitted to nor scored on.
There are pools of very unequal members and of near equal ones, pools with a member that dominates, and pools of
members that are too sure. The pools of HOLDOUT were named before anything was measured on them: rules are made without
a look at their results, which `--holdout` prints at the end.
"""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Callable, Iterable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pools
from sklearn import datasets
from sklearn.base import ClassifierMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier
from statsmodels.datasets import anes96, fair, modechoice, randhie

from kerasemble.core.metrics import hits, log_losses

SEED = 2026

Data = tuple[np.ndarray, np.ndarray]  # features (rows, features) and class indices (rows,)


class Member(NamedTuple):
    """A classifier, and the features that it sees; all where None."""

    name: str
    classifier: ClassifierMixin
    features: Sequence[int] | None = None


class Packaged(NamedTuple):
    """How a pool is made: the data, how many rows train the members, and the numbers of rows to fit to."""

    data: Callable[[], Data]
    training_rows: int
    members: Callable[[], Iterable[Member]]
    fitted_to: tuple[int, ...]


def logistic(c: float = 1.0) -> ClassifierMixin:
    """Return a logistic regression; the larger c, the surer."""
    return LogisticRegression(C=c, max_iter=2000)


def tree(depth: int | None = None) -> ClassifierMixin:
    """Return a tree; one without a greatest depth answers 0 and 1."""
    return DecisionTreeClassifier(max_depth=depth, random_state=SEED)


def mlp(*units: int, seed: int = SEED, epochs: int = 200, decay: float = 1e-4) -> ClassifierMixin:
    """Return a small network; with many epochs and no decay it is too sure."""
    return MLPClassifier(units, alpha=decay, max_iter=epochs, n_iter_no_change=epochs, random_state=seed)


def svm() -> ClassifierMixin:
    """Return a support vector machine with Platt's probabilities."""
    return CalibratedClassifierCV(SVC(), ensemble=False)


def forest(trees: int = 100) -> ClassifierMixin:
    """Return a random forest."""
    return RandomForestClassifier(trees, random_state=SEED)


def boosting() -> ClassifierMixin:
    """Return boosted trees, too sure on few rows."""
    return HistGradientBoostingClassifier(random_state=SEED)


def of_sklearn(name: str) -> Callable[[], Data]:
    """Return how data of scikit-learn are loaded."""
    return lambda: getattr(datasets, f"load_{name}")(return_X_y=True)


def diabetes_in_three() -> Data:
    """Return how far diabetes went in a year: little, more, most."""
    x, y = datasets.load_diabetes(return_X_y=True)
    return x, np.digitize(y, np.quantile(y, [1 / 3, 2 / 3]))


def affairs() -> Data:
    """Return who had an affair."""
    table = fair.load_pandas().data
    return table.drop(columns="affairs").to_numpy(), (table["affairs"] > 0).to_numpy(np.int64)


def party() -> Data:
    """Return with which party voters of 1996 identify, from strong Democrat to strong Republican in seven."""
    table = anes96.load_pandas().data
    return table.drop(columns="PID").to_numpy(), table["PID"].to_numpy(np.int64)


def travel() -> Data:
    """Return by what travellers go: plane, train, bus or car, by the times and costs of all four."""
    table = modechoice.load_pandas().data.sort_values(["individual", "mode"])
    of_mode = table[["ttme", "invc", "invt", "gc"]].to_numpy().reshape(-1, 16)
    own = table[["hinc", "psize"]].to_numpy()[::4]
    return np.hstack([of_mode, own]), table["choice"].to_numpy().reshape(-1, 4).argmax(axis=1)


def visits() -> Data:
    """Return how often people of an insurance experiment saw a doctor in a year: never, 1-2, 3-6 times, or more."""
    table = randhie.load_pandas().data.sample(9000, random_state=SEED)
    return table.drop(columns="mdvis").to_numpy(), np.digitize(table["mdvis"], [1, 3, 7])


def unequal_digits() -> Iterable[Member]:
    """Members from 97 % right to little better than chance."""
    yield from (Member("logistic", logistic()), Member("neighbours", KNeighborsClassifier(3)), Member("svm", svm()))
    yield from (Member("bayes", GaussianNB()), Member("tree", tree()), Member("shallow", tree(3)))
    yield from (Member(f"rows {i}", logistic(), range(8 * i, 8 * i + 8)) for i in range(1, 7))


def equal_digits() -> Iterable[Member]:
    """Ten networks that differ by their seed only."""
    return (Member(f"seed {seed}", mlp(24, seed=seed, epochs=60)) for seed in range(10))


def fifteen_wines() -> Iterable[Member]:
    """Fifteen models of two neighbouring features of thirteen: five regressions, five trees, five times Bayes."""
    kinds = {"logistic": logistic, "tree": tree, "bayes": GaussianNB}
    for i in range(15):
        kind = list(kinds)[i % 3]
        yield Member(f"{kind} {i}", kinds[kind](), [i % 13, (i + 1) % 13])


def sharp() -> Iterable[Member]:
    """Members that are much too sure, and two that are not."""
    yield from (Member("logistic", logistic()), Member("forest", forest()))
    yield from (Member("tree", tree()), Member("tree of half", tree(), range(4)), Member("boosting", boosting()))
    yield from (Member("neighbour", KNeighborsClassifier(1)), Member("bayes", GaussianNB()))
    yield from (Member(f"mlp {seed}", mlp(64, 64, seed=seed, epochs=150, decay=0.0)) for seed in range(3))


def dominated() -> Iterable[Member]:
    """One member that sees all, and nine that see a poor feature each."""
    yield Member("svm", svm())
    yield from (Member(f"feature {i}", logistic(), [i]) for i in (4, 8, 9, 11, 14, 15, 17, 18, 19))


def of_single_features() -> Iterable[Member]:
    """A member for each feature, good and bad, and a few that see all of them."""
    yield from (Member(f"feature {i}", GaussianNB(), [i]) for i in range(4))
    yield from (Member("logistic", logistic()), Member("tree", tree()), Member("stump", tree(1)))


def mixed() -> Iterable[Member]:
    """Members of all kinds that see all features."""
    yield from (Member("logistic", logistic()), Member("surer", logistic(1e4)), Member("svm", svm()))
    yield from (Member("forest", forest()), Member("boosting", boosting()), Member("bayes", GaussianNB()))
    yield from (Member("tree", tree()), Member("neighbours", KNeighborsClassifier(7)), Member("mlp", mlp(32)))


def one_and_weak() -> Iterable[Member]:
    """A member that is well calibrated, and eight trees that are sure and mostly wrong."""
    yield Member("logistic", logistic(0.1))
    yield from (Member(f"tree {i}", tree(), [i, (i + 3) % 10]) for i in range(8))


def equal_networks() -> Iterable[Member]:
    """Ten networks that differ by their seed only, and their kin of twice the size."""
    yield from (Member(f"seed {seed}", mlp(16, seed=seed, epochs=20)) for seed in range(10))
    yield Member("larger", mlp(32, epochs=20))


OPEN = {
    "digits-unequal": Packaged(of_sklearn("digits"), 500, unequal_digits, (50, 200, 600)),
    "digits-equal": Packaged(of_sklearn("digits"), 300, equal_digits, (50, 200, 600)),
    "wine15": Packaged(of_sklearn("wine"), 58, fifteen_wines, (30, 60)),
    "fair": Packaged(affairs, 1200, sharp, (50, 200, 1000)),
    "cancer-dominated": Packaged(of_sklearn("breast_cancer"), 169, dominated, (50, 200)),
}
HOLDOUT = {
    "iris": Packaged(of_sklearn("iris"), 50, of_single_features, (30, 50)),
    "diabetes": Packaged(diabetes_in_three, 142, mixed, (50, 150)),
    "party": Packaged(party, 300, one_and_weak, (70, 300)),
    "visits": Packaged(visits, 2000, equal_networks, (50, 200, 1000)),
    "travel": Packaged(travel, 80, mixed, (40, 70)),
}
PACKAGED = {**OPEN, **HOLDOUT}


def load(name: str, cache: Path = pools.CACHE) -> pools.Pool:
    """Return a pool of PACKAGED, from the cache where it is there."""
    recipe = PACKAGED[name]
    x, y = recipe.data()
    order = pools.stratified_order(y, np.random.default_rng(SEED))
    training, unseen = order[: recipe.training_rows], np.sort(order[recipe.training_rows :])
    members = list(recipe.members())

    def train() -> np.ndarray:
        return np.stack([answers(member, x[training], y[training], x[unseen]) for member in members])

    kept_as = f"{name}-scikit-learn-{version('scikit-learn')}"
    values = pools.cached(kept_as, [Path(__file__)], cache, train)
    names, classes = tuple(member.name for member in members), tuple(map(str, np.unique(y)))
    return pools.Pool(name, names, classes, values, None, y[unseen].astype(np.int64), f"rows of {name}")


def answers(member: Member, x: np.ndarray, y: np.ndarray, unseen: np.ndarray) -> np.ndarray:
    """Train a member, and return its probabilities (rows, classes) of unseen rows as float32."""
    features = slice(None) if member.features is None else list(member.features)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # networks stop when they are told to
        model: Any = make_pipeline(StandardScaler(), member.classifier).fit(x[:, features], y)
    return np.asarray(model.predict_proba(unseen[:, features]), np.float32)


def main() -> None:
    """Print how good the members of each pool are, alone and as their plain mean."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="+", choices=PACKAGED, metavar="POOL", help=", ".join(PACKAGED))
    parser.add_argument("--holdout", action="store_true", help="the five pools that rules are made without")
    options = parser.parse_args()
    for name in options.only or (HOLDOUT if options.holdout else OPEN):
        pool = load(name)
        print(f"{name}: {len(pool.labels)} rows, {len(pool.classes)} classes")
        values = pool.probabilities()
        for member, each in zip((*pool.members, "mean"), (*values, values.mean(axis=0)), strict=True):
            right, loss = hits(each, pool.labels).mean(), log_losses(each, pool.labels).mean()
            print(f"  {member:<20}{right:8.3f}{loss:8.3f}")


if __name__ == "__main__":
    main()
