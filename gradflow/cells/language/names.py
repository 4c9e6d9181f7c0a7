"""Fresh names: the one place where a name is made that meets no other."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import count

__all__ = ["Names"]


def _none(name: str) -> bool:
    return False


class Names:
    """Names in use, each as it is written, and fresh ones beside them.

    A name that is ``refused`` (a word that generated source needs itself) is written with ``mark``
    behind it, as often as it takes. Every target writes symbols by such an object, so no two ever
    share a name.

    >>> names = Names(["h", "exp"], refused={"exp"}.__contains__)
    >>> names("h"), names("exp"), names.fresh("h"), next(names.numbered("v"))
    ('h', 'exp_', 'h_', 'v0')
    """

    def __init__(
        self, used: Iterable[str], *, refused: Callable[[str], bool] = _none, mark: str = "_"
    ) -> None:
        """Take all of ``used``; decide how each of them is written."""
        self._taken = {*used}
        self._refused, self._mark = refused, mark
        self.written: dict[str, str] = {}
        for name in sorted(self._taken):
            if refused(name):
                self.written[name] = self.fresh(name)

    def __call__(self, name: str) -> str:
        """Return a name as it is written."""
        return self.written.get(name, name)

    def fresh(self, name: str) -> str:
        """Return ``name``, or a longer one where that is taken or refused, and take it."""
        while name in self._taken or self._refused(name):
            name += self._mark
        self._taken.add(name)
        return name

    def numbered(self, stem: str) -> Iterator[str]:
        """Yield fresh names ``stem0``, ``stem1``, ..., numbers whose name is taken left out."""
        for number in count():
            name = f"{stem}{number}"
            if name not in self._taken and not self._refused(name):
                self._taken.add(name)
                yield name
