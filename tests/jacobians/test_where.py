"""The list under the blocks: every gate that stands in one, defined, in the author's order."""

import gradflow as gf


def test_the_lstm_names_its_gates_and_its_memory_but_not_its_output():
    where = gf.jacobian(gf.cells.lstm).where_latex()
    order = [where.index(f"{name}_{{t}} &=") for name in "ifogc"]
    assert order == sorted(order)
    assert "h_{t} &=" not in where
    assert gf.jacobian(gf.cells.lstm).latex().endswith(where)


def test_a_name_a_gate_needs_is_listed_too_and_one_that_no_block_needs_is_not():
    cell = gf.Cell(
        name="two_deep",
        state="h",
        inputs="x",
        maps="U V",
        equations="""
            drive = V @ x
            k = sigmoid(drive)
            h_next = k * h + U @ x
        """,
    )
    where = gf.jacobian(cell).where_latex()
    assert r"\mathrm{drive}_{t} &= V" in where
    assert "h_{t} &=" not in where


def test_a_cell_without_names_has_no_list():
    assert gf.jacobian(gf.cells.scalar).where_latex() == ""
