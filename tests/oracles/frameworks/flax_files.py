"""Files of Flax (linen and nnx), Orbax and Equinox."""

import contextlib

import numpy as np

from oracles.frameworks.sample import Sample, drawn, drawn_input


def _tree(tree, rng, dtype):
    """The same tree with weights drawn in the order of its names."""
    return {
        key: _tree(value, rng, dtype)
        if isinstance(value, dict)
        else drawn(value.shape, rng).astype(dtype)
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
    def write(folder, dtype="float32"):
        import flax.linen as nn
        import jax

        x = drawn_input().astype(dtype)

        class Model(nn.Module):
            @nn.compact
            def __call__(self, x, carries=None):
                h, behind = x, []
                for number, layer in enumerate(make(nn)):
                    start = None if carries is None else carries[number]
                    carry, h = layer(h, initial_carry=start, return_carry=True)
                    behind.append(carry)
                return h, behind, nn.Dense(2)(h)

        model = Model()
        with _precise(jax, dtype):
            first = model.init_with_output(jax.random.key(0), drawn_input()[None])
            variables = jax.tree.map(np.asarray, first[1])
            variables = _tree(variables, np.random.default_rng(3), dtype)
            zeros = jax.tree.map(lambda a: np.zeros(a.shape, dtype), first[0][1])
            h, carries, _ = model.apply(variables, x[None], zeros)
        advance = _advance(jax, carries, lambda x, c: model.apply(variables, x[None], c)[1])
        return Sample(
            path=_saved(variables, folder, way),
            x=x,
            y=np.asarray(h)[0],
            facts=facts,
            advance=advance,
            library="jax",
        )

    return write


def _precise(jax, dtype):
    """In float32 whole products, not those of accelerators; in float64 as such."""
    found = contextlib.ExitStack()
    found.enter_context(jax.enable_x64(dtype == "float64"))
    found.enter_context(jax.default_matmul_precision("highest"))
    return found


def _advance(jax, carries, through):
    """A state h before c, where Flax carries c before h."""
    leaves, shape = jax.tree.flatten([c[::-1] if isinstance(c, tuple) else c for c in carries])
    ends = np.cumsum([leaf.shape[-1] for leaf in leaves])

    def advance(state, inputs):
        parts = [part[None] for part in jax.numpy.split(state, ends[:-1])]
        old = jax.tree.unflatten(shape, parts)
        new = through(inputs, [c[::-1] if isinstance(c, tuple) else c for c in old])
        new = [c[::-1] if isinstance(c, tuple) else c for c in new]
        return jax.numpy.concatenate([part[0] for part in jax.tree.leaves(new)])

    return advance


def _nnx(make, way, **facts):
    def write(folder, dtype="float32"):
        import jax
        from flax import nnx

        x = drawn_input().astype(dtype)

        class Model(nnx.Module):
            def __init__(self, rngs):
                self.rnn = nnx.RNN(make(nnx, rngs, jax.numpy.dtype(dtype)))
                self.out = nnx.Linear(4, 2, rngs=rngs)

        with _precise(jax, dtype):
            model = Model(nnx.Rngs(0))
            carry = model.rnn.cell.initialize_carry((1, 3), nnx.Rngs(0))
            graph, params, rest = nnx.split(model, nnx.Param, ...)
            plain = jax.tree.map(np.asarray, nnx.to_pure_dict(params))
            plain = _tree(plain, np.random.default_rng(3), dtype)
            nnx.replace_by_pure_dict(params, plain)
            model = nnx.merge(graph, params, rest)
            zeros = jax.tree.map(lambda a: np.zeros(a.shape, dtype), carry)
            carry, y = model.rnn(x[None], initial_carry=zeros, return_carry=True)

        def through(x, carries):
            carry = carries[0]  # step by step: the loop of RNN has no derivative outside nnx
            for row in x:
                carry, _ = model.rnn.cell(carry, row[None])
            return [carry]

        if way == "orbax-state":
            import orbax.checkpoint as ocp

            path = folder / "orbax"
            with _precise(jax, dtype), ocp.StandardCheckpointer() as saver:
                saver.save(path.resolve(), params)
        else:
            path = _saved(plain, folder, way)
        return Sample(
            path=path,
            x=x,
            y=np.asarray(y)[0],
            facts=facts,
            advance=_advance(jax, [carry], through),
            library="jax",
        )

    return write


def _equinox(kind, way, bias=True):
    def write(folder, dtype="float32"):
        import equinox as eqx
        import jax
        import jax.numpy as jnp

        x = drawn_input().astype(dtype)
        two = kind == "LSTMCell"
        with _precise(jax, dtype):
            cell = getattr(eqx.nn, kind)(3, 4, use_bias=bias, key=jax.random.key(0))
            rng = np.random.default_rng(3)
            leaves, shape = jax.tree.flatten(cell)
            drawn_now = [jnp.asarray(drawn(leaf.shape, rng).astype(dtype)) for leaf in leaves]
            cell = jax.tree.unflatten(shape, drawn_now)
            if way == "eqx":
                path = folder / "model.eqx"
                eqx.tree_serialise_leaves(path, cell)
            else:
                names = ("weight_ih", "weight_hh", "bias", "bias_n")
                arrays = {f"cell.{n}": np.asarray(getattr(cell, n, None)) for n in names}
                path = folder / "model.npz"
                np.savez(path, **{n: a for n, a in arrays.items() if a.ndim})

            def advance(state, inputs):
                now = tuple(jnp.split(state, 2)) if two else state
                for row in inputs:
                    now = cell(row, now)
                return jnp.concatenate(now) if two else now

            state, y = jnp.zeros(8 if two else 4), []
            for row in x:
                state = advance(state, row[None])
                y.append(np.asarray(state[:4]))
        return Sample(path=path, x=x, y=np.array(y), advance=advance, library="jax")

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
    "lstm": lambda nnx, rngs, dtype: nnx.LSTMCell(3, 4, rngs=rngs),
    "optimized": lambda nnx, rngs, dtype: nnx.OptimizedLSTMCell(3, 4, rngs=rngs),
    "gru": lambda nnx, rngs, dtype: nnx.GRUCell(3, 4, rngs=rngs),
    "simple": lambda nnx, rngs, dtype: nnx.SimpleCell(3, 4, dtype=dtype, rngs=rngs),
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
