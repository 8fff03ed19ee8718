"""Members that are open: as few at a time as memory is to hold."""

from __future__ import annotations

import gc
import math
from typing import final

from kerasemble.core.alignment import InputSpec
from kerasemble.core.rows import Rows
from kerasemble.members.loading import Loaded
from kerasemble.members.member import Member
from kerasemble.members.opening import Opened, open_member
from kerasemble.members.outside import Outside, open_outside

# Bytes of weights that stay open besides those in use: small members need not be opened twice.
_KEPT = 2**28


@final
class Models:
    """The models of members, opened when they are needed and closed when others need the room.

    A model that was given as an object is its owner's and stays.
    """

    def __init__(self) -> None:
        """Begin with none."""
        self._loaded: dict[object, Loaded] = {}
        self._opened: dict[tuple[object, object], Opened | Outside] = {}

    def load(self, member: Member) -> Loaded:
        """Return a Keras member's model and the inspection of its file.

        Raises:
            KerasembleError: it cannot be opened.
        """
        key = source_key(member)
        if key not in self._loaded:
            loaded = member.open()
            self._make_room(_bytes(loaded))
            self._loaded[key] = loaded
        # The last that was asked for is the last to go.
        self._loaded[key] = self._loaded.pop(key)
        return self._loaded[key]

    def open(self, member: Member, inputs: InputSpec, x: Rows, fingerprint: str) -> Opened | Outside:
        """Return a member ready to be run on the data.

        Raises:
            KerasembleError: it cannot be opened, or the data cannot become what it takes.
        """
        key = (source_key(member), read_key(member, inputs))
        if key not in self._opened:
            loaded = self.load(member) if member.is_keras else None
            self._opened[key] = (
                open_outside(member, x, fingerprint) if loaded is None else open_member(member, loaded.model, inputs)
            )
        return self._opened[key]

    def _make_room(self, needed: int) -> None:
        """Close the models of files that were not asked for the longest, while they and what is needed are too many."""
        files = [key for key, loaded in self._loaded.items() if loaded.inspection is not None]
        held = {key: _bytes(self._loaded[key]) for key in files}
        closed = False
        for key in files:
            if sum(held.values()) + needed <= _KEPT:
                break
            del held[key], self._loaded[key]
            self._opened = {each: opened for each, opened in self._opened.items() if each[0] != key}
            closed = True
        if closed:
            gc.collect()  # models are full of cycles


def source_key(member: Member) -> tuple[object, ...]:
    """Return what tells sources apart in this process; their content may be large, or not be readable at all."""
    source = id(member.source) if member.path is None else str(member.path)
    return source, member.trust, id(member.architecture), id(member.custom_objects)


def read_key(member: Member, inputs: InputSpec) -> tuple[object, ...]:
    """Return what tells apart how a source is run; what its answers mean does not count."""
    convention = member.preprocess if isinstance(member.preprocess, str) else tuple(map(id, member.layers))
    return convention, member.head, str(inputs)


def _bytes(loaded: Loaded) -> int:
    return 4 * sum(int(math.prod(weights.shape)) for weights in loaded.model.weights)
