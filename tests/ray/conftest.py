"""A cluster of three nodes on this machine, and what is scored on it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

import kerasemble as ke

# Read when Ray is imported: nothing is sent anywhere.
os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
os.environ["RAY_BACKEND_LOG_LEVEL"] = "fatal"

ROWS = 60_000
# So small that a shard takes some tenths of a second, and something can happen in the midst of a run.
BATCH = 16


class Files(NamedTuple):
    """What lies where all nodes see it."""

    table: Path
    members: list[Path]


@pytest.fixture(scope="session")
def files(tmp_path_factory, dense) -> Files:
    """15 shards of rows of 6 numbers in two Parquet files, and two members."""
    import pyarrow as pa
    from pyarrow import parquet

    folder = tmp_path_factory.mktemp("shared")
    (folder / "table").mkdir()
    x = np.random.default_rng(0).normal(size=(ROWS, 6)).astype(np.float32)
    for part, rows in enumerate(np.array_split(x, 2)):
        table = pa.table({f"f{column}": rows[:, column] for column in range(6)})
        parquet.write_table(table, folder / "table" / f"{part}.parquet", row_group_size=5000)
    members = [folder / "a.keras", folder / "b.keras"]
    for seed, path in enumerate(members):
        dense(seed).save(path)
    return Files(folder / "table", members)


@pytest.fixture(scope="session")
def local(files, tmp_path_factory) -> Path:
    """The store that a run on one machine makes."""
    store = tmp_path_factory.mktemp("local")
    ke.predict(files.members, files.table, store=store, batch_size=BATCH)
    return store


@pytest.fixture
def cluster():
    """Three nodes with a processor each; the driver is connected to the first."""
    import ray
    from ray.cluster_utils import Cluster

    node = {"num_cpus": 1, "object_store_memory": 80 * 2**20}
    made = Cluster(initialize_head=True, head_node_args={**node, "include_dashboard": False})
    made.others = [made.add_node(**node) for _ in range(2)]
    ray.init(made.address, log_to_driver=False, logging_level="error")
    yield made
    ray.shutdown()
    made.shutdown()


@pytest.fixture(scope="session")
def shards_of():
    """The bytes of each file of a store, by its place in it; what only one run has, such as locks, is left out."""

    def read(store: Path) -> dict[str, bytes]:
        found = {str(path.relative_to(store)): path.read_bytes() for path in sorted(store.rglob("0*.npy"))}
        assert found
        return found

    return read
