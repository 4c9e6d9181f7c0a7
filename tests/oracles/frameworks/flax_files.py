"""Files of Flax (linen and nnx), Orbax and Equinox."""

import numpy as np

from oracles.frameworks.sample import Sample, drawn, drawn_input


def _tree(tree, rng):
    """The same tree with weights drawn in the order of its names."""
    return {
        key: _tree(value, rng) if isinstance(value, dict) else drawn(value.shape, rng)
        for key, value in tree.items()
    }


def _flat(tree, separator="/", prefix=""):
    found = {}
    for key, value in tree.items():
        name = f"{prefix}{separator}{key}" if prefix else str(key)
        found.update(_flat(value, separator, name) if isinstance(value, dict) else {name: value})
    return found


def _saved(tree, folder, way):
    if way == "msgpack":
        from flax.serialization import to_bytes

        path = folder / "model.msgpack"
        path.write_bytes(to_bytes(tree))
    elif way == "npz":
        path = folder / "model.npz"
        np.savez(path, **_flat(tree))
    elif way == "safetensors":
        from safetensors.numpy import save_file

        path = folder / "model.safetensors"
        save_file(_flat(tree, "."), path)
    else:
        import orbax.checkpoint as ocp

        path = folder / "orbax"
        with ocp.StandardCheckpointer() as saver:
            saver.save(path.resolve(), tree)
    return path


def _linen(make, way, **facts):
    def write(folder):
        import flax.linen as nn
        import jax

        x = drawn_input()

        class Model(nn.Module):
            @nn.compact
            def __call__(self, x):
                h = x
                for layer in make(nn):
                    h = layer(h)
                return h, nn.Dense(2)(h)

        model = Model()
        variables = jax.tree.map(np.asarray, model.init(jax.random.key(0), x[None]))
        variables = _tree(variables, np.random.default_rng(3))
        with jax.default_matmul_precision("highest"):
            y = np.asarray(model.apply(variables, x[None])[0])[0]
        return Sample(path=_saved(variables, folder, way), x=x, y=y, facts=facts)

    return write


def _nnx(make, way, **facts):
    def write(folder):
        import jax
        from flax import nnx

        x = drawn_input()

        class Model(nnx.Module):
            def __init__(self, rngs):
                self.rnn = nnx.RNN(make(nnx, rngs))
                self.out = nnx.Linear(4, 2, rngs=rngs)

        model = Model(nnx.Rngs(0))
        graph, params, rest = nnx.split(model, nnx.Param, ...)
        plain = jax.tree.map(np.asarray, nnx.to_pure_dict(params))
        plain = _tree(plain, np.random.default_rng(3))
        nnx.replace_by_pure_dict(params, plain)
        model = nnx.merge(graph, params, rest)
        with jax.default_matmul_precision("highest"):
            y = np.asarray(model.rnn(x[None]))[0]
        if way == "orbax-state":
            import orbax.checkpoint as ocp

            path = folder / "orbax"
            with ocp.StandardCheckpointer() as saver:
                saver.save(path.resolve(), params)
        else:
            path = _saved(plain, folder, way)
        return Sample(path=path, x=x, y=y, facts=facts)

    return write


def _equinox(kind, way, bias=True):
    def write(folder):
        import equinox as eqx
        import jax
        import jax.numpy as jnp

        x = drawn_input()
        cell = getattr(eqx.nn, kind)(3, 4, use_bias=bias, key=jax.random.key(0))
        rng = np.random.default_rng(3)
        leaves, shape = jax.tree.flatten(cell)
        cell = jax.tree.unflatten(shape, [jnp.asarray(drawn(leaf.shape, rng)) for leaf in leaves])
        zero = jnp.zeros(4)
        state = (zero, zero) if kind == "LSTMCell" else zero
        y = []
        for row in x:
            state = cell(row, state)
            y.append(np.asarray(state[0] if kind == "LSTMCell" else state))
        if way == "eqx":
            path = folder / "model.eqx"
            eqx.tree_serialise_leaves(path, cell)
        else:
            names = ("weight_ih", "weight_hh", "bias", "bias_n")
            arrays = {f"cell.{n}": np.asarray(getattr(cell, n, None)) for n in names}
            path = folder / "model.npz"
            np.savez(path, **{n: a for n, a in arrays.items() if a.ndim})
        return Sample(path=path, x=x, y=np.array(y))

    return write


def _one(name, units=4, **said):
    return lambda nn: [nn.RNN(getattr(nn, name)(units, **said))]


_LINEN = {
    "lstm": _one("LSTMCell"),
    "optimized": _one("OptimizedLSTMCell"),
    "gru": _one("GRUCell"),
    "mgu": _one("MGUCell"),
    "simple": _one("SimpleCell"),
    "two": lambda nn: [nn.RNN(nn.LSTMCell(5)), nn.RNN(nn.GRUCell(4))],
    "three": lambda nn: [nn.RNN(nn.LSTMCell(3)) for _ in range(3)],
}
_NNX = {
    "lstm": lambda nnx, rngs: nnx.LSTMCell(3, 4, rngs=rngs),
    "optimized": lambda nnx, rngs: nnx.OptimizedLSTMCell(3, 4, rngs=rngs),
    "gru": lambda nnx, rngs: nnx.GRUCell(3, 4, rngs=rngs),
    "simple": lambda nnx, rngs: nnx.SimpleCell(3, 4, rngs=rngs),
}
_TANH = {"nonlinearity": "tanh"}

SAMPLES = {
    **{
        f"linen-{name}-{way}": _linen(make, way, **(_TANH if name == "simple" else {}))
        for name, make in _LINEN.items()
        for way in ("msgpack", "npz", "safetensors", "orbax")
    },
    **{
        f"nnx-{name}-{way}": _nnx(make, way, **(_TANH if name == "simple" else {}))
        for name, make in _NNX.items()
        for way in ("npz", "msgpack", "orbax", "orbax-state")
    },
    **{
        f"equinox-{kind}-{way}": _equinox(kind, way)
        for kind in ("LSTMCell", "GRUCell")
        for way in ("eqx", "npz")
    },
    "equinox-LSTMCell-no-bias": _equinox("LSTMCell", "npz", bias=False),
    "equinox-GRUCell-no-bias": _equinox("GRUCell", "npz", bias=False),
}
