"""Reads the printed bounds of any cell: words in, predicates on networks out.

Nothing is asked of the record behind the words: letters are what the printed hypotheses say they
are, the bound is the printed formula, and what is measured is the product of the Jacobians.
"""

import re
import textwrap
from dataclasses import dataclass
from functools import cached_property
from types import SimpleNamespace

import numpy as np

from gradflow.proofs.weights.values import map_array, values_along
from oracles.runs import product
from proofs.printed.statement import at_most, sigma, size

NORM = re.compile(r"(.+) is the largest singular value of (\S+), or above it")
SUP = re.compile(r"(.+) is finite: it bounds \|(.+)\| over units and steps")
LEAST = re.compile(r"(.+) bounds (.+) from below over units and steps")
BOX = re.compile(r"\|(\w+)\| <= 1 at the start, in every unit")
CLOCK = re.compile(r"(\S+) is 0 or 1 in every unit at every step")
KINK = re.compile(r"no unit sits on a kink at any step: (.+) != 0, where ReLU has a derivative")
FUNCTIONS = {"sigmoid": sigma, "tanh": np.tanh, "relu": lambda a: np.maximum(a, 0.0)}
CONE = "the change at k starts in the cone"
COMPARED = re.compile(r"(.+) (<=|>=) (.+)")
BLOCK = re.compile(r"\|d(\w+)'/d(\w+)\| <= ([^;:]+)")
ALONE = re.compile(r"\|d(\w+)_t\| >= \((.+)\)\^\(t-k\) \|d\w+_k\|, where .+ >= 0, whatever")
PART = re.compile(r"\|d(\w+)_t\| >= ")


def is_about(line, letter):
    """Whether a hypothesis says what a letter is."""
    return line.startswith(tuple(f"{letter} {verb}" for verb in ("is the", "is finite", "bounds")))


class Map:
    """A matrix that stands before a vector of every step."""

    def __init__(self, matrix):
        self.matrix = matrix

    def __mul__(self, along):
        return along @ self.matrix.T


def number(text, values):
    """The value of a printed formula, its letters replaced by numbers, longest first."""
    several = "|".join(map(re.escape, sorted(values, key=len, reverse=True)))
    text = re.sub(several, lambda m: f"({float(values[m[0]])!r})", text) if several else text
    text = re.sub(r"(?<=[\w)]) (?=[(\w])", " * ", text).replace("^", "**")
    return float(eval(text, {"__builtins__": {}}))


def named(run):
    """Every named value of every step: Python itself runs the declared equations."""
    cell, rows = run.cell, []
    if " if " in cell.equations:
        return dict(values_along(run))
    code = compile(textwrap.dedent(cell.equations).strip(), cell.name, "exec")
    for t in range(run.steps):
        values = FUNCTIONS | run.params | {p: s[t] for p, s in run.states.items()}
        values |= {n: x[t] for n, x in run.inputs.items()}
        given = set(values)
        exec(code, {"__builtins__": {}}, values)
        rows.append({n: v for n, v in values.items() if n not in given})
    return {n: np.array([row[n] for row in rows]) for n in rows[0]}


def measured(run, kind, text, values):
    """What a letter is at a run: the norm of a map, or the extreme of an expression over it."""
    cell = run.cell
    if kind == "norm":
        return size(map_array(cell, cell.linear_maps[text], run.params))
    known = values | {p: s[:-1] for p, s in run.states.items()}
    known |= {n: np.atleast_2d(a) for n, a in run.params.items() if n not in cell.linear_maps}
    known |= {n: Map(run.params[n]) for n in cell.linear_maps if n in run.params}
    found = eval(re.sub(r"(?<=\w) (?=\w)", " * ", text), {"__builtins__": {}}, known)
    return float(np.abs(found).max() if kind == "sup" else np.min(found))


@dataclass(frozen=True)
class Read:
    """One printed bound of a cell, ``upper`` or ``lower``."""

    claim: object

    @cached_property
    def words(self):
        return self.claim.plain().words

    @cached_property
    def lines(self):
        return self.claim.plain().hypotheses

    @cached_property
    def letters(self):
        """What each letter is, and of what."""
        found = {}
        for line in self.lines:
            for kind, form in (("norm", NORM), ("sup", SUP), ("least", LEAST)):
                if match := form.fullmatch(line):
                    found[match[1]] = (kind, match[2])
        return found

    def instance(self, run, rng):
        """Letters as they are at a run, some with room: norms and suprema larger, minima less."""
        values = named(run) if any(kind != "norm" for kind, _ in self.letters.values()) else {}
        true = {n: measured(run, *what, values) for n, what in self.letters.items()}
        room = {n: rng.choice([0.0, 0.0, 0.1, 1.0]) for n in true}
        said = {
            n: x - room[n] if self.letters[n][0] == "least" else x + room[n]
            for n, x in true.items()
        }
        return SimpleNamespace(run=run, true=true, said=said, kappa=0.0, v=None)

    def sizes(self, i):
        """The letters a, b, g, d and kappa of the printed cone, where there is one."""
        if not (match := re.match(r"with a = (.+), b = (.+), g = (.+), d = (.+?): ", self.words)):
            return i.said
        sizes = [number(text, i.said) for text in match.groups()]
        return dict(zip("abgd", sizes, strict=True)) | {"kappa": i.kappa}

    def holds(self, line, i):
        """Whether one printed hypothesis holds of an instance."""
        run = i.run
        for letter, (kind, _) in self.letters.items():
            if line.startswith(
                (f"{letter} is the largest", f"{letter} is finite", f"{letter} bounds")
            ):
                low, high = i.true[letter], i.said[letter]
                return at_most(high, low) if kind == "least" else at_most(low, high)
        if match := BOX.fullmatch(line):
            return np.abs(run.states[match[1]][0]).max() <= 1
        if match := CLOCK.fullmatch(line):
            return set(np.unique(values_along(run)[match[1]])) <= {0.0, 1.0}
        if KINK.fullmatch(line):
            return True  # where it fails there is no product
        if line.startswith(CONE):
            part = self.part(run)
            rest = np.delete(i.v, np.arange(run.width)[part])
            return at_most(np.linalg.norm(rest), i.kappa * np.linalg.norm(i.v[part]))
        left, sign, right = COMPARED.fullmatch(line).groups()
        low, high = (number(side, self.sizes(i)) for side in (left, right))
        return at_most(low, high) if sign == "<=" else at_most(high, low)

    def part(self, run):
        """The entries of the part that a cone is about."""
        return run.parts[PART.search(self.words)[1]]

    def concludes(self, i):
        """Whether what is printed is true of an instance."""
        words, run = self.words, i.run
        whole, steps = product(run), run.steps
        if match := re.match(r"\|P\(t, k\)\| <= \((.+)\)\^\(t-k\), for every", words):
            return at_most(size(whole), number(match[1], i.said) ** steps)
        if match := re.match(
            r"\|P\(t, k\) v\| >= \((.+)\)\^\(t-k\) \|v\| for every v, where", words
        ):
            least = np.linalg.svd(whole, compute_uv=False).min()
            return at_most(number(match[1], i.said) ** steps, least)
        if match := ALONE.match(words):
            last, first = whole[run.parts[match[1]]], run.parts[match[1]]
            at_once = number(match[2], i.said) ** steps * np.linalg.norm(i.v[first])
            return at_most(at_once, np.linalg.norm(last @ i.v))
        if words.startswith("with N the matrix"):
            return self._rows(i, whole)
        rate = re.search(r">= \((a - b kappa)\)\^\(t-k\)", words)[1]
        after, before = (np.linalg.norm(v[self.part(run)]) for v in (whole @ i.v, i.v))
        return at_most(number(rate, self.sizes(i)) ** steps * before, after)

    def _rows(self, i, whole):
        """The entries of N beside the blocks of every step, and its column sums over the run."""
        run, columns = i.run, dict.fromkeys(i.run.parts, 0.0)
        said = {(a, b): number(text, i.said) for a, b, text in BLOCK.findall(self.words)}
        for (_, part), entry in said.items():
            columns[part] += entry
        for j in run.jacobians():
            for out, rows in run.parts.items():
                for into, entries in run.parts.items():
                    if not at_most(size(j[rows, entries]), said.get((out, into), 0.0)):
                        return False
        growth = max(columns.values()) ** run.steps

        def total(v):
            return sum(np.linalg.norm(v[entries]) for entries in run.parts.values())

        return all(at_most(total(whole @ v), growth * total(v)) for v in np.eye(run.width))
