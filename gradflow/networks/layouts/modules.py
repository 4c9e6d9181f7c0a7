"""Which recurrent modules of a torch file are read: all but copies under another wrapper."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass, field

from gradflow.errors import UsageError
from gradflow.networks.layouts.layout import Reading, require
from gradflow.networks.layouts.making.chain import natural

__all__ = ["Group", "chosen_groups", "tell_what_is_not_read", "unwrapped"]

_WRAPPERS = re.compile(
    r"^(?:(?:state_dict|model_state_dict|model_state|model|module|_orig_mod|net|network|weights)\.)+"
)


@dataclass(eq=False)
class Group:
    """The arrays of one layer in one direction: what they are to the name in the file."""

    prefix: str
    level: int
    reverse: bool
    names: dict[str, str] = field(default_factory=dict)


def chosen_groups(
    reading: Reading, groups: dict[tuple[str, int, bool], Group]
) -> tuple[list[Group], list[str]]:
    """Return the layers to read in their order, and what is left out because it is a copy."""
    modules: dict[str, list[Group]] = defaultdict(list)
    for group in groups.values():
        modules[group.prefix].append(group)
    only = reading.facts.take("only")
    if only is not None:
        taken = [p for p in modules if only in (p, unwrapped(p))]
        if not taken:
            names = ", ".join(repr(p) if p else "one without a name" for p in list(modules)[:8])
            raise UsageError(
                f"read: {reading.path} has no recurrent module {only!r} for only=...; it has "
                f"{names}."
            )
        left = [p for p in modules if p not in taken]
    else:
        # the same module under two wrappers is one module and a copy of it, such as an average
        short: dict[str, str] = {}
        for prefix in modules:
            entry = _entry(reading, prefix)
            core = prefix if entry is None else prefix.removeprefix(entry).strip(".")
            short.setdefault(_core(core), prefix)
        taken = list(short.values())
        left = [p for p in modules if p not in taken]
        if left:
            reading.facts.assume(
                f"of the copies of the network in the file, {taken[0]!r} was read, not "
                f"{', '.join(repr(p) for p in left[:4])}; choose another by only={left[0]!r}"
            )
    entries = [repr(e) for e in dict.fromkeys(_entry(reading, p) for p in taken) if e is not None]
    if entries:
        reading.facts.assume(f"the file holds a list, whose entry {', '.join(entries)} was read")
    taken = sorted(taken, key=natural) if _numbered(taken) else taken
    if len(taken) > 1:
        ends = {end for end in ("encoder", "decoder") if end in " ".join(taken).lower()}
        reading.facts.assume(
            f"{len(taken)} recurrent modules were found and are taken as a stack in the order of "
            f"the file: {', '.join(taken[:8])}; choose one by only={taken[0]!r}",
            warn=len(ends) == 2,
        )
    chosen = [g for p in taken for g in sorted(modules[p], key=lambda g: (g.level, g.reverse))]
    for first in (min(modules[p], key=lambda g: g.level) for p in taken):
        where = reading.where(next(iter(first.names.values())))
        require(first.level == 0, where, f"is of a layer l{first.level} without the l0 below it")
    return chosen, [n for p in left for g in modules[p] for n in g.names.values()]


def _entry(reading: Reading, prefix: str) -> str | None:
    """Return the entry of a pickled list that holds a module: ``"0"``, ``"models.1"``."""
    parts = prefix.split(".")
    lists = reading.contents.facts.get("lists", ())
    for end in range(len(parts), 0, -1):
        if ".".join(parts[: end - 1]) in lists:
            return ".".join(parts[:end])
    return None


def _core(prefix: str) -> str:
    """Return a module's path without wrappers and words for a moving average."""
    path = re.sub(r"(^|\.)(ema\w*|averaged\w*|swa\w*|shadow\w*|teacher)(?=\.|$)", ".", prefix)
    return unwrapped(path.strip("."))


def unwrapped(prefix: str) -> str:
    """Return a module's path without the wrappers in front of it."""
    return _WRAPPERS.sub("", f"{prefix}.").removesuffix(".")


def _numbered(prefixes: list[str]) -> bool:
    """Whether the modules are one list: their names differ in numbers alone."""
    return len({re.sub(r"\d+", "#", p) for p in prefixes}) == 1


def tell_what_is_not_read(
    reading: Reading, chosen: list[Group], used: set[str], skipped: list[str]
) -> None:
    """Warn of arrays among those of a recurrent module that no layer of torch has."""
    known = used | set(skipped)
    for prefix in dict.fromkeys(group.prefix for group in chosen):
        start = f"{prefix}." if prefix else ""
        among = [
            name
            for name in reading.contents.arrays
            if name.startswith(start) and name not in known
            if prefix or ("." not in name and name not in ("weight", "bias"))
        ]
        if among and not any(group.prefix.startswith(f"{prefix}.") for group in chosen):
            reading.facts.assume(
                f"the recurrent module has arrays that torch's own has not "
                f"({', '.join(among[:4])}{', ...' if len(among) > 4 else ''}), which are not read; "
                "if they act in its step, declare the cell and pass its arrays",
                warn=True,
            )
    beside = [
        n for n in reading.contents.arrays if n not in known and _normalises(reading, n, chosen)
    ]
    if beside:
        reading.facts.assume(
            f"arrays beside the recurrent module fit its units as a normalisation does "
            f"({', '.join(beside[:4])}{', ...' if len(beside) > 4 else ''}) and are not read; "
            "if they act within its step or between its layers, declare the cell and pass its "
            "arrays",
            warn=True,
        )
    for group in chosen:
        have = {"bias_ih", "bias_hh"} & set(group.names)
        if len(have) == 1:
            reading.facts.assume(
                f"of the two biases of torch, {group.names[have.pop()]!r} alone is in the file; "
                "zeros are taken for the other"
            )


def _normalises(reading: Reading, name: str, chosen: list[Group]) -> bool:
    """Whether a vector outside a module could scale its gates or its state."""
    arrays = reading.contents.arrays
    path, _, end = name.rpartition(".")
    matrix = arrays.get(f"{path}.weight")
    if (
        len(arrays[name].shape) != 1
        or end.startswith("running")
        or (matrix is not None and len(matrix.shape) > 1)
        or re.search(r"(^|\.)(optim\w*|exp_avg\w*|momentum\w*)(\.|$)", name)
    ):
        return False
    shapes = [arrays[n].shape for g in chosen for w, n in g.names.items() if w == "weight_hh"]
    rows = {shape[0] for shape in shapes if len(shape) == 2}
    units = {shape[1] for shape in shapes if len(shape) == 2}
    named = re.search(r"norm|(^|[._])(ln|bn)", path, re.IGNORECASE) is not None
    size = arrays[name].shape[0]
    return (size in rows and size not in units) or (named and size in rows | units)
