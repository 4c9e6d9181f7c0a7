"""Reading the name lists of a declaration, its masks and the rules of its fixed maps."""

from __future__ import annotations

import keyword
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import sympy as sp

from gradflow.cells.declaration import Declaration
from gradflow.cells.language.algebra import rule_to_sympy
from gradflow.cells.language.spaces import ONE
from gradflow.cells.language.syntax import NAME, is_reserved, names_in, parse_entries
from gradflow.errors import UsageError

_TOKEN = re.compile(r"([^\s\[\]]+)(?:\[([^\]]*)\])?")
_CELL_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.-]*")
_SIZES = {0: "no size", 1: "one size, as in [hidden]", 2: "two sizes, as in [hidden,input]"}

# field of the declaration, kind of its names, counts of sizes a name may carry, size if unsaid
_LISTS: tuple[tuple[str, str, tuple[int, ...], str | None], ...] = (
    ("state", "state part", (0, 1), "hidden"),
    ("inputs", "input", (0, 1), "input"),
    ("maps", "map", (0, 2), None),
    ("vectors", "vector", (0, 1), None),
    ("scalars", "scalar", (0,), ONE),
    ("constants", "constant", (0, 1, 2), None),
    ("fixed", "fixed map", (0, 2), None),
)
_MAP_KINDS = {"map": "learned", "constant": "constant", "fixed map": "fixed"}


@dataclass(frozen=True, kw_only=True)
class NameLists:
    """What a declaration says about its names.

    ``kinds`` gives the word for each name (``"state part"``, ``"map"``, ...), ``vectors`` and
    ``maps`` the sizes that are written, ``masks`` and ``entries`` the rules for entries of maps,
    ``in_rules`` the names that those rules use, ``outputs`` the equations that are outputs.
    """

    kinds: Mapping[str, str]
    vectors: Mapping[str, str | None]
    maps: Mapping[str, tuple[str | None, str | None]]
    masks: Mapping[str, sp.Basic]
    entries: Mapping[str, sp.Basic]
    in_rules: frozenset[str]
    outputs: tuple[str, ...]

    def of(self, *kinds: str) -> tuple[str, ...]:
        """Return the names of some kinds, in the order of declaration."""
        return tuple(name for name, kind in self.kinds.items() if kind in kinds)

    def map_kind(self, name: str) -> str:
        """Return ``learned``, ``constant`` or ``fixed`` for a linear map."""
        return _MAP_KINDS[self.kinds[name]]


def read_lists(declaration: Declaration) -> NameLists:
    """Read the lists of names and the rules of a declaration. Raises ``UsageError``."""
    place = declaration.place
    if not (isinstance(declaration.name, str) and _CELL_NAME.fullmatch(declaration.name)):
        raise UsageError(
            f"{place}: the name of a cell is a word of letters, digits and _ . -, "
            "starting with a letter; choose such a name."
        )
    for attribute in ("equations", "forget_bias", "input_bias", "title", "reference"):
        found = getattr(declaration, attribute)
        if not isinstance(found, str):
            raise UsageError(f"{place}, {attribute}: {found!r} is no text; write a string.")
    if not isinstance(declaration.defaults, Mapping):
        raise UsageError(
            f"{place}, defaults: {declaration.defaults!r} is no mapping from names to values."
        )
    kinds: dict[str, str] = {}
    vectors: dict[str, str | None] = {}
    maps: dict[str, tuple[str | None, str | None]] = {}
    for attribute, kind, counts, default in _LISTS:
        text = getattr(declaration, attribute)
        if attribute == "fixed":
            text = " ".join(_checked(text, f"{place}, fixed"))
        for name, spaces in read_list(text, f"{place}, {attribute}", counts).items():
            if name in kinds:
                raise UsageError(
                    f"{place}, {attribute}: {name!r} is declared as {kinds[name]} too; keep one."
                )
            kinds[name] = kind
            if kind in ("map", "fixed map") or len(spaces) == 2:
                out, into = spaces or (None, None)
                maps[name] = (out, into)
            else:
                vectors[name] = spaces[0] if spaces else default
    if "state part" not in kinds.values():
        raise UsageError(f"{place}: has no state part; declare one, for instance state='h'.")
    masks, entries, in_rules = _read_rules(declaration, kinds, vectors)
    return NameLists(
        kinds=kinds,
        vectors=vectors,
        maps=maps,
        masks=masks,
        entries=entries,
        in_rules=in_rules,
        outputs=tuple(read_list(declaration.outputs, f"{place}, outputs", (0,))),
    )


def _read_rules(
    declaration: Declaration, kinds: Mapping[str, str], vectors: Collection[str]
) -> tuple[dict[str, sp.Basic], dict[str, sp.Basic], frozenset[str]]:
    """Return the masks, the rules of fixed maps, and the names both use."""
    place = declaration.place
    given = {"index", *(n for n, kind in kinds.items() if kind == "constant" and n in vectors)}
    used: set[str] = set()

    def rule(text: str, where: str, mask: bool) -> sp.Basic:
        tree = parse_entries(text, where)
        expression = rule_to_sympy(tree, where, mask)
        names = names_in(tree)
        for name in names:
            if name not in given:
                raise UsageError(
                    f"{where}: uses {name!r}, a {kinds.get(name, 'name not declared')}; "
                    "allowed are row(v) and column(v) of index and of constant vectors."
                )
        used.update(names)
        return expression

    masks = {}
    for name, text in _checked(declaration.masks, f"{place}, masks").items():
        where = f"{place}, mask of {name!r}"
        if kinds.get(name) != "map":
            trained = ", ".join(n for n, kind in kinds.items() if kind == "map") or "none"
            raise UsageError(f"{where}: is no trained map; the trained maps are: {trained}.")
        masks[name] = rule(text, where, mask=True)
    fixed = [name for name, kind in kinds.items() if kind == "fixed map"]
    entries = {
        name: rule(text, f"{place}, fixed map {name!r}", mask=False)
        for name, text in zip(fixed, declaration.fixed.values(), strict=True)
    }
    return masks, entries, frozenset(used)


def _checked(rules: Any, place: str) -> Mapping[str, str]:
    """Return ``rules`` if it is a mapping from one name each to text."""
    if not isinstance(rules, Mapping):
        raise UsageError(f"{place}: {rules!r} is no mapping from the name of a map to its rule.")
    for key, text in rules.items():
        if not (isinstance(key, str) and isinstance(text, str)) or len(_TOKEN.findall(key)) != 1:
            raise UsageError(
                f"{place}: {key!r}: {text!r} is no rule; write for instance "
                "{'S[hidden,input]': '1 if row(index) == column(index) else 0'}."
            )
    return rules


def read_list(text: str, place: str, counts: tuple[int, ...]) -> dict[str, tuple[str, ...]]:
    """Read ``"W_i U[hidden,context] b"`` into names and the sizes written behind them.

    ``counts`` are the numbers of sizes that a name of this list may carry.
    """
    if not isinstance(text, str):
        raise UsageError(f"{place}: {text!r} is no text; write names such as 'h c s[context]'.")
    found: dict[str, tuple[str, ...]] = {}
    if _TOKEN.sub("", text).strip():
        raise UsageError(f"{place}: cannot read {text!r}; write names such as 'h c s[context]'.")
    for name, inside in _TOKEN.findall(text):
        spaces = tuple(s.strip() for s in inside.split(",")) if inside else ()
        if not NAME.fullmatch(name) or keyword.iskeyword(name):
            raise UsageError(f"{place}: {name!r} cannot be a name; use letters, digits and _.")
        if is_reserved(name):
            raise UsageError(f"{place}: {name!r} has a meaning in the language; use another name.")
        if name in found:
            raise UsageError(f"{place}: {name!r} is declared twice; keep one.")
        if len(spaces) not in counts or not all(NAME.fullmatch(s) for s in spaces):
            allowed = " or ".join(_SIZES[count] for count in counts)
            raise UsageError(f"{place}: {name}[{inside}] cannot be; {name!r} takes {allowed}.")
        found[name] = spaces
    return found
