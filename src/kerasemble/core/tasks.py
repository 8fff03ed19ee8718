"""The kinds of problem that members solve, and by which name the others are refused."""

from __future__ import annotations

import enum

from kerasemble.core.codes import Code
from kerasemble.core.errors import KerasembleError


class Task(enum.StrEnum):
    """What the last axis of predictions means: one probability per class, summing to one."""

    MULTICLASS = "multiclass"
    BINARY = "binary"


_NOT_YET = {
    "multilabel": Code.TASK_MULTILABEL,
    "regression": Code.TASK_REGRESSION,
    "segmentation": Code.TASK_PER_PIXEL,
}


def parse_task(name: str | Task | None, outputs: int) -> Task:
    """Return the task called `name`, or the one that `outputs` columns imply where it is None.

    Raises:
        KerasembleError: the task is unknown, not supported yet, or contradicts the number of columns.
    """
    if name is None:
        return Task.BINARY if outputs == 2 else Task.MULTICLASS
    if not isinstance(name, str):
        msg = f"task must be a word. Received: task={name!r}. Supported: {', '.join(Task)}."
        raise KerasembleError(msg)
    if name in _NOT_YET:
        msg = f"Task '{name}' is not supported yet. Supported: {', '.join(Task)}."
        raise KerasembleError(msg, code=_NOT_YET[name])
    if name not in tuple(Task):
        msg = f"Unknown task. Received: task={name!r}. Supported: {', '.join(Task)}."
        raise KerasembleError(msg)
    task = Task(name)
    if task is Task.BINARY and outputs != 2:
        msg = f"Task 'binary' needs two classes. Received: {outputs} classes. Leave task out for 'multiclass'."
        raise KerasembleError(msg)
    return task
