"""``{theorems} lstm``: the theorems of a cell as cards.

A card says PROVED where Coq has accepted this very statement and this very proof, by
``proved.json`` beside the pages, and the level of the exact arithmetic elsewhere. The file is
written anew, with Coq, by ``python docs/directives/theorems.py``, which takes minutes.
"""

import json
from html import escape
from pathlib import Path

from docutils import nodes
from sphinx.util.docutils import SphinxDirective

import gradflow as gf
from gradflow.proofs.cards.environment import sentence
from gradflow.proofs.claims.claim import MEANING, PROVED
from gradflow.proofs.claims.seal import entry

FILE = Path(__file__).parent.parent / "proved.json"


def levels(claims):
    """Return the level of each claim, and what it means: Coq's word where it is of this claim."""
    accepted = json.loads(FILE.read_text("utf-8"))
    found = {}
    for claim in claims:
        if accepted.get(claim.name) == entry(claim):
            found[claim.name] = PROVED, MEANING[PROVED]
        else:
            card = gf.proofs.card(claim, coq=False)
            found[claim.name] = card.level, card.checked
    return found


class Theorems(SphinxDirective):
    """A card a theorem."""

    required_arguments = 1

    def run(self):
        """Return the cards."""
        claims = gf.prove(self.arguments[0])
        told = levels(claims)
        return [node for claim in claims for node in self._card(claim, *told[claim.name])]

    def _card(self, claim, level, meaning):
        title = f"{sentence(claim.title or claim.name)}"
        says = [
            f"**{title}** `{claim.name}`",
            f"{sentence(claim.words)}.",
            f"$$ {claim.formula} $$",
        ]
        more = [f"- {text}" for text in claim.hypotheses]
        more += ["", f"*Not true:* {claim.false}."] if claim.false else []
        more += ["", f"*Left out:* {claim.scope}."] if claim.scope else []
        more += ["", f"*{level}:* {meaning}.", "", f"`gradflow theorem {claim.name} --format tex`"]
        badge = f'<p class="level {level.lower()}">{escape(level)}</p>'
        count = len(claim.hypotheses)
        assumed = f"{count} assumption{'s' * (count != 1)}, " if count else ""
        card = nodes.container(classes=["card"], ids=[claim.name.replace(".", "-")])
        card += nodes.raw("", badge, format="html")
        card += self.parse_text_to_nodes("\n\n".join(says))
        card += nodes.raw("", f"<details><summary>{assumed}level, LaTeX</summary>", format="html")
        card += self.parse_text_to_nodes("\n".join(more))
        card += nodes.raw("", "</details>", format="html")
        return [card]


def setup(app):
    """Add the directive."""
    app.add_directive("theorems", Theorems)


if __name__ == "__main__":
    accepted = {
        claim.name: entry(claim)
        for name in gf.cells.LIBRARY
        for claim in gf.prove(name)
        if claim.level == PROVED
    }
    FILE.write_text(json.dumps(accepted, indent=1, sort_keys=True) + "\n", "utf-8")
