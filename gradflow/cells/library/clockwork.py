"""The Clockwork RNN: modules of units that are computed only when their clock ticks."""

from gradflow.cells.cell import Cell
from gradflow.cells.initializers import clock_periods

clockwork = Cell(
    name="clockwork",
    title="Clockwork RNN",
    reference=(
        "Koutnik, Greff, Gomez & Schmidhuber, ICML 2014 (JMLR W&CP 32), eqs. 1-3: a module runs "
        "when t mod T_i = 0 and reads itself and slower modules"
    ),
    state="h",
    inputs="x",
    maps="W_H W_I",
    vectors="b",
    constants="period",
    masks={"W_H": "row(period) <= column(period)"},
    equations="""
        a = tanh(W_H @ h + W_I @ x + b)
        active = 1 if t % period == 0 else 0
        h_next = active * a + (1 - active) * h
    """,
    defaults={"period": clock_periods(8)},
)
