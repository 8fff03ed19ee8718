"""Tasks by name."""

from __future__ import annotations

import pytest

from kerasemble.core.errors import KerasembleError
from kerasemble.core.tasks import Task, parse_task


@pytest.mark.parametrize(
    ("name", "outputs", "task"),
    [
        (None, 2, Task.BINARY),
        (None, 3, Task.MULTICLASS),
        ("multiclass", 2, Task.MULTICLASS),
        ("binary", 2, Task.BINARY),
        (Task.MULTICLASS, 10, Task.MULTICLASS),
    ],
)
def test_the_task_is_the_one_named_or_the_one_that_the_columns_imply(name, outputs, task):
    assert parse_task(name, outputs) is task


@pytest.mark.parametrize("name", ["multilabel", "regression", "segmentation"])
def test_tasks_that_are_not_supported_yet_are_refused_by_name(name):
    with pytest.raises(KerasembleError, match=f"'{name}' is not supported yet. Supported: multiclass, binary"):
        parse_task(name, 3)


def test_an_unknown_task_is_refused_with_those_that_exist():
    with pytest.raises(KerasembleError, match=r"task='ranking'. Supported: multiclass, binary"):
        parse_task("ranking", 3)


def test_binary_with_three_classes_is_refused():
    with pytest.raises(KerasembleError, match=r"needs two classes\. Received: 3 classes"):
        parse_task("binary", 3)
