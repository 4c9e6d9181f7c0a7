"""The library's cells written a second time, in torch, from the papers; autograd differentiates.

A step takes tensors by name, the flat state, the input and the step number, and returns the flat
new state. Nothing here calls gradflow: gates are stacked, modules of the clockwork network are
looped over, context units are written as the paper's exponential average. A cell that is not among
them is read by Python itself from its declared text.
"""

import re
import textwrap

import torch

import gradflow as gf


def scalar(p, s, x, t):
    return p["w"] * s


def rnn(p, s, x, t):
    # Pascanu, Mikolov & Bengio 2013, with tanh around the sum as in Elman's network
    return torch.tanh(p["U"].mv(s) + p["W"].mv(x) + p["b"])


def irnn(p, s, x, t):
    # torch's clamp has derivative 1 at 0, its relu derivative 0, as Le et al. assume
    return torch.nn.functional.relu(p["U"].mv(s) + p["W"].mv(x) + p["b"])


def lstm(p, s, x, t):
    # Graves 2013, eqs. 7-11 without peepholes; all four gates in one product
    h, c = s.chunk(2)
    order = "ifog"
    w = torch.cat([torch.cat([p[f"W_{k}"], p[f"U_{k}"]], 1) for k in order])
    a = w.mv(torch.cat([x, h])) + torch.cat([p[f"b_{k}"] for k in order])
    n = len(h)
    i, f, o = torch.sigmoid(a[: 3 * n]).chunk(3)
    c = f * c + i * torch.tanh(a[3 * n :])
    return torch.cat([o * c.tanh(), c])


def gru(p, s, x, t):
    # Cho et al. 2014, eqs. 5-8, written as an interpolation between candidate and old state
    def gate(k):
        return torch.sigmoid(p[f"W_{k}"].mv(x) + p[f"U_{k}"].mv(s) + p[f"b_{k}"])

    candidate = torch.tanh(p["W_g"].mv(x) + p["U_g"].mv(gate("r") * s) + p["b_g"])
    return torch.lerp(candidate, s, gate("z"))


def gru_reset_after(p, s, x, t):
    # the formulas in the documentation of torch.nn.GRUCell
    inside = {k: torch.addmv(p[f"b_{k}"], p[f"W_{k}"], x) for k in "rzg"}
    around = {k: p[f"U_{k}"].mv(s) for k in "rzg"}
    r = (inside["r"] + around["r"]).sigmoid()
    z = (inside["z"] + around["z"]).sigmoid()
    n = (inside["g"] + r * (around["g"] + p["d_g"])).tanh()
    return n + z * (s - n)


def clockwork(p, s, x, t):
    # Koutnik et al. 2014, eqs. 1-3: unit by unit, reading only units of the same or a slower clock
    period = p["period"]
    rows = []
    for i in range(len(s)):
        if t % int(period[i]) != 0:
            rows.append(s[i])
            continue
        a = p["b"][i] + p["W_I"][i].dot(x)
        for j in range(len(s)):
            if period[j] >= period[i]:
                a = a + p["W_H"][i, j] * s[j]
        rows.append(torch.tanh(a))
    return torch.stack(rows)


def scrn(p, s, x, t):
    # Mikolov et al. 2015, eqs. 4-5
    n = p["R"].shape[0]
    h, context = s[:n], s[n:]
    context = (1 - p["alpha"]) * p["B"].mv(x) + p["alpha"] * context
    return torch.cat([torch.sigmoid(p["P"].mv(context) + p["A"].mv(x) + p["R"].mv(h)), context])


BY_HAND = {f.__name__: f for f in (scalar, rnn, irnn, lstm, gru, gru_reset_after, clockwork, scrn)}
_NAMES = ("sigmoid", "tanh", "relu", "exp", "log", "sqrt", "mean", "sum", "dot")
_NAMES += ("abs", "sign", "sinh", "cosh", "asinh")
FUNCTIONS = {name: getattr(torch, name) for name in _NAMES}
FUNCTIONS |= {
    "softplus": torch.nn.functional.softplus,
    "softmax": lambda v: torch.softmax(v, 0),
    "max": lambda a, b: torch.maximum(a, torch.as_tensor(b, dtype=a.dtype)),
    "min": lambda a, b: torch.minimum(a, torch.as_tensor(b, dtype=a.dtype)),
    "step": lambda a: (a > 0).to(a.dtype),
    "elu": torch.nn.functional.elu,
    "leaky_relu": torch.nn.functional.leaky_relu,
    # torch's own hardsigmoid has 1/6 in float32
    "hard_sigmoid": lambda a: torch.clamp(a / 6 + 0.5, 0.0, 1.0),
    "hard_tanh": torch.nn.functional.hardtanh,
}
_DEFINITION = re.compile(r"(\w+)\(([\w, ]+)\) *=")


def read_by_python(cell):
    """A step of a cell of one input: Python executes its equations on tensors."""
    defined = _DEFINITION.sub(r"\1 = lambda \2:", textwrap.dedent(cell.declaration.define))
    equations = textwrap.dedent(cell.equations)

    def step(p, s, x, t):
        sizes = {"one": 1}
        for name, array in p.items():
            sizes |= zip(cell.shape_of(name), array.shape, strict=True)
        parts = s.split([sizes[cell.shape_of(part)[0]] for part in cell.states])
        names = {**FUNCTIONS, **p, **dict(zip(cell.states, parts, strict=True)), "t": t}
        names |= dict.fromkeys(cell.input_names, x)
        exec(defined, names)
        exec(equations, names)
        return torch.cat([names[f"{part}_next"] for part in cell.states])

    return step


def step_of(name):
    """The step of a library cell, by hand if there is one."""
    return BY_HAND.get(name) or read_by_python(gf.cells.get(name))


def torch_step(name, p, parts, x, t):
    """One step on a mapping of state parts."""
    new = step_of(name)(p, torch.cat(list(parts.values())), x, t)
    return dict(zip(parts, new.split([len(v) for v in parts.values()]), strict=True))


def tensors(params, trained=()):
    """Tensors of the arrays; those named in `trained` collect a gradient."""
    found = {k: torch.tensor(v) for k, v in params.items()}
    for name in trained:
        found[name].requires_grad_()
    return found


def tensor(x):
    return None if x is None else torch.as_tensor(x)


def jacobian(name, params, state, x, t):
    """Step Jacobian (d, d) by autograd."""
    p, inputs = tensors(params), tensor(x)
    found = torch.autograd.functional.jacobian(
        lambda s: step_of(name)(p, s, inputs, t), torch.tensor(state)
    )
    return found.numpy()


def input_jacobian(name, params, state, x, t):
    """Input Jacobian (d, inputs) by autograd."""
    p, s = tensors(params), torch.tensor(state)
    found = torch.autograd.functional.jacobian(lambda v: step_of(name)(p, s, v, t), torch.tensor(x))
    return found.numpy()


def gradients(loss, leaves):
    """Gradient of a scalar by each leaf, zero where it does not enter."""
    found = torch.autograd.grad(loss, list(leaves.values()), allow_unused=True)
    pairs = zip(leaves.items(), found, strict=True)
    return {k: (torch.zeros_like(v) if g is None else g).numpy() for (k, v), g in pairs}


def parameter_gradient(name, params, trained, state, u, x, t):
    """Gradient of <u, new state> by every trained parameter."""
    p = tensors(params, trained)
    new = step_of(name)(p, torch.tensor(state), tensor(x), t)
    return gradients(torch.tensor(u).dot(new), {k: p[k] for k in trained})


def bptt(name, params, trained, state, xs, weights):
    """Loss sum_t <w_t, s_t> + |s_t|^2 / 2 over a run: its gradients, and all states (T + 1, d)."""
    p = tensors(params, trained)
    s, loss, states = torch.tensor(state), 0.0, [torch.tensor(state)]
    for k, w in enumerate(weights):
        s = step_of(name)(p, s, None if xs is None else torch.tensor(xs[k]), k + 1)
        loss = loss + torch.tensor(w).dot(s) + s.dot(s) / 2
        states.append(s.detach())
    return gradients(loss, {k: p[k] for k in trained}), torch.stack(states).numpy()
