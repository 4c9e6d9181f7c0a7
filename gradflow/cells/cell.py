"""The declaration of a recurrent cell, ``s_t = F(s_{t-1}, x_t; theta)``, checked when made."""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from gradflow.cells.breaking import aligned_rows
from gradflow.cells.declaration import Declaration
from gradflow.cells.declared import Declared, read
from gradflow.cells.language.defined import Call
from gradflow.cells.language.program import Map, Statement
from gradflow.cells.language.syntax import Line
from gradflow.cells.parameters import initialize
from gradflow.cells.typeset import definition_latex, equation_latex
from gradflow.errors import UsageError, shown

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, init=False, repr=False)
class Cell:
    r"""A recurrent cell, declared as the equations a paper prints.

    ``declaration`` keeps what was written, ``declared`` what it means; the attributes below them
    give names, sizes and equations.

    Parameters
    ----------
    name
        Short name: the word by which the command line and the registry know the cell.
    equations
        One ``name = expression`` a line, each for one unit. ``h`` is a part of the previous state,
        ``h_next`` its new value; every other target is a named intermediate that later equations
        may use. The language is that of :mod:`gradflow.cells.language.syntax`; ``docs/declare.md``
        teaches it.
    define
        Functions of one's own, one ``name(arguments) = expression`` a line, which equations and
        later lines call: ``"LN(v) = (v - mean(v)) / sqrt(mean((v - mean(v))**2) + 1e-5)"``. One
        that mixes units, as this does, stays one factor of every derivative.
    state
        Names of the state parts in the order in which the whole state is flattened, each with its
        size in brackets where it is not ``hidden``: ``"h s[context]"``.
    inputs
        Names of the inputs, size ``input`` unless written.
    maps, vectors, scalars
        Names of the trained parameters. ``maps`` mix units (``W @ v``), ``vectors`` have one entry
        a unit, ``scalars`` one in all. Sizes follow from the equations; ``"W[context,input]"``
        states them.
    constants
        Names of values that are given and not trained: vectors, scalars (``"alpha[one]"``) and
        maps (``"D[hidden,input]"``, two sizes).
    masks
        For a trained map, the condition under which an entry may be non-zero, in ``row(v)`` and
        ``column(v)`` of vectors: ``{"W_H": "row(period) <= column(period)"}``.
    fixed
        Maps whose entries follow from a rule: ``{"S": "1 if row(index) == column(index) + 1
        else 0"}``, where ``index`` counts units from 0.
    outputs
        Names of equations that are outputs without being state.
    defaults
        What ``init`` uses for a parameter or constant where the caller says nothing: an
        initializer, a number or an array.
    forget_bias, input_bias
        Names of the bias that opens the way from state to state and of the one that lets new
        input in, where the cell has them; ``init(forget_bias=..., chrono=...)`` sets them.
    title, reference
        Full name; paper and equation numbers.

    Raises
    ------
    UsageError
        If a symbol is not declared or not used, sizes differ, a state part has no equation or
        equations form a cycle: which cell, which equation, what was found, what is allowed.

    Examples
    --------
    >>> leaky = Cell(
    ...     name="leaky",
    ...     state="h",
    ...     inputs="x",
    ...     maps="W U",
    ...     scalars="rate",
    ...     equations="h_next = (1 - rate) * h + rate * tanh(W @ x + U @ h)",
    ...     defaults={"rate": 0.5},
    ... )
    >>> leaky
    <Cell leaky: state h; 3 parameters>
    >>> {name: array.shape for name, array in leaky.init(hidden=4, inputs=2, rng=0).items()}
    {'W': (4, 2), 'U': (4, 4), 'rate': (1,)}
    """

    declaration: Declaration
    declared: Declared = field(compare=False)

    def __init__(
        self,
        *,
        name: str,
        equations: str,
        state: str,
        define: str = "",
        inputs: str = "",
        maps: str = "",
        vectors: str = "",
        scalars: str = "",
        constants: str = "",
        masks: Mapping[str, str] | None = None,
        fixed: Mapping[str, str] | None = None,
        outputs: str = "",
        defaults: Mapping[str, Any] | None = None,
        forget_bias: str = "",
        input_bias: str = "",
        title: str = "",
        reference: str = "",
    ) -> None:
        """Read and check the declaration."""
        declaration = Declaration(
            name=name,
            equations=equations,
            define=define,
            state=state,
            inputs=inputs,
            maps=maps,
            vectors=vectors,
            scalars=scalars,
            constants=constants,
            masks={} if masks is None else masks,
            fixed={} if fixed is None else fixed,
            outputs=outputs,
            defaults={} if defaults is None else defaults,
            forget_bias=forget_bias,
            input_bias=input_bias,
            title=title,
            reference=reference,
        )
        vars(self).update(declaration=declaration, declared=read(declaration))

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle the declaration and check it again on loading."""
        return _declare, (vars(self.declaration),)

    def __repr__(self) -> str:
        """Return one line: name, state and number of parameters."""
        count = len(self.parameters)
        trained = f"{count} parameter{'s' * (count != 1)}"
        return f"<Cell {self.name}: state {', '.join(self.states)}; {trained}>"

    @property
    def name(self) -> str:
        """Short name, the word of the command line and the registry."""
        return self.declaration.name

    @property
    def title(self) -> str:
        """Full name, or nothing."""
        return self.declaration.title

    @property
    def reference(self) -> str:
        """Paper and equation numbers, or nothing."""
        return self.declaration.reference

    @property
    def equations(self) -> str:
        """The equations as written."""
        return self.declaration.equations

    @property
    def defaults(self) -> Mapping[str, Any]:
        """What ``init`` uses where the caller says nothing."""
        return self.declaration.defaults

    @property
    def forget_bias(self) -> str:
        """Name of the bias that opens the way from state to state, or nothing."""
        return self.declaration.forget_bias

    @property
    def lines(self) -> tuple[Line, ...]:
        """The equations, read, in the author's order."""
        return self.declared.lines

    @property
    def states(self) -> tuple[str, ...]:
        """Names of the state parts, in the order of the whole state."""
        return self.declared.states

    @property
    def input_names(self) -> tuple[str, ...]:
        """Names of the inputs."""
        return self.declared.input_names

    @property
    def parameters(self) -> tuple[str, ...]:
        """Names of the trained parameters: maps, then vectors, then scalars."""
        return self.declared.parameters

    @property
    def constant_names(self) -> tuple[str, ...]:
        """Names of the values that are given and not trained."""
        return self.declared.constant_names

    @property
    def output_names(self) -> tuple[str, ...]:
        """Names of the equations that are outputs without being state."""
        return self.declared.output_names

    @property
    def linear_maps(self) -> Mapping[str, Map]:
        """The linear maps by name, with sizes, mask and rule."""
        return self.declared.linear_maps

    @property
    def spaces(self) -> Mapping[str, str]:
        """The space of every vector by name, those of the program included."""
        return self.declared.spaces

    @property
    def program(self) -> tuple[Statement, ...]:
        """The equations as elementwise statements and products."""
        return self.declared.program

    @property
    def sizes(self) -> tuple[str, ...]:
        """Names of the sizes a user chooses, states first; ``one`` is not among them."""
        return self.declared.sizes

    @property
    def moving(self) -> frozenset[str]:
        """Names that carry the time index ``t``: inputs and what an equation defines."""
        return self.declared.moving

    @property
    def calls(self) -> tuple[Call, ...]:
        """The calls of defined functions that mix units."""
        return self.declared.calls

    def shape_of(self, name: str) -> tuple[str, ...]:
        """Return the spaces of the axes of a parameter, constant, state part or input.

        Raises ``UsageError`` for any other name.
        """
        if not isinstance(name, str) or name not in {*self.linear_maps, *self.spaces}:
            known = (*self.parameters, *self.constant_names, *self.states, *self.input_names)
            raise UsageError(
                f"cell {self.name!r}: the name {shown(name)} is not in it; there are "
                f"{', '.join(known)}."
            )
        return self.declared.shape_of(name)

    def recurrent_maps(self) -> tuple[str, ...]:
        """Return the maps that act on something that depends on the previous state."""
        return self.declared.recurrent_maps()

    def equation_rows(self) -> tuple[tuple[str, str], ...]:
        """Return left and right-hand sides of the equations in LaTeX."""
        nodes = self.declared.nodes
        return tuple(equation_latex(line, self.states, self.moving, nodes) for line in self.lines)

    def definition_rows(self, only: Container[str] | None = None) -> tuple[tuple[str, str], ...]:
        """Return left and right-hand sides of the functions that the cell defines, in LaTeX."""
        return tuple(
            definition_latex(d) for d in self.declared.definitions if only is None or d.name in only
        )

    def latex(self) -> str:
        """Return the equations as one aligned LaTeX display, in the author's order.

        Functions of the cell's own follow below.
        """
        return aligned_rows([*self.equation_rows(), *self.definition_rows()])

    def _repr_latex_(self) -> str:
        return f"$\\displaystyle {self.latex()}$"

    def init(
        self, *, rng: int | np.random.Generator | None = None, **choices: Any
    ) -> dict[str, NDArray[np.float64]]:
        """Draw every parameter and constant, float64, from a seed or generator.

        ``choices`` are the sizes (``hidden=64``, ``inputs=10``), ``recurrent=`` and ``input_maps=``
        for all maps of a kind, ``forget_bias=`` or ``chrono=``, and by name an initializer, a
        number or an array for any parameter or constant;
        :func:`gradflow.cells.parameters.initialize` says more. Raises ``UsageError``.

        >>> import gradflow as gf
        >>> params = gf.cells.lstm.init(hidden=2, inputs=3, rng=0, forget_bias=3)
        >>> params["W_f"].shape, params["b_f"]
        ((2, 3), array([3., 3.]))
        """
        return initialize(self.declaration, self.declared, rng=rng, **choices)


def _declare(declaration: dict[str, Any]) -> Cell:
    return Cell(**declaration)
