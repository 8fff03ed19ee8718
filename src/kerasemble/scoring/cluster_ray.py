"""Ray itself: started or joined, and its actors given work."""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Iterator, Sequence
from typing import Any

from kerasemble.core.errors import KerasembleError
from kerasemble.scoring.cluster_actor import Actor, Done, Item, Plan

# Pieces of work for each actor: few enough that a piece is worth its overhead, many enough that all end together.
_PIECES = 16
# Bytes of memory that Ray keeps for objects where we start it; only names of shards go through it.
_OBJECTS = 2**27


def run_on_actors(items: Sequence[Item], plan: Plan, actors: int) -> Iterator[list[Done]]:
    """Yield what actors did, as it comes.

    Raises:
        KerasembleError: Ray fails; a member that does is in what is yielded.
    """
    import ray

    reserved, threads = _share(actors)
    plan = plan._replace(options=plan.options | ({"workers": threads} if "workers" in plan.options else {}))
    blocks = min(len(items), actors * _PIECES)
    try:
        dataset = ray.data.from_items([item._asdict() for item in items], override_num_blocks=blocks)
        dataset.context.enable_progress_bars = False
        dataset.context.print_on_execution_start = False
        # A pool of one size: one that grows stays at one actor where the work is short. Ray Data starts what died
        # anew, and runs again what it was at, without an end; that each piece has one is seen to by the actor.
        results = dataset.map_batches(
            Actor,
            fn_constructor_args=(plan,),
            batch_size=None,
            batch_format="pyarrow",
            compute=ray.data.ActorPoolStrategy(size=min(actors, blocks)),
            num_cpus=reserved,
            runtime_env={"env_vars": _variables(threads)},
        )
        tables: Any = results.iter_batches(batch_size=None, batch_format="pyarrow", prefetch_batches=0)
        for table in tables:
            yield [Done(**row) for row in table.to_pylist()]
    except Exception as error:
        said = (str(error).splitlines() or [""])[0]
        msg = f"Ray failed: {type(error).__name__}: {said} What was stored stays: run it again to go on."
        raise KerasembleError(msg) from error


def _share(actors: int) -> tuple[float, int]:
    """Return the processors that an actor reserves, and the threads that it computes with.

    It reserves half of its share, so that the actors of a node that goes away find room on those that stay.
    """
    import ray

    cluster: Any = ray  # whose functions are typed in part
    nodes = [node["Resources"].get("CPU", 0.0) for node in cluster.nodes() if node["Alive"]]
    share = min(sum(nodes) / actors, max(nodes, default=0.0))
    threads = max(1, int(share))
    return (float(threads // 2) if threads > 1 else max(0.01, min(1.0, share) / 2)), threads


def _variables(threads: int) -> dict[str, str]:
    """Return what tells a backend how many threads to compute with; XLA goes by NPROC."""
    import keras

    count = str(threads)
    backend = {"KERAS_BACKEND": keras.config.backend(), "TF_CPP_MIN_LOG_LEVEL": "3"}
    return {**backend, "OMP_NUM_THREADS": count, "NPROC": count, "TF_NUM_INTRAOP_THREADS": count}


@contextlib.contextmanager
def connected(address: str) -> Iterator[None]:
    """Connect to Ray, or start it, unless that was done; what was done here is undone. Ray says errors only.

    Raises:
        KerasembleError: there is no cluster at the address.
    """
    import ray
    import ray.data  # sets up the logger

    logger = logging.getLogger("ray.data")
    level = logger.level
    logger.setLevel(logging.ERROR)
    ours = not ray.is_initialized()
    try:
        if ours:
            _start(address)
        yield
    finally:
        if ours:
            ray.shutdown()
        logger.setLevel(level)


def _start(address: str) -> None:
    import ray

    # Read when Ray starts: nothing is sent anywhere, and what the core notes in passing is not shown.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
    local: dict[str, Any] = {"include_dashboard": False, "object_store_memory": _OBJECTS}
    try:
        ray.init(address, log_to_driver=False, logging_level=logging.ERROR, **(local if address == "local" else {}))
    except Exception as error:
        said = (str(error).splitlines() or [""])[0]
        msg = f"Ray cannot be reached at {address}: {said} Start it there: ray start --head; or give address='local'."
        raise KerasembleError(msg) from error


def need_ray() -> None:
    """Raise a `KerasembleError` where Ray Data is not installed."""
    try:
        import ray.data  # noqa: F401 - is it there?
    except ImportError as error:
        msg = "Running members on a cluster needs Ray Data. Run: pip install 'kerasemble[ray]'"
        raise KerasembleError(msg) from error
