"""The analyses ask a run for nothing but the interface: a linear system that is no cell at all."""

from dataclasses import dataclass, replace

import numpy as np
import pytest

import gradflow as gf
from gradflow.codegen.logarithms.numbers import logs
from gradflow.codegen.over_time import Pulled
from gradflow.spectra.decay.by_lag import parameter_gradient
from gradflow.spectra.linearised import Linearised
from gradflow.spectra.numerics.logdomain import log_magnitude, row_products
from gradflow.spectra.trajectory import Analysed


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class Linear(Analysed):
    """``s_t = A s_{t-1} + b`` with the parts ``p`` (2) and ``q`` (1), told by NumPy alone."""

    matrix: np.ndarray

    name = "linear system"

    def part_sizes(self):
        return {"p": 2, "q": 1}

    def one(self, *index):
        return replace(self, flat_states=self.flat_states[index])

    def _path_jacobians(self, where):
        whole = self._jacobians(where)
        own = np.stack([np.diag(np.diag(step)) for step in whole])
        return {"carousel": own, "others": whole - own}

    def fault(self):
        return None

    def log_least(self):
        return np.zeros((*self.batch, self.steps))

    def log_path_jacobians(self, where):
        return {path: logs(share[where]) for path, share in self.path_jacobians().items()}

    def until(self, t):
        return replace(self, flat_states=self.flat_states[..., : t + 1, :])

    def pull_back(self, covector, *, rows=False):
        unit, log_norm = row_products(self.jacobians(), covector)
        parts = [np.linalg.norm(unit[..., part], axis=-1) for part in self.parts.values()]
        return Pulled(log_norm, log_magnitude(np.stack(parts, -2)) + log_norm[..., None, :], unit)

    def _jacobians(self, where, out=None):
        count = np.arange(self.steps)[where].shape
        found = np.broadcast_to(self.matrix, (*self.batch, *count, 3, 3)).copy()
        if out is None:
            return found
        out[...] = found
        return out

    def _vjp(self, u, where):
        return np.asarray(u) @ self.matrix

    def _parameter_vjp(self, u, where):
        return {"b": np.asarray(u).reshape(-1, 3).sum(axis=0)}


A = np.array([[0.9, 0.2, 0.0], [-0.3, 0.5, 0.1], [0.4, 0.0, 0.7]])
ROW = np.array([1.0, -2.0, 0.5])


@pytest.fixture
def run():
    states = [np.ones(3)]
    for _ in range(20):
        states.append(A @ states[-1] + 0.1)
    return Linear(flat_states=np.stack(states), matrix=A)


def test_decays_and_paths(run):
    powers = [np.linalg.matrix_power(A, lag) for lag in range(21)]
    norms = [np.linalg.norm(power, 2) for power in powers]
    np.testing.assert_allclose(np.exp(run.decay().log_norm), norms, rtol=1e-12)
    gradient = run.gradient_decay({"p": ROW[:2], "q": ROW[2:]})
    rows = np.array([ROW @ power for power in powers])
    np.testing.assert_allclose(np.exp(gradient.log_norm), np.linalg.norm(rows, axis=1), rtol=1e-12)
    np.testing.assert_allclose(np.exp(gradient.by_part["q"]), np.abs(rows[:, 2]), rtol=1e-10)
    assert gradient.label == "linear system: gradient"
    paths = run.paths(ROW)
    whole = np.log(np.linalg.norm(rows[1:], axis=1))
    np.testing.assert_allclose(paths.total, whole, rtol=1e-10, atol=1e-12)


def test_spectra(run):
    logs = np.log(np.linalg.svd(np.linalg.matrix_power(A, 20))[1])
    np.testing.assert_allclose(run.singular_values([20]).log_sigma[0], logs, rtol=1e-6)
    moduli = np.sort(np.abs(np.linalg.eigvals(A)))[::-1]
    found = run.product_eigenvalues(7).log_abs
    np.testing.assert_allclose(found, 7 * np.log(moduli), rtol=1e-9, atol=1e-10)
    assert run.eigenvalues(range(3, 6)).shape == (3, 3)
    assert [len(chunk) for chunk in run.chunks(overwrite=True)] == [20]


def test_the_parameter_gradient_by_lag(run):
    found = run.parameter_gradient(ROW)
    by_lag = [ROW @ np.linalg.matrix_power(A, lag) for lag in range(20)]
    np.testing.assert_allclose(found.total["b"], np.sum(by_lag, axis=0), rtol=1e-12)
    scaled = found.by_lag["b"] * np.exp(found.log_scale)[:, None]
    np.testing.assert_allclose(scaled, by_lag, rtol=1e-11, atol=1e-14)
    assert parameter_gradient(run, ROW).total.keys() == {"b"}


def test_what_is_not_told_cannot_be_made():
    with pytest.raises(TypeError, match="abstract"):
        Linearised(flat_states=np.zeros((2, 1)))


def test_no_method_that_is_told_is_told_again():
    """Every method of a run is written once: nothing that is there is overridden."""
    cell = gf.run(gf.cells.scalar, {"w": np.array([0.5])}, state=np.array([1.0]), steps=2)
    for kind in (type(cell), Linear):
        homes = {}
        for base in kind.__mro__[:-1]:
            for name, value in vars(base).items():
                plain = callable(value) or isinstance(value, property) or hasattr(value, "func")
                if plain and not name.startswith("__") and not is_abstract(value):
                    homes.setdefault(name, []).append(base.__name__)
        assert {name: where for name, where in homes.items() if len(where) > 1} == {}


def is_abstract(value):
    return getattr(value, "__isabstractmethod__", False)
