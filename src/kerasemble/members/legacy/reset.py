"""GRU as it was before Keras 2.2 knew two kinds: its files do not say which, and Keras 3 takes the other."""

from __future__ import annotations

from kerasemble.members.inspection.record import Refused, Weights
from kerasemble.members.legacy.tree import NOTHING, Json, name_of, on_layers, with_config


def with_reset_of_old_gru(model: Json, weights: Weights) -> tuple[Json, tuple[str, ...]]:
    """Say reset_after=False in a GRU that does not say which it is, where its stored biases agree.

    A GRU that resets after the multiplication has two biases for each gate, of shape (2, 3 n); the older has (3 n,).

    Raises:
        Refused: it has no such biases, so that nothing shows which it is.
    """

    def rule(layer: Json) -> tuple[Json, tuple[str, ...]]:
        config = layer["config"]
        if layer["class_name"] not in ("GRU", "GRUCell") or "reset_after" in config:
            return layer, NOTHING
        units = config.get("units")
        shapes = {array.shape for array in weights.arrays}
        if not isinstance(units, int) or (3 * units,) not in shapes or (2, 3 * units) in shapes:
            msg = (
                f"holds the GRU '{name_of(layer)}', which does not say whether it resets before or after the "
                "multiplication. Save it again from the Keras that trained it, in version 2.2 or later."
            )
            raise Refused("legacy", msg)
        return with_config(layer, reset_after=False), ("GRU layers got reset_after=False, as their weights show",)

    return on_layers(rule)(model)
