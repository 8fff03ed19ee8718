"""Members on a Ray cluster: the same store as on one machine, whatever happens to actors and nodes."""

from __future__ import annotations

import json
import os
import signal

import numpy as np
import pytest

import kerasemble as ke
from kerasemble.core.errors import KerasembleError
from kerasemble.scoring.cluster import predict_on_ray

pytestmark = [
    pytest.mark.slow,
    # Ray's own code meets its own deprecations, and leaves pipes and sockets to the end of the process.
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
ACTORS, BATCH = 3, 16


def kill_an_actor():
    """End the process of an actor of this test's Ray, as a lack of memory would."""
    import psutil

    ours = psutil.Process().children(recursive=True)
    actor = next(each for each in ours if "MapWorker" in " ".join(each.cmdline()))
    os.kill(actor.pid, signal.SIGKILL)


def in_the_midst(*deeds):
    """Return what does something once, when the first shards of a run are there and others are not."""
    did = []

    def progress(_name, done, total):
        if 0 < done < total and not did:
            did.append((done, total))
            for deed in deeds:
                deed()

    return progress, did


def run_on(files, store, **options):
    return predict_on_ray(files.members, files.table, store, batch_size=BATCH, actors=ACTORS, **options)


def manifests(store):
    return [json.loads(path.read_text(encoding="utf-8"))["body"] for path in sorted(store.rglob("manifest.json"))]


@pytest.mark.usefixtures("cluster")
def test_a_cluster_makes_the_bytes_of_a_local_run(files, local, shards_of, tmp_path):
    seen = run_on(files, tmp_path)
    assert shards_of(tmp_path) == shards_of(local)
    assert len(shards_of(tmp_path)) == 30
    assert manifests(tmp_path) == manifests(local)
    np.testing.assert_array_equal(seen.values, ke.predict(files.members, files.table, batch_size=BATCH).values)


@pytest.mark.parametrize("deed", ["an actor is killed", "a node is removed", "both"])
def test_no_row_is_lost_when(deed, cluster, files, local, shards_of, tmp_path):
    deeds = {
        "an actor is killed": [kill_an_actor],
        "a node is removed": [lambda: cluster.remove_node(cluster.others[0], allow_graceful=False)],
    }
    chosen = [each for name, each in deeds.items() if deed in (name, "both")]
    progress, did = in_the_midst(*[deed for some in chosen for deed in some])
    run_on(files, tmp_path, progress=progress)
    assert did, "the run was over before something could happen to it"
    assert shards_of(tmp_path) == shards_of(local)
    assert manifests(tmp_path) == manifests(local)


@pytest.mark.usefixtures("cluster")
def test_a_run_that_is_stopped_is_gone_on_with(files, local, shards_of, tmp_path):
    def stop():
        raise KeyboardInterrupt

    progress, _ = in_the_midst(stop)
    with pytest.raises(KeyboardInterrupt):
        run_on(files, tmp_path, progress=progress)
    there = sum(len(each["shards"]) for each in manifests(tmp_path))
    assert 0 < there < 30
    ran = []
    run_on(files, tmp_path, progress=lambda _name, done, _total: ran.append(done))
    assert shards_of(tmp_path) == shards_of(local)
    assert ran[0] > 0


@pytest.mark.usefixtures("cluster")
def test_a_member_that_fails_is_named_and_what_others_wrote_stays(files, dense, tmp_path):
    large = dense(2, activation=None)
    large.set_weights([weights * 1e6 for weights in large.get_weights()])
    large.save(tmp_path / "large.keras")
    store = tmp_path / "store"
    members = [files.members[0], ke.Member(tmp_path / "large.keras", output="logits")]
    with pytest.raises(KerasembleError, match=r"'large' gives values of .* beyond float16.*on node") as caught:
        predict_on_ray(members, files.table, store, dtype="float16", batch_size=64, actors=ACTORS)
    assert "Traceback" not in str(caught.value)
    assert "\n" not in str(caught.value)
    ran = []
    predict_on_ray(
        members[:1], files.table, store, dtype="float16", actors=1, progress=lambda _, done, __: ran.append(done)
    )
    assert ran[0] > 0


@pytest.mark.usefixtures("cluster")
def test_50_data_that_is_other_on_a_node_is_refused(files, tmp_path, monkeypatch):
    from kerasemble.scoring import cluster as driver

    monkeypatch.setattr(driver, "look", lambda *_: "what the driver saw")
    with pytest.raises(KerasembleError, match=r"table is not the data that the run was begun with.*on node"):
        run_on(files, tmp_path)


@pytest.mark.usefixtures("cluster")
def test_images_are_decoded_on_the_nodes(shards_of, tmp_path):
    import keras
    from PIL import Image

    rng = np.random.default_rng(1)
    for number in range(600):
        target = tmp_path / "images" / f"c{number % 2}" / f"{number:04}.png"
        target.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (5, 4), np.uint8)).save(target)
    model = keras.Sequential([keras.Input((5, 4, 1)), keras.layers.Flatten(), keras.layers.Dense(2, "softmax")])
    model.save(tmp_path / "image.keras")
    members = [ke.Member(tmp_path / "image.keras", preprocess="0..1")]
    seen = predict_on_ray(members, tmp_path / "images", tmp_path / "ray", actors=2, batch_size=32)
    again = ke.predict(members, tmp_path / "images", store=tmp_path / "local", batch_size=32)
    assert shards_of(tmp_path / "ray") == shards_of(tmp_path / "local")
    assert seen.classes == again.classes == ("c0", "c1")
