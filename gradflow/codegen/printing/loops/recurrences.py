"""Recurrences as compiled loops over time: the states of a run, and a covector pulled back.

Both go through time in chunks: what needs no other step is done for a whole chunk by large matrix
products, in arrays that stay in cache, and only the rest step by step.
"""

from __future__ import annotations

from gradflow.cells.cell import Cell
from gradflow.codegen.lowering.recurrence import Recurrence
from gradflow.codegen.printing.loops.words import offsets
from gradflow.codegen.printing.loops.writer import CHUNK, Tape, Writer


def forward_lines(cell: Cell, recurrence: Recurrence, tape: Tape | None = None) -> list[str]:
    """Return the loop that fills ``states`` (trajectories, T + 1, d) from its first entry on.

    With a ``tape`` it also fills that, (T, trajectories, width), for the pullback.
    """
    writer = Writer(cell, recurrence)
    part = offsets(cell.states, cell)
    copies = writer.tape_entries(tape, "start + k") if tape else []
    lines = [
        *writer.once(),
        *(
            f"{writer.part(p)}[:, :] = states[:, 0, {part[p]} : {part[p]} + {writer.size(p)}]"
            for p in cell.states
        ),
        f"for start in range(0, T, {CHUNK} // B + 1):",
        f"    count = min({CHUNK} // B + 1, T - start)",
        *("    " + line for line in writer.gather(())),
        *("    " + line for line in writer.before()),
        "    for k in range(count):",
        "        base = k * B",
        *("        " + line for line in [*writer.each(), *copies]),
    ]
    for p, new in zip(cell.states, recurrence.each.returns, strict=False):
        value = writer.one.entry[new.name]
        lines += [
            "        for s in range(B):",
            f"            for a in range({writer.size(p)}):",
            f"                {writer.part(p)}[s, a] = {value}",
            f"                states[s, start + k + 1, {part[p]} + a] = {value}",
        ]
    if tape:
        return writer.function("taped", ["tape"], "States of a run, and its tape.", lines)
    return writer.function("forward", [], "States of a run, from the first on.", lines)


def replay_lines(cell: Cell, recurrence: Recurrence, tape: Tape) -> list[str]:
    """Return :func:`pullback_lines` with all factors read from a ``tape``."""
    writer = Writer(cell, recurrence)
    writer.read_tape(tape)
    lines = [
        *writer.once(),
        *writer.seed(),
        "for k in range(T - 1, -1, -1):",
        *("    " + line for line in writer.each()),
        *("    " + line for line in writer.advance("T - k")),
    ]
    extra = ["u", "log_norm", "log_part", "rows", "tape"]
    return writer.function("replay", extra, "A covector pulled back through a tape.", lines)


def pullback_lines(cell: Cell, recurrence: Recurrence) -> list[str]:
    """Return the loop that pulls ``u`` (trajectories, d) back through ``states``.

    It writes natural logs of lengths, of each part and of the whole, (trajectories, parts, T + 1)
    and (trajectories, T + 1), lag 0 first, and directions ``rows`` (trajectories, T + 1, d), or the
    last alone where that has room for one.
    """
    writer = Writer(cell, recurrence)
    lines = [
        *writer.once(),
        *writer.seed(),
        f"step = {CHUNK} // B + 1",
        "for stop in range(T, 0, -step):",
        "    start = max(stop - step, 0)",
        "    count = stop - start",
        *("    " + line for line in writer.gather(cell.states)),
        *("    " + line for line in writer.before()),
        "    for k in range(count - 1, -1, -1):",
        "        base = k * B",
        *("        " + line for line in writer.each()),
        *("        " + line for line in writer.advance("T - start - k")),
    ]
    extra = ["u", "log_norm", "log_part", "rows"]
    return writer.function("pullback", extra, "A covector pulled back, last step first.", lines)
