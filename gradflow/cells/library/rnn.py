"""The vanilla recurrent network of Elman, with a selectable activation."""

from gradflow.cells.cell import Cell
from gradflow.cells.language.functions import FUNCTIONS
from gradflow.errors import UsageError


def rnn_with(activation: str) -> Cell:
    """Return the vanilla RNN with another elementwise activation, for instance ``"relu"``.

    Raises ``UsageError`` if the language has no such function of one argument.
    """
    known = [name for name, f in FUNCTIONS.usable() if f.most == 1]
    if activation not in known:
        raise UsageError(f"rnn: unknown activation {activation!r}; known are {', '.join(known)}.")
    return Cell(
        name="rnn" if activation == "tanh" else f"rnn_{activation}",
        title=f"Vanilla recurrent network, {activation}",
        reference=(
            "Elman, Cognitive Science 14 (1990); as in Pascanu, Mikolov & Bengio, ICML 2013, eq. 1"
        ),
        state="h",
        inputs="x",
        maps="W U",
        vectors="b",
        equations=f"h_next = {activation}(W @ x + U @ h + b)",
    )


rnn = rnn_with("tanh")
