"""One valid call of everything public, small and quick: what wrong arguments are tried against."""

import importlib
import inspect
from dataclasses import replace
from fractions import Fraction
from functools import cache
from pathlib import Path

import numpy as np

import gradflow as gf

FLOORS = ("", "cells", "jacobians", "codegen", "spectra", "ensembles", "proofs", "networks")
FLOORS += ("studies", "figures", "reporting", "training")

# what gradflow itself calls, on objects of its own: the records of backends and of sections, and
# what a bound cell keeps beside its parameters
EXEMPT = {
    "Target.arrays",
    "Target.text",
    "Section.numbers",
    "Section.blocks",
    "Bound.once",
    "Term.after",
    "Trajectory.pull_back",  # of a covector that `checked_covector` has returned
    "Trajectory.require_single",
    "proofs.certify_bound",  # of the facts and polynomials of a bound
    "Trajectory.require_constant",
    "Cell.definition_rows",  # of the functions that occur in what is printed
    "Fault.of_layer",  # by the network that has the layer
    "Trajectory.log_path_jacobians",  # of steps counted from 0
    "Trajectory.log_input_jacobians",  # likewise
}


def public():
    """Return every public function and method once, by name; a class stands for its methods."""
    functions, methods = {}, {}
    for floor in FLOORS:
        module = importlib.import_module(f"gradflow.{floor}" if floor else "gradflow")
        for name in module.__all__:
            thing = getattr(module, name)
            if inspect.isfunction(thing):
                functions.setdefault(thing, f"{floor or 'gf'}.{name}")
            elif inspect.isclass(thing) and thing.__module__.startswith("gradflow"):
                for key, method in inspect.getmembers(thing, inspect.isfunction):
                    ours = method.__module__.startswith("gradflow")
                    if ours and not key.startswith("_"):
                        methods.setdefault(method, (thing, f"{thing.__name__}.{key}"))
    found = {name: f for f, name in functions.items()}
    return found | {name: f for f, (_, name) in methods.items()}


PUBLIC = {name: f for name, f in public().items() if name not in EXEMPT}


@cache
def cell():
    """Return a cell with every kind of argument: two parts, an input, an output."""
    return gf.Cell(
        name="leaky",
        state="h s[slow]",
        inputs="x",
        maps="W U A",
        scalars="rate",
        outputs="y",
        equations="""
            s_next = rate * s + (1 - rate) * tanh(A @ h)
            h_next = tanh(W @ x + U @ h)
            y = h_next ** 2
        """,
        defaults={"rate": 0.5},
    )


@cache
def params():
    """Return its parameters."""
    return cell().init(hidden=2, slow=1, inputs=1, rng=0)


FILES = Path(__file__).parents[1] / "networks" / "files"
X = np.linspace(-1, 1, 6)[:, None]
STATE = np.array([0.1, -0.2, 0.3])


@cache
def run():
    """Return a run of it."""
    return gf.run(cell(), params(), X, STATE, backend="numpy")


@cache
def jacobians():
    """Return its Jacobians."""
    return run().jacobians()


@cache
def axes(projection=None):
    """Return axes to draw on."""
    from matplotlib.figure import Figure

    return Figure().subplots(subplot_kw={"projection": projection} if projection else None)


@cache
def branch():
    """Return a branch of fixed points."""
    rnn = {"U": [[2.0]], "W": [[0.0]], "b": [0.1]}
    return gf.continue_fixed_points("rnn", rnn, "b", (0.1, 0.2))


@cache
def rest():
    """Return fixed points."""
    return gf.fixed_points("rnn", {"U": [[2.0]], "W": [[0.0]], "b": [0.1]}, starts=4)


def loss(ran):
    """Return a loss of the last state."""
    return gf.spectra.squared_error(np.eye(3), ran.flat_states[-1], np.ones(3))


@cache
def surface():
    """Return an error over two parameters."""
    across, up = (("rate", 0), [0.4, 0.5]), (("U", (0, 1)), [0.0, 0.1])
    return gf.spectra.error_surface(cell(), params(), loss, across, up, X)


@cache
def network():
    """Return two layers."""
    return gf.stack("rnn", 2, hidden=2, inputs=1, rng=0)


@cache
def diagnosis():
    """Return a diagnosis of one layer."""
    return gf.diagnose(gf.stack("rnn", 1, hidden=2, inputs=1, rng=0), need=3)


@cache
def task():
    """Return a short task."""
    return gf.training.adding(4)


@cache
def watched():
    """Return what a watch saw of two updates."""
    with gf.watch(("rnn", gf.cells.rnn.init(hidden=2, inputs=1, rng=0)), X, every=1) as seen:
        for loss in (1.0, 2.0):
            seen.update(loss)
    return seen.record()


def trained():
    """Return the record of two networks, made by hand: torch may be missing."""
    column = np.array([[0.2, 0.1], [0.3, 0.01]])
    columns = ("loss", "held_out", "measure", "gradient_norm", "rate_curvature")
    return gf.training.Training(
        task=task(),
        cell="rnn",
        seeds=np.array([0, 1]),
        rates=np.ones(2),
        clips=np.ones(2),
        update=np.array([0, 1]),
        looks=(),
        modules=(),
        **dict.fromkeys(columns, column),
    )


def recordings(folder):
    """Write images and utterances to files and return their names."""
    rng = np.random.default_rng(0)
    rows = np.column_stack([rng.integers(0, 255, (10, 4)), np.arange(10) % 2])
    np.savetxt(folder / "images.csv", rows, fmt="%d", delimiter=",")
    (folder / "u.ts").write_text("@data\n1,2:3,4:a\n1,2,3:4,5,6:b\n", "utf-8")
    return folder / "images.csv", folder / "u.ts"


@cache
def outputs():
    read = gf.read(FILES / "lstm_1layer.safetensors")
    x = np.ones((3, read.layers[0].inputs))
    return {"x": x, "y": read.run(x).states["1.h"][1:]}


def fault():
    """Return where a root of a negative number stops a run."""
    cell = gf.Cell(name="drain", state="h", scalars="a", equations="h_next = sqrt(h) - a")
    return gf.locate(cell, {"a": 0.5}, state=[0.01], steps=9)


@cache
def study():
    """Return a study."""
    return gf.studies.study("rnn", hidden=2, steps=12, seeds=1)


@cache
def grid():
    """Return values over two axes."""
    x = y = np.linspace(0, 1, 3)
    return gf.figures.Grid(x=x, y=y, values=np.add.outer(x, y), quantity="sum")


def quadratic(theta):
    """Return a height and its slope."""
    return float((theta**2).sum()), 2 * theta


def page_of(folder):
    """Return an open page."""
    context = gf.reporting.page("p", folder, True, formats=("svg",))
    opened = context.__enter__()
    opened.figure.axes[0].plot([0, 1])
    return opened


def a_report():
    return gf.reporting.Report(
        title="a",
        subtitle="",
        blocks=[gf.reporting.Paragraph("b")],
        provenance={"gradflow": "0"},
    )


def objects(folder):
    """Return an object of each public class with methods, by the class's name."""
    step, told = gf.jacobian(cell()), gf.prove("scalar")
    return {
        "Cell": cell(),
        "Block": step["h", "h"],
        "ParameterBlock": step["h", "U"],
        "StepJacobian": step,
        "Bptt": gf.bptt(cell()),
        "Code": gf.compile(cell(), "numpy"),
        "Bound": run().bound,
        "Trajectory": run(),
        "Decay": run().decay(),
        "CovariantVectors": run().covariant_vectors(leading=2, transient=1),
        "FiniteTimeExponents": run().finite_time_exponents(2),
        "Course": gf.studies.course([network(), network()], need=3),
        "Diagnosis": diagnosis(),
        "Fault": fault(),
        "Drawable": run().decay(),
        "PathDecay": run().paths(np.ones(3)),
        "Card": gf.proofs.card(told[0], coq=False),
        "Claim": told[0],
        "MeanField": gf.mean_field("rnn"),
        "Condition": gf.proofs.Condition(quantity="q", value=2.0, need="under", limit=1.0),
        "Margin": gf.proofs.Margin(measured=0.5, bound=1.0, side="above"),
        "Setup": study().setup,
        "Study": study(),
        "Derived": gf.proofs.derived("scrn")[0],
        "CertifiedGradient": gf.certify(
            run(), gf.proofs.Loss(kind="linear", weight=np.ones(2), part="h")
        ),
        "CertifiedProducts": gf.certify(run()),
        "Network": network(),
        "Task": task(),
        "Training": trained(),
        "Watched": watched(),
        "Venue": gf.figures.VENUES["icml"],
        "Numbers": gf.reporting.Numbers({"one": gf.studies.Number(value=1.0, label="One")}),
        "Written": gf.reporting.Written(folder / "r.html", study()),
        "Page": page_of(folder),
        "Report": a_report(),
    }


def valid(folder: Path):
    """Return keyword arguments of a valid call by name; a tuple stands for ``*arguments``."""
    p, ran, bound = params(), run(), {"state": STATE, "x": X[0]}
    code = {"params": p, **bound}
    spectrum = ran.lyapunov()
    start = {"cell": cell(), "params": p, "x": X, "state": STATE, "steps": 6, "backend": "numpy"}
    half = Fraction(1, 2)
    theory = {
        "cell": "rnn",
        "gains": 1.5,
        "biases": {"b": (0.0, 0.1)},
        "inputs": 0.5,
        "tied": True,
        "size": 256,
        "populations": 2,
        "steps": 1,
        "rng": 0,
    }
    drawn = {"ax": axes(), "x": "x", "y": "y"}
    series = gf.figures.Series(label="a", x=[0.0, 1.0], y=[1.0, 2.0])
    options = {"transient": 1, "interval": 2, "blocks": 2, "initial": np.eye(3)[:, :1]}
    exponents = {**options, "leading": 1}
    claim = gf.prove("scalar")[0]
    images, utterances = recordings(folder)
    theorem = gf.proofs.Theorem(name="b", premises=(), conclusion="True", proof="exact I.")
    return {
        "cells.get": {"cell": "rnn"},
        "cells.register": {"cell": cell()},
        "Cell.init": {"rng": 0, "hidden": 2, "slow": 1, "inputs": 1, "U": 0.5, "recurrent": 0.1},
        "Cell.shape_of": {"name": "U"},
        "jacobians.jacobian": {"cell": "rnn"},
        "jacobians.path_labels": {"cell": "rnn"},
        "gf.bptt": {"cell": "rnn"},
        "gf.jacobian": {"cell": "rnn"},
        "Bptt.gradient_equations": {"parameter": "U"},
        "Bptt.gradient_latex": {"parameter": "U"},
        "gf.compile": {"cell": "rnn", "backend": "mpmath", "digits": 30},
        "gf.to_jax": {"cell": "rnn"},
        "gf.to_torch": {"cell": "rnn", "params": None, "dtype": None, "hidden": 2, "inputs": 1},
        "Bound.step": {**bound, "t": 1},
        "Bound.outputs": {**bound, "t": 1},
        "Bound.values": {**bound, "t": 1, "of": None},
        "Bound.at": {"t": 1},
        "Bound.jvp": {**bound, "v": STATE, "t": 1},
        "Bound.full_vjp": {**bound, "u": STATE, "t": 1},
        "Bound.vjp": {**bound, "u": STATE, "t": 1},
        "Bound.jacobian": {**bound, "t": 1, "out": np.empty((3, 3))},
        "Bound.input_jacobian": {**bound, "t": 1, "out": np.empty((3, 1))},
        "Bound.path_jacobians": {**bound, "t": 1},
        "Bound.parameter_vjp": {**bound, "u": STATE, "t": 1, "keep": False},
        "Bound.pullback": {
            "self": gf.compile(cell(), "array-api").bind(p),
            "states": np.zeros((6, 3)),
            "u": np.ones((6, 3)),
            "x": X,
        },
        "Bound.join": {"parts": {"h": STATE[:2], "s": STATE[2:]}},
        "Bound.split": {"state": STATE},
        "Bound.part_sizes": {"state": STATE},
        "Bound.with_state": {"state": STATE, "inputs": None},
        "Code.bind": {"params": p, "state": STATE},
        "Code.bind_over_time": {"params": p, "state": STATE},
        "Code.sizes": {"params": p},
        "Code.part_sizes": {"params": p, "state": STATE},
        "Code.split": {"params": p, "state": STATE},
        "Code.join": {"parts": {"h": STATE[:2], "s": STATE[2:]}},
        "Code.step": {**code, "t": 1},
        "Code.outputs": {**code, "t": 1},
        "Code.values": {**code, "t": 1, "of": None},
        "Code.jvp": {**code, "v": STATE, "t": 1},
        "Code.vjp": {**code, "u": STATE, "t": 1},
        "Code.jacobian": {**code, "t": 1, "out": np.empty((3, 3))},
        "Code.input_jacobian": {**code, "t": 1, "out": np.empty((3, 1))},
        "Code.path_jacobians": {**code, "t": 1},
        "Code.parameter_vjp": {**code, "u": STATE, "t": 1, "keep": False},
        "Code.pullback": {
            "self": gf.compile(cell(), "array-api"),
            "params": p,
            "states": np.zeros((6, 3)),
            "u": np.ones((6, 3)),
            "x": X,
        },
        "Code.function_of": {"expressions": []},
        "gf.run": start,
        "gf.locate": start,
        "gf.diagnose": {
            "network": network(),
            "x": X,
            "need": 2,
            "targets": [[1.0]],
            "lengths": None,
            "loss": "squared error",
            "at": "last",
            "head": np.ones((1, 2)),
            "vocabulary": None,
            "lose": 0.05,
            "paths": False,
            "seed": 0,
            "progress": lambda stage: None,
        },
        "studies.course": {"networks": [network(), network()], "x": X},
        "gf.leading_exponents": {**start, **exponents, "label": "a"},
        "gf.stream_gradient_decay": {**start, "gradient": np.ones(3), "memory": 10**6},
        "gf.fixed_points": {
            "cell": "rnn",
            "params": {"U": [[2.0]], "W": [[0.0]], "b": [0.1]},
            "x": [0.0],
            "state": None,
            "run": None,
            "starts": 4,
            "rng": 0,
            "period": 1,
            "backend": "numpy",
        },
        "gf.continue_fixed_points": {
            "cell": "rnn",
            "params": {"U": [[2.0]], "W": [[0.0]], "b": [0.1]},
            "name": "b",
            "span": (0.1, 0.2),
            "x": [0.0],
            "entry": (0,),
            "state": [0.9],
            "backend": "numpy",
        },
        "spectra.error_surface": {
            **start,
            "loss": loss,
            "across": (("rate", 0), [0.4, 0.5]),
            "up": ({"U": np.ones((2, 2))}, [0.0, 0.1]),
        },
        "gf.certify": {
            "run": ran,
            "loss": gf.proofs.Loss(kind="linear", weight=np.ones(2), part="h"),
            "digits": 3,
            "seconds": 60.0,
        },
        "CertifiedProducts.window": {"t": 3, "start": 1},
        "CertifiedProducts.curve": {"lags": [1, 2]},
        "CertifiedProducts.singular_values": {"lag": 2},
        "CertifiedProducts.at_least": {"part": "h", "lag": 2},
        "CertifiedGradient.part": {"name": "h"},
        "CertifiedGradient.parameter": {"name": "U"},
        "CertifiedGradient.interval": {"step": 1, "part": "h"},
        "proofs.gradient_claim": {
            "found": gf.certify(
                ran, gf.proofs.Loss(kind="linear", weight=np.ones(2), part="h"), digits=3
            ),
            "seconds": 0.0,
            "arrays": False,
            "machine_integers": False,
        },
        "gf.mean_field": {**theory, "method": "auto", "sizes": {"hidden": 4}},
        "gf.critical": {**theory, "name": "U", "between": (0.5, 3.0), "gains": {"W": 1.0}},
        "ensembles.white": {"variance": 1.0},
        "ensembles.correlated": {"variance": 1.0, "memory": 0.5},
        "ensembles.one_hot": {"symbols": 3},
        "ensembles.bulk_edge": {"theory": gf.mean_field("rnn")},
        "ensembles.correlations": {
            "theory": gf.mean_field("rnn"),
            "start": 0.5,
            "steps": 1,
            "size": 256,
            "populations": 2,
            "rng": 0,
        },
        "ensembles.exponents_by_rank": {"theory": gf.mean_field("rnn"), "ranks": [0.0, 0.5]},
        "ensembles.fresh_exponent": {
            "theory": gf.mean_field("rnn", tied=False),
            "units": 8,
            "steps": 1,
            "draws": 2,
            "rng": 0,
        },
        "MeanField.width_correction": {"units": 100},
        "gf.prove": {"cell": "scalar", "params": {"w": 0.5}, "x": None, "state": None},
        "gf.compare": {
            "cells": ["scalar"],
            "out": folder / "c.html",
            "hidden": 1,
            "steps": 5,
            "input": None,
            "seed": 0,
            "seeds": 1,
            "need": None,
            "format": None,
            "command": "",
            "progress": lambda stage: None,
        },
        "gf.report": {
            "cell": "scalar",
            "out": folder / "r.html",
            "hidden": 1,
            "steps": 5,
            "input": None,
            "init": None,
            "seed": 0,
            "seeds": 1,
            "need": None,
            "state": None,
            "format": None,
            "command": "",
            "progress": lambda stage: None,
        },
        "studies.study": {
            "cell": "scalar",
            "hidden": 1,
            "steps": 5,
            "input": None,
            "init": None,
            "seed": 0,
            "seeds": 1,
            "need": None,
            "state": None,
            "progress": lambda stage: None,
        },
        "Decay.horizon": {"tolerance": 0.1},
        "Decay.plot": {"ax": axes()},
        "Trajectory.conditional_exponents": {"of": ["h", "s"], **exponents, "label": "a"},
        "Trajectory.covariant_vectors": {"leading": 2, "transient": 1},
        "Trajectory.covector": {"gradient": np.ones(3)},
        "Trajectory.checked_covector": {"gradient": np.ones(3)},
        "Trajectory.chunks": {"overwrite": False, "backward": False},
        "Trajectory.decay": {"block": ("h", "h")},
        "Trajectory.eigenvalues": {"t": 2},
        "Trajectory.finite_time_exponents": {"window": 2, "transient": 1, "leading": 1},
        "Trajectory.gradient_decay": {"gradient": np.ones(3), "units": True},
        "Trajectory.jacobian": {"t": 2},
        "Trajectory.jacobians": {"t": [1, 2]},
        "Trajectory.log_least": {"by_inputs": False, "closely": False},
        "Trajectory.lyapunov": {"part": None, **exponents, "label": "a"},
        "Trajectory.one": {"index": ()},
        "Trajectory.parameter_gradient": {"gradient": np.ones(3), "lags": 2},
        "Trajectory.parameter_vjp": {"u": np.ones(3), "t": 2},
        "Trajectory.path_jacobians": {"t": [1, 2]},
        "Trajectory.paths": {"gradient": np.ones(3)},
        "Trajectory.product_eigenvalues": {"lag": 2},
        "Trajectory.singular_values": {"lags": [1, 2], "block": ("h", "h")},
        "Trajectory.truncation": {"gradient": np.ones(3), "windows": [1, 2], "sliding": True},
        "Trajectory.until": {"t": 2},
        "Trajectory.vjp": {"u": np.ones(3), "t": 2},
        "spectra.bulk_radius": {"slopes": [1.0, 0.5], "gain": 1.0},
        "spectra.cross_entropy": {"readout": np.eye(2), "vector": [0.1, 0.2], "target": 1},
        "spectra.squared_error": {"readout": np.eye(2), "vector": [0.1, 0.2], "target": [0.0, 1.0]},
        "spectra.descend": {
            "error": quadratic,
            "start": [1.0, 2.0],
            "rate": 0.1,
            "updates": 3,
            "threshold": 1.0,
        },
        "CovariantVectors.splitting_angle": {"count": 1},
        "FiniteTimeExponents.quantiles": {"shares": [0.1, 0.5]},
        "spectra.covariant_vectors": {"jacobians": jacobians(), "leading": 1, "transient": 1},
        "spectra.finite_time_exponents": {
            "jacobians": jacobians(),
            "window": 2,
            "transient": 1,
            "leading": 1,
        },
        "spectra.fuss_catalan": {"count": 2, "points": 20},
        "spectra.gradient_decay": {
            "jacobians": jacobians(),
            "covector": np.ones(3),
            "parts": {"h": slice(0, 2)},
            "label": "a",
        },
        "spectra.entropy_rate": {"exponents": [0.1, -0.2]},
        "spectra.kaplan_yorke": {"exponents": [0.1, -0.2]},
        "spectra.kreiss_constant": {"matrix": [[0.5, 1.0], [0.0, 0.4]], "tolerance": 1e-3},
        "spectra.log_clip_factor": {"log_norm": [1.0], "threshold": 1.0},
        "spectra.log_power_norms": {"matrix": [[0.5, 1.0], [0.0, 0.4]], "steps": 3},
        "spectra.log_resolvent_norms": {"matrix": [[0.5, 1.0], [0.0, 0.4]], "points": [1.0, 2j]},
        "spectra.lyapunov_spectrum": {"jacobians": jacobians(), **exponents, "label": "a"},
        "spectra.mean_field_exponent": {"gain": 1.5},
        "spectra.mean_field_variance": {"gain": 1.5},
        "spectra.newman_exponents": {"n": 4, "gain": 1.0},
        "spectra.product_decay": {"jacobians": jacobians(), "label": "a"},
        "spectra.product_eigenvalues": {"jacobians": jacobians()},
        "spectra.quarter_circle": {"sigma": [0.5], "gain": 1.0},
        "spectra.saturated_singular_values": {"sigma": [0.5], "slopes": [1.0, 0.5], "gain": 1.0},
        "spectra.singular_values": {"jacobians": jacobians(), "lags": [1, 2]},
        **{
            f"proofs.after_{what}": {"cell": "rnn", "title": "a", "theorem": theorem}
            for what in ("boxes", "recurrence", "upper")
        },
        "proofs.attack": {
            "cell": "scalar",
            "claimed": lambda ran: 1e9,
            "measured": lambda ran: 0.0,
            "side": "above",
            "tries": 2,
            "seed": 0,
        },
        "proofs.bound_above": {"run": ran},
        "proofs.bound_below": {"run": ran},
        "proofs.bounds": {"cell": "rnn"},
        "proofs.box_bound": {
            "run": ran,
            "radius": 0.01,
            "state_radius": 0.0,
            "weight_share": 0.0,
        },
        "proofs.card": {"claim": replace(claim, script=None), "coq": False},
        "proofs.carousel": {"cell": "lstm"},
        "proofs.carousel_invariant": {"cell": "lstm", "part": "c", "gate": "f"},
        "proofs.derived": {"cell": "scrn", "gains": 1.0, "biases": None, "inputs": 1.0},
        "proofs.enclose": {"run": ran},
        "proofs.forget_bias_for": {
            "steps": 10,
            "keep": half,
            "norms": dict.fromkeys(("U_i", "U_f", "U_o", "U_g", "W_f"), half),
            "units": 2,
            "reach": half,
            "cell_state": Fraction(1),
        },
        "proofs.prove": {"cell": "scalar", "params": {"w": 0.5}, "x": None, "state": None},
        "proofs.register_theorems": {"cell": cell(), "claims": lambda cell: []},
        "proofs.sigma_max": {"matrix": np.eye(2)},
        "proofs.sigma_min": {"matrix": np.eye(2)},
        "proofs.unit_invariants": {"cell": "rnn", "free": frozenset({"h"})},
        "proofs.verify": {
            "root": folder / "bundles",
            "coq": False,
            "solvers": False,
            "known": [],
            "seconds": 60.0,
        },
        "proofs.write": {"claim": claim, "out": folder / "written"},
        "gf.read": {"path": FILES / "bigru.safetensors"},
        "gf.settle": {"path": FILES / "lstm_1layer.safetensors", **outputs()},
        "gf.stack": {
            "cell": "rnn",
            "layers": 2,
            "hidden": 2,
            "inputs": 1,
            "rng": 0,
            "residual": False,
            "norm": False,
        },
        "networks.to_torch": {"network": network(), "dtype": None},
        "Network.run": {"x": X, "state": None, "backend": "numpy"},
        "Network.layer_runs": {"x": X, "state": None, "lengths": None, "backend": "numpy"},
        "training.adding": {"steps": 6},
        "training.characters": {"text": "to be or not to be " * 9, "steps": 5},
        "training.copying": {"wait": 3, "length": 2},
        "training.pixels": {"file": images, "images": None, "shrink": 1, "label": "last"},
        "training.temporal_order": {"steps": 10},
        "training.vowels": {"train": utterances, "test": utterances},
        "Task.draw": {"count": 2, "rng": 0},
        "Task.solved": {"value": [0.01, 0.1]},
        "Training.jumps": {"least": 0.1},
        "training.train": {
            "cell": "rnn",
            "task": task(),
            "updates": 1,
            "batch": 2,
            "optimizer": "sgd",
            "rates": 0.1,
            "clips": 1.0,
            "seeds": [0],
            "every": 1,
            "lags": (),
            "hidden": 2,
        },
        "gf.watch": {
            "subject": ("rnn", gf.cells.rnn.init(hidden=2, inputs=1, rng=0)),
            "probe": X,
            "every": 2,
            "lags": [0, 2],
            "loss": None,
        },
        "figures.plot_watched": {"ax": axes(), "result": watched()},
        "networks.read_sequence": {"path": None, "steps": 5, "inputs": None, "offset": 1},
        "figures.mark_points": {"ax": axes(), "points": {"a": (0.1, 0.2)}},
        "figures.outline": {
            "ax": axes(),
            "x": [0.0, 1.0, 2.0],
            "y": [0.0, 1.0, 2.0],
            "inside": np.eye(3, dtype=bool),
            "label": "a",
            "at": (0.5, 0.5),
        },
        "figures.paper_style": {"at": gf.figures.VENUES["icml"]},
        "figures.plot_branch": {"ax": axes(), "result": branch(), "unit": 0},
        "figures.plot_decay": {
            "ax": axes(),
            "decays": ran.decay(),
            "horizon": 2,
            "tolerance": 0.1,
            "proven": gf.certify(ran),
        },
        "figures.plot_density": {
            **drawn,
            "samples": {"a": np.arange(9.0)},
            "laws": {"b": ([0.0, 1.0], [1.0, 0.5])},
            "bins": 3,
        },
        "figures.plot_eigenvalues": {
            "ax": axes(),
            "eigenvalues": {"a": [0.5j]},
            "curves": {"b": [0.5j, 0.1]},
        },
        "figures.plot_fixed_points": {"ax": axes(), "result": rest()},
        "figures.plot_heat": {
            **drawn,
            "grid": grid(),
            "log": False,
            "zero": 1.0,
            "levels": [0.5],
            "limits": (0.0, 2.0),
        },
        "figures.plot_lyapunov": {"ax": axes(), "spectra": spectrum, "h_only": [spectrum]},
        "figures.plot_paths": {"ax": axes(), "result": ran.paths(np.ones(3))},
        "figures.plot_pseudospectra": {
            "ax": axes(),
            "grid": grid(),
            "eigenvalues": [0.5 + 0.5j],
            "levels": [0.1, 0.5],
        },
        "figures.plot_series": {**drawn, "series": [series], "log": False, "named": True},
        "figures.plot_shares": {
            **drawn,
            "across": [0.0, 1.0],
            "shares": {"a": [0.5, 0.5], "b": [0.5, 0.5]},
            "named": True,
        },
        "figures.plot_singular_values": {"ax": axes(), "result": ran.singular_values([1, 2])},
        "figures.plot_surface": {
            "ax": axes("3d"),
            "x": "x",
            "y": "y",
            "grid": grid(),
            "view": (28.0, -58.0),
        },
        "figures.share_handles": {"names": ["a"]},
        "figures.trace": {
            "ax": axes(),
            "coordinates": ([0.0, 1.0], [0.0, 1.0]),
            "color": "#111111",
        },
        "reporting.report_diagnosis": {
            "found": diagnosis(),
            "out": folder / "d.html",
            "format": None,
            "command": "",
        },
        "reporting.draw_svg": {
            "plot": lambda ax, *given: ax,
            "results": (),
            "size": (2.0, 2.0),
        },
        "reporting.figure_svg": {"figure": axes().figure},
        "reporting.magnitude": {"log": 1.0, "digits": 2},
        "reporting.power_of_ten": {"log": 1.0},
        "reporting.render_html": {
            "report": a_report(),
        },
        "reporting.page": {
            "name": "a",
            "out": folder,
            "quick": True,
            "shape": (1, 1),
            "aspect": 0.6,
            "widths": None,
            "projections": (),
            "venue": "icml",
            "formats": ("svg",),
            "question": "Why?",
            "steps": True,
        },
        "Page.publish": {"answer": "It is 1.", "caption": "It is 1.", "numbers": {"one": 1.0}},
    }
