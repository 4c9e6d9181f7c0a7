"""Blocks that judge: the answer of a report, and cards that say whether something holds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from gradflow.errors import UsageError
from gradflow.reporting.document.checks import check_prose, check_string

__all__ = ["Answer", "Card", "Cards", "Judged", "Tone"]

Tone = Literal["good", "bad", "neutral"]


def _check_tone(block: object, tone: object) -> None:
    if tone not in get_args(Tone):
        name = type(block).__name__
        raise UsageError(f"{name}: tone is {tone!r}; it must be good, bad or neutral.")


@dataclass(frozen=True, kw_only=True)
class Judged:
    """What stands beside an answer.

    Parameters
    ----------
    word, note
        The judgement in a word or two, ``"Not enough"``, and what for.
    spread
        What the number was found to be over, and from where to where: pairs of text.
    remedy
        What would change it, as a sentence.
    chips
        Where the numbers come from, a few words each; the first is what must not be missed.
    """

    word: str
    note: str
    spread: Sequence[tuple[str, str]] = ()
    remedy: str = ""
    chips: Sequence[str] = ()

    def __post_init__(self) -> None:
        """Refuse what is no text."""
        for field in ("word", "note"):
            check_prose(self, field)
        check_prose(self, "remedy", empty=True)
        object.__setattr__(self, "spread", tuple((over, told) for over, told in self.spread))
        object.__setattr__(self, "chips", tuple(self.chips))
        for words in (*(part for pair in self.spread for part in pair), *self.chips):
            check_string("Judged: a part of spread or chips", words)


@dataclass(frozen=True)
class Answer:
    """The answer in one sentence, whether it is good news, and what stands beside it."""

    text: str
    tone: Tone
    judged: Judged | None = None

    def __post_init__(self) -> None:
        """Refuse empty text, an unknown tone, and what is no judgement."""
        check_prose(self, "text")
        _check_tone(self, self.tone)
        if not isinstance(self.judged, Judged | None):
            raise UsageError(f"Answer: judged is {self.judged!r}; it must be a Judged.")


@dataclass(frozen=True, kw_only=True)
class Card:
    """Something said of a network, and whether it was seen.

    Parameters
    ----------
    title
        What is said, in words.
    badge, where
        Verdict in capitals, such as ``SEEN``, and where it holds.
    tone
        Whether it was seen (good), in part (neutral) or not (bad).
    text
        The evidence, with its numbers.
    note
        Where it comes from.
    """

    title: str
    badge: str
    where: str
    tone: Tone
    text: str
    note: str = ""

    def __post_init__(self) -> None:
        """Refuse empty text and an unknown tone."""
        for field in ("title", "badge", "where", "text"):
            check_prose(self, field)
        check_prose(self, "note", empty=True)
        _check_tone(self, self.tone)


@dataclass(frozen=True)
class Cards:
    """Cards side by side."""

    cards: Sequence[Card]

    def __post_init__(self) -> None:
        """Refuse an empty list and what is no card."""
        if not isinstance(self.cards, Sequence) or not self.cards:
            raise UsageError(f"Cards: cards is {self.cards!r}; it must be a list of cards.")
        if not all(isinstance(card, Card) for card in self.cards):
            raise UsageError("Cards: cards has something that is no Card; make it one.")
        object.__setattr__(self, "cards", tuple(self.cards))
