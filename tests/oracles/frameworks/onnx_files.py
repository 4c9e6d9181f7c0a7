"""ONNX models, exported by torch and made node by node, run by onnxruntime."""

import warnings

import numpy as np

from oracles.frameworks.sample import Sample, drawn, drawn_input

_GATES = {"LSTM": 4, "GRU": 3, "RNN": 1}


def _node(kind, way="forward", *, arrays=(), as_constant=False, **attributes):
    """A model of one node; ``arrays`` are those besides W, R and B: initial_h, initial_c, P."""

    def write(folder):
        import onnx
        import onnxruntime
        from onnx import TensorProto, helper, numpy_helper

        x, hidden = drawn_input(), 4
        directions = 2 if way == "bidirectional" else 1
        rows = _GATES[kind] * hidden
        rng = np.random.default_rng(3)
        held = {
            "W": drawn((directions, rows, 3), rng),
            "R": drawn((directions, rows, hidden), rng),
            "B": drawn((directions, 2 * rows), rng),
            "initial_h": drawn((directions, 1, hidden), rng),
            "initial_c": drawn((directions, 1, hidden), rng),
            "P": drawn((directions, 3 * hidden), rng),
        }
        kept = ["W", "R", *arrays]
        order = ["X", "W", "R", "B", "", "initial_h", "initial_c", "P"]
        inputs = [n if n in ("X", "", *kept) else "" for n in order]
        while not inputs[-1]:
            inputs.pop()
        node = helper.make_node(
            kind, inputs, ["Y"], name="rnn", direction=way, hidden_size=hidden, **attributes
        )
        nodes, tensors = [node], []
        for name in kept:
            tensor = numpy_helper.from_array(held[name], name)
            if as_constant:
                made = helper.make_node("Constant", [], [f"{name}0"], value=tensor)
                nodes[:0] = [made, helper.make_node("Identity", [f"{name}0"], [name])]
            else:
                tensors.append(tensor)
        graph = helper.make_graph(
            nodes,
            "g",
            [helper.make_tensor_value_info("X", TensorProto.FLOAT, ["T", 1, 3])],
            [helper.make_tensor_value_info("Y", TensorProto.FLOAT, None)],
            tensors,
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 14)], ir_version=8)
        path = folder / "model.onnx"
        onnx.save(model, path)
        session = onnxruntime.InferenceSession(path)
        found = session.run(None, {"X": x[:, None]})[0]  # (T, directions, 1, hidden)
        return Sample(path=path, x=x, y=found[:, :, 0].reshape(len(x), -1))

    return write


def _exported(make, *, dynamo):
    def write(folder, dtype="float32"):
        import torch

        torch.manual_seed(0)
        module = make(torch.nn).eval().to(getattr(torch, dtype))
        x = drawn_input().astype(dtype)
        given = torch.tensor(x)[:, None]
        path = folder / "model.onnx"
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            torch.onnx.export(module, (given,), str(path), dynamo=dynamo)
        _forget_where_it_was_written(path)
        y = module(given)[0].detach().numpy()[:, 0]
        return Sample(path=path, x=x, y=y, advance=_advance(torch, module))

    return write


def _advance(torch, module):
    """What takes a state of all layers through them; ``None`` of two directions."""
    if module.bidirectional:
        return None
    two = isinstance(module, torch.nn.LSTM)

    def advance(state, inputs):
        parts = state.reshape(module.num_layers, 1 + two, 1, -1).unbind(1)
        start = tuple(part.contiguous() for part in parts)
        found = module(torch.tensor(inputs)[:, None], start if two else start[0])[1]
        return torch.stack(found if two else (found,), 1).reshape(-1)

    return advance


def _forget_where_it_was_written(path):
    """Drop what the exporter tells of itself, the paths of its own files among it."""
    import onnx

    model = onnx.load(path, load_external_data=False)
    for one in (model, model.graph, *model.graph.node, *model.graph.value_info):
        del one.metadata_props[:]
    for one in (*model.graph.input, *model.graph.output, *model.graph.initializer):
        del one.metadata_props[:]
    path.write_bytes(model.SerializeToString())


_MODULES = {
    "lstm": lambda nn: nn.LSTM(3, 4),
    "lstm2": lambda nn: nn.LSTM(3, 4, 2),
    "lstm-both": lambda nn: nn.LSTM(3, 4, 2, bidirectional=True),
    "gru": lambda nn: nn.GRU(3, 4, 2),
    "gru-both": lambda nn: nn.GRU(3, 4, bidirectional=True),
    "rnn-relu": lambda nn: nn.RNN(3, 4, nonlinearity="relu"),
    "rnn-both": lambda nn: nn.RNN(3, 4, 2, bidirectional=True),
    "rnn-no-bias": lambda nn: nn.RNN(3, 4, bias=False),
    "no-bias": lambda nn: nn.LSTM(3, 4, bias=False),
}

_HARD = {
    "activations": ["HardSigmoid", "Tanh", "Softsign"],
    "activation_alpha": [0.3],
    "activation_beta": [0.4],
}
_BOTH = {
    "activations": ["HardSigmoid", "ScaledTanh", "Tanh", "Sigmoid", "Affine", "LeakyRelu"],
    "activation_alpha": [0.3, 1.5, 0.7, 0.2],
    "activation_beta": [0.4, 0.6, 0.1],
}

SAMPLES = {
    **{
        f"onnx-{name}-{'dynamo' if dynamo else 'script'}": _exported(make, dynamo=dynamo)
        for name, make in _MODULES.items()
        for dynamo in (True, False)
    },
    **{
        f"onnx-node-{kind}-{way}": _node(kind, way, arrays=["B"])
        for kind in _GATES
        for way in ("forward", "reverse", "bidirectional")
    },
    "onnx-node-no-bias": _node("LSTM"),
    "onnx-node-peepholes": _node("LSTM", arrays=["B", "P"]),
    "onnx-node-peepholes-both": _node("LSTM", "bidirectional", arrays=["B", "P"]),
    "onnx-node-clip": _node("LSTM", arrays=["B"], clip=0.5),
    "onnx-node-clip-gru": _node("GRU", arrays=["B"], clip=0.5),
    "onnx-node-clip-gru-after": _node("GRU", arrays=["B"], clip=0.5, linear_before_reset=1),
    "onnx-node-clip-rnn": _node("RNN", arrays=["B"], clip=0.5),
    "onnx-node-clip-peepholes": _node("LSTM", arrays=["B", "P"], clip=0.7),
    "onnx-node-input-forget": _node("LSTM", arrays=["B"], input_forget=1),
    "onnx-node-input-forget-peepholes": _node("LSTM", arrays=["B", "P"], input_forget=1),
    "onnx-node-after": _node("GRU", arrays=["B"], linear_before_reset=1),
    "onnx-node-after-both": _node("GRU", "bidirectional", arrays=["B"], linear_before_reset=1),
    "onnx-node-initial": _node("LSTM", arrays=["B", "initial_h", "initial_c"]),
    "onnx-node-initial-both": _node("LSTM", "bidirectional", arrays=["initial_h", "initial_c"]),
    "onnx-node-initial-gru": _node("GRU", arrays=["B", "initial_h"]),
    "onnx-node-constants": _node("LSTM", arrays=["B"], as_constant=True),
    "onnx-node-hard": _node("LSTM", arrays=["B"], **_HARD),
    "onnx-node-both-functions": _node("LSTM", "bidirectional", arrays=["B"], **_BOTH),
    "onnx-node-gru-functions": _node(
        "GRU", arrays=["B"], activations=["HardSigmoid", "Elu"], activation_alpha=[0.2, 0.8]
    ),
    **{
        f"onnx-node-rnn-{name}": _node("RNN", arrays=["B"], activations=[name], **said)
        for name, said in {
            "Relu": {},
            "Sigmoid": {},
            "HardSigmoid": {"activation_alpha": [0.25], "activation_beta": [0.3]},
            "Affine": {"activation_alpha": [0.4], "activation_beta": [0.1]},
            "LeakyRelu": {"activation_alpha": [0.2]},
            "ThresholdedRelu": {"activation_alpha": [0.3]},
            "ScaledTanh": {"activation_alpha": [1.2], "activation_beta": [0.7]},
            "Elu": {"activation_alpha": [0.5]},
            "Softsign": {},
            "Softplus": {},
        }.items()
    },
}
