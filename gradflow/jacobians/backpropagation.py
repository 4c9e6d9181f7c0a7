r"""Backpropagation through time as formulas of a cell.

.. math::

   P(t,k) = J_t J_{t-1} \cdots J_{k+1}, \qquad
   \frac{\partial L}{\partial \theta} = \sum_t \sum_{k \le t}
   \frac{\partial L}{\partial s_t} P(t,k) \frac{\partial^+ s_k}{\partial \theta}

(Pascanu, Mikolov & Bengio, ICML 2013, eqs. 3-5). The lag is :math:`t-k`; each lag's contribution
is a summand of its own.
"""

from __future__ import annotations

from dataclasses import dataclass

from gradflow.cells.cell import Cell
from gradflow.cells.registry import get
from gradflow.cells.typeset import name_latex
from gradflow.errors import UsageError, shown
from gradflow.jacobians.blocks import counted
from gradflow.jacobians.print.latex import part_latex, term_latex
from gradflow.jacobians.print.signed import in_sum
from gradflow.jacobians.step import jacobian


@dataclass(frozen=True, repr=False)
class Bptt:
    """The formulas of backpropagation through time for one cell.

    Examples
    --------
    >>> import gradflow as gf
    >>> formulas = gf.jacobians.bptt("gru")
    >>> formulas
    <Bptt of gru: state h; 9 parameters>
    >>> formulas.state_latex()
    's_{t} = h_{t}'
    """

    cell: Cell

    @property
    def _state(self) -> str:
        """The whole state's letter, set bold where the cell uses that letter itself."""
        taken = {*self.cell.spaces, *self.cell.linear_maps}
        return r"\mathbf{s}" if "s" in taken else "s"

    def state_latex(self) -> str:
        """Return the whole state and the order in which its parts are flattened."""
        parts = [part_latex(self.cell, p, new=True) for p in self.cell.states]
        if len(parts) == 1:
            return f"{self._state}_{{t}} = {parts[0]}"
        stacked = r" \\ ".join(parts)
        return rf"{self._state}_{{t}} = \begin{{pmatrix}} {stacked} \end{{pmatrix}}"

    def product_latex(self) -> str:
        """Return the product of step Jacobians, later steps on the left."""
        return (
            rf"\frac{{\partial {self._state}_{{t}}}}{{\partial {self._state}_{{k}}}}"
            r" = P(t,k) = J_{t} \, J_{t-1} \cdots J_{k+1}"
            r" = \prod_{j=t}^{k+1} J_{j}, \qquad P(t,t) = I"
        )

    def gradient_equations(self, parameter: str) -> list[str]:
        """Return ``dL/d parameter`` as a sum over steps and lags, then the direct terms of step k.

        Each entry is one LaTeX display, without delimiters. Raises ``UsageError`` for an unknown
        parameter.
        """
        cell = self.cell
        if not isinstance(parameter, str) or parameter not in cell.parameters:
            raise UsageError(
                f"cell {cell.name!r}: no parameter {shown(parameter)}; there are "
                f"{', '.join(cell.parameters)}."
            )
        name = name_latex(parameter)
        blocks = [jacobian(cell)[part, parameter] for part in cell.states]
        head = (
            rf"\frac{{\partial L}}{{\partial {name}}} = \sum_{{t=1}}^{{T}} \sum_{{k=1}}^{{t}} "
            rf"\underbrace{{\frac{{\partial L}}{{\partial {self._state}_{{t}}}} \, P(t,k) \, "
            rf"\frac{{\partial^{{+}} {self._state}_{{k}}}}{{\partial {name}}}}}"
            r"_{\text{lag } t-k}"
        )
        return [head, *(b.latex() for b in blocks if not b.is_zero)]

    def gradient_latex(self, parameter: str) -> str:
        """Return ``gradient_equations``, a blank line between them."""
        return "\n\n".join(self.gradient_equations(parameter))

    def carousel_latex(self) -> dict[str, str]:
        r"""Return, for each part with one, its way through time that passes no linear map.

        For the LSTM ``{"c": "\\prod diag(f_j)"}``: the constant error carousel.
        """
        cell = self.cell
        rows = {}
        for part in cell.states:
            space = cell.spaces[part]
            block = jacobian(cell)[part, part]
            direct = [term_latex(cell, t, space, "j") for t in block.terms if not t.maps]
            if direct:
                factor = " ".join(in_sum(direct))
                if direct[1:] or direct[0].negative:
                    factor = rf"\left( {factor} \right)"
                rows[part] = rf"\prod_{{j=k+1}}^{{t}} {factor}"
        return rows

    def equations(self) -> list[str]:
        """Return state, product and the gradient by every parameter, one LaTeX display each."""
        gradients = [e for p in self.cell.parameters for e in self.gradient_equations(p)]
        return [self.state_latex(), self.product_latex(), *gradients]

    def latex(self) -> str:
        """Return ``equations``, a blank line between them."""
        return "\n\n".join(self.equations())

    def _repr_latex_(self) -> str:
        return f"$\\displaystyle {self.product_latex()}$"

    def __repr__(self) -> str:
        """Return one line: whose they are, the state, and the number of parameters."""
        state, count = ", ".join(self.cell.states), len(self.cell.parameters)
        return f"<Bptt of {self.cell.name}: state {state}; {counted(count, 'parameter')}>"


def bptt(cell: Cell | str) -> Bptt:
    r"""Return the formulas of backpropagation through time for a cell.

    Parameters
    ----------
    cell
        The cell, its name, or ``"FILE.py:NAME"``.

    Returns
    -------
    Bptt
        ``equations()`` are state, product :math:`P(t,k)` and the gradient by every parameter.

    Examples
    --------
    >>> bptt("lstm").carousel_latex()
    {'c': '\\prod_{j=k+1}^{t} \\operatorname{diag}\\left( f_{j} \\right)'}
    """
    return Bptt(get(cell))
