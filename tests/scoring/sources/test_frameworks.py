"""Loaders of frameworks are the array that they were made of, or an error says what to change."""

from __future__ import annotations

import numpy as np
import pytest

import kerasemble as ke
from kerasemble.scoring.sources.opening import as_source

X = np.random.default_rng(0).normal(size=(50, 6)).astype(np.float32)
Y = np.arange(50) % 3


def assert_same(source):
    np.testing.assert_array_equal(np.asarray(source), X)
    np.testing.assert_array_equal(source.y, Y)
    np.testing.assert_array_equal(source[13:29], X[13:29])


def py_dataset(count=4, **attributes):
    keras = pytest.importorskip("keras")

    class Rows(keras.utils.PyDataset):
        def __len__(self):
            return count

        def __getitem__(self, index):
            return X[index * 16 : index * 16 + 16], Y[index * 16 : index * 16 + 16]

    rows = Rows()
    for name, value in attributes.items():
        setattr(rows, name, value)
    return rows


def torch_loader(**options):
    data = pytest.importorskip("torch.utils.data")
    torch = pytest.importorskip("torch")
    return data.DataLoader(data.TensorDataset(torch.tensor(X), torch.tensor(Y)), **{"batch_size": 16, **options})


def tf_rows():
    return pytest.importorskip("tensorflow").data.Dataset.from_tensor_slices((X, Y))


def grain_rows():
    grain = pytest.importorskip("grain")
    return grain.MapDataset.source([(X[row], Y[row]) for row in range(50)])


def hub_rows(**columns):
    datasets = pytest.importorskip("datasets")
    return datasets.Dataset.from_dict({"v": X.tolist(), "label": Y, **columns})


SAME = {
    "keras": py_dataset,
    "torch": torch_loader,
    "tensorflow": lambda: tf_rows().batch(16),
    "grain": lambda: grain_rows().batch(16),
    "grain-iterable": lambda: grain_rows().to_iter_dataset().batch(16),
}


@pytest.mark.parametrize("make", SAME.values(), ids=SAME)
def test_a_loader_is_the_array_that_it_was_made_of(make):
    assert_same(as_source(make()))


REFUSED = {
    "39-keras": (lambda: py_dataset(shuffle=True), "is shuffled.*shuffle=False"),
    "39-torch": (lambda: torch_loader(shuffle=True), "is shuffled.*shuffle=False"),
    "40-torch": (lambda: torch_loader(drop_last=True), "48 of 50 rows come. Give drop_last=False"),
    "40-tensorflow": (lambda: tf_rows().batch(16, drop_remainder=True), "drop_remainder=False"),
    "40-grain": (lambda: grain_rows().batch(16, drop_remainder=True), "48 of 50 rows come. Give drop_remainder=False"),
    "41-tensorflow": (lambda: tf_rows().batch(16).repeat(), r"is endless.*take\(n\)"),
    "41-grain": (lambda: grain_rows().batch(16).repeat(), "is endless"),
    "48-tensorflow": (tf_rows, r"single samples.*\.batch\(256\)"),
    "48-torch": (lambda: torch_loader().dataset, "DataLoader"),
    "48-grain": (grain_rows, r"single samples.*\.batch\(256\)"),
}


@pytest.mark.parametrize(("make", "said"), REFUSED.values(), ids=REFUSED)
def test_a_loader_that_does_not_give_all_rows_in_order_is_refused(make, said):
    made = make()
    with pytest.raises(ke.KerasembleError, match=said):
        as_source(made)


def test_41_a_keras_data_set_without_end_is_refused():
    endless = type("Endless", (type(py_dataset()),), {"num_batches": None})()
    with pytest.raises(ke.KerasembleError, match="is endless"):
        as_source(endless)


def test_39_a_shuffled_tf_data_is_noticed_when_it_is_read_again():
    source = as_source(tf_rows().shuffle(50).batch(16))
    with pytest.raises(ke.KerasembleError, match="another order each time"):
        np.asarray(source)


def test_a_hub_data_set_is_its_columns():
    source = as_source(hub_rows())
    np.testing.assert_allclose(np.asarray(source), X)
    np.testing.assert_array_equal(source.y, Y)
    part = as_source(hub_rows().select(range(40, 10, -1)))
    np.testing.assert_allclose(part[2:5], X[[38, 37, 36]])


def test_a_hub_data_set_has_class_names_and_row_ids():
    datasets = pytest.importorskip("datasets")
    rows = hub_rows(name=[f"r{row}" for row in range(50)])
    rows = rows.cast_column("label", datasets.ClassLabel(names=["cat", "dog", "ant"]))
    x, y, classes = ke.load_data(rows, features=["v"], id="name")
    assert classes == ("cat", "dog", "ant")
    assert y[:4].tolist() == ["cat", "dog", "ant", "cat"]
    assert x.row_name(4) == "r4"


def test_a_hub_stream_is_its_columns():
    source = as_source(hub_rows().to_iterable_dataset())
    np.testing.assert_allclose(np.asarray(source), X)
    np.testing.assert_array_equal(source.y, Y)


def test_images_of_the_hub_are_pixels():
    datasets = pytest.importorskip("datasets")
    image = pytest.importorskip("PIL.Image")
    pixels = np.random.default_rng(0).integers(0, 256, (5, 4, 3, 3), dtype=np.uint8)
    columns = datasets.Features({"image": datasets.Image(), "label": datasets.ClassLabel(names=["a", "b"])})
    rows = datasets.Dataset.from_dict(
        {"image": [image.fromarray(one) for one in pixels], "label": [0, 1, 0, 1, 1]}, columns
    )
    source = as_source(rows)
    np.testing.assert_array_equal(np.asarray(source), pixels)
    assert source.y.tolist() == ["a", "b", "a", "b", "b"]


def test_a_split_must_be_chosen():
    datasets = pytest.importorskip("datasets")
    with pytest.raises(ke.KerasembleError, match=r"several splits: train, test. Choose one: data\['train'\]"):
        as_source(datasets.DatasetDict(train=hub_rows(), test=hub_rows()))
