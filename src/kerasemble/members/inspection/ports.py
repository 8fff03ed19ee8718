"""What a model's outputs are: their last activation and their dtype."""

from __future__ import annotations

from kerasemble.members.inspection.graph import Graph
from kerasemble.members.inspection.nodes import Source
from kerasemble.members.inspection.sizes import UNKNOWN
from kerasemble.members.inspection.weights_made import snake_case

# They leave the kind of the values as it is.
_THROUGH = frozenset(
    {"Dropout", "AlphaDropout", "GaussianDropout", "GaussianNoise", "Identity", "Reshape", "Flatten", "Permute"}
    | {"ActivityRegularization", "RepeatVector", "Masking", "Cast", "Squeeze", "ExpandDims", "StopGradient"}
    | {"SpatialDropout1D", "SpatialDropout2D", "SpatialDropout3D"}
)
# Layers and nodes that are an activation.
_ACTIVATIONS = frozenset(
    {
        "Softmax",
        "LogSoftmax",
        "Sigmoid",
        "LogSigmoid",
        "HardSigmoid",
        "Tanh",
        "ReLU",
        "Relu",
        "LeakyReLU",
        "ELU",
        "PReLU",
    }
)


def final_activation(graph: Graph, source: Source) -> str | None:
    """Return the name of the activation that gives a tensor, looked for through what does not change it."""
    # Each step goes to a layer before or inside, so that it ends.
    while True:
        layer = graph.layers[source.layer]
        if layer.model is not None:
            graph = layer.model
            if source.tensor >= len(graph.outputs):
                return None
            source = graph.outputs[source.tensor]
            continue
        named = layer.config.get("activation")
        name = _name(named)
        if layer.kind in _ACTIVATIONS:
            return snake_case(layer.kind).replace("re_lu", "relu")
        if layer.kind not in _THROUGH and not (layer.kind == "Activation" and name == "linear"):
            wrapped = layer.wrapped[0][1] if layer.wrapped else None
            return name if wrapped is None else _name(wrapped.config.get("activation"))
        call = layer.calls[min(source.call, len(layer.calls) - 1)]
        if not call.sources:
            return None
        source = call.sources[0]


def output_dtype(graph: Graph, source: Source) -> str | None:
    """Return the dtype that the layer of a tensor computes in, None where the file does not say."""
    layer = graph.layers[source.layer]
    while layer.model is not None:
        graph, index = layer.model, source.tensor
        if index >= len(graph.outputs):
            return None
        source = graph.outputs[index]
        layer = graph.layers[source.layer]
    return policy_name(layer.config.get("dtype"))


def policy_name(dtype: object) -> str | None:
    """Return the dtype that values have under a policy: "float16" under mixed_float16."""
    try:
        name = dtype["config"]["name"] if isinstance(dtype, dict) else dtype
    except UNKNOWN:
        return None
    return name.removeprefix("mixed_") if isinstance(name, str) else None


def _name(activation: object) -> str | None:
    """Return the name of an activation: a text, a function or a layer."""
    if isinstance(activation, dict):
        inner = activation.get("config")
        activation = inner if isinstance(inner, str) else snake_case(str(activation.get("class_name", "")))
    return activation if isinstance(activation, str) else None
