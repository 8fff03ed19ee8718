"""What a cluster cannot run is refused before Ray is started."""

from __future__ import annotations

import numpy as np
import pytest

from kerasemble.core.errors import KerasembleError
from kerasemble.scoring.cluster import predict_on_ray
from kerasemble.scoring.cluster_actor import look
from kerasemble.scoring.sources.opening import open_data

# Ray's own code meets its own deprecations when it is imported.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


def test_a_stream_is_refused_with_its_cure(files, tmp_path):
    (tmp_path / "rows.csv").write_text("a,b\n1,2\n", encoding="utf-8")
    for data in (tmp_path, tmp_path / "rows.csv"):
        with pytest.raises(KerasembleError, match="Convert it to Parquet"):
            predict_on_ray(files.members, data, tmp_path / "store")


def test_data_that_is_no_path_is_refused(files, tmp_path):
    with pytest.raises(KerasembleError, match=r"is the path of a file or folder that all nodes see. Received: ndarray"):
        predict_on_ray(files.members, np.zeros((3, 6)), tmp_path)


def test_a_member_in_memory_is_refused(files, dense, tmp_path):
    with pytest.raises(KerasembleError, match="'model' is a Keras model in memory, which other nodes cannot open"):
        predict_on_ray([dense(0)], files.table, tmp_path)


def test_no_actors_are_refused(files, tmp_path):
    with pytest.raises(KerasembleError, match=r"actors must be a whole number of at least 1. Received: actors=0"):
        predict_on_ray(files.members, files.table, tmp_path, actors=0)


def test_42_a_row_that_is_not_finite_is_named_on_the_node(tmp_path):
    from kerasemble.scoring.cluster_actor import _Finite

    x = np.zeros((20, 2), np.float32)
    x[13] = np.nan
    np.save(tmp_path / "x.npy", x)
    rows = _Finite(open_data(tmp_path / "x.npy"))
    assert rows[0:13].shape == (13, 2)
    with pytest.raises(KerasembleError, match="1 of 20 rows: 13"):
        rows[10:20]


@pytest.mark.parametrize("change", ["a row is added", "the last row is another"])
def test_50_a_look_tells_data_apart_where(change, tmp_path):
    path = tmp_path / "x.npy"
    x = np.zeros((20, 2), np.float32)
    np.save(path, x)
    before = look(str(path), open_data(path))
    assert look(str(path), open_data(path)) == before
    x[-1] = 1
    np.save(path, np.concatenate([x, x[:1]]) if change == "a row is added" else x)
    assert look(str(path), open_data(path)) != before


def test_a_store_that_is_full_runs_nothing(files, local, monkeypatch):
    from kerasemble.scoring import cluster

    monkeypatch.setattr(cluster, "connected", None)
    seen = predict_on_ray(files.members, files.table, local)
    assert seen.values.shape == (2, 60_000, 3)
