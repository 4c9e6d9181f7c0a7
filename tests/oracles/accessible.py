"""A page read as a checker of accessibility reads it: what a person without eyes or mouse needs.

The rules are those that such checkers call serious: valid nesting, names of controls, headings in
order, headers of tables, alternatives of drawings, the language, landmarks, what scrolls reachable
by keyboard, and contrast by the formula of WCAG 2.
"""

import re
from html.parser import HTMLParser
from itertools import pairwise

VOID = {"area", "base", "br", "col", "hr", "img", "input", "link", "meta", "wbr"}
NAMED = {"button", "input", "select", "textarea", "a", "summary"}


class Element:
    """One element: its tag, attributes, parent, and what stands inside."""

    def __init__(self, tag, attributes, parent):
        self.tag, self.attributes, self.parent = tag, dict(attributes), parent
        self.children = []

    def all(self):
        """Yield this element and all below it."""
        yield self
        for child in self.children:
            if isinstance(child, Element):
                yield from child.all()

    def text(self):
        """Return its text."""
        return "".join(c if isinstance(c, str) else c.text() for c in self.children)


class Tree(HTMLParser):
    """The tree of a page, and what is wrong with its nesting."""

    def __init__(self, page):
        super().__init__()
        self.root = self.open = Element("", (), None)
        self.wrong = []
        self.feed(page)
        self.close()
        if self.open is not self.root:
            self.wrong.append(f"<{self.open.tag}> is not closed")

    def handle_starttag(self, tag, attributes):
        """Open an element."""
        names = [name for name, _ in attributes]
        if len(set(names)) < len(names):
            self.wrong.append(f"<{tag}> has an attribute twice")
        made = Element(tag, attributes, self.open)
        self.open.children.append(made)
        if tag not in VOID:
            self.open = made

    def handle_startendtag(self, tag, attributes):
        """Take an element that closes itself, as those of SVG may."""
        self.open.children.append(Element(tag, attributes, self.open))

    def handle_endtag(self, tag):
        """Close an element."""
        if tag != self.open.tag:
            self.wrong.append(f"</{tag}> closes <{self.open.tag}>")
            return
        self.open = self.open.parent

    def handle_data(self, data):
        """Keep text."""
        self.open.children.append(data)


def findings(page):
    """Return what a page lacks, a sentence each."""
    tree = Tree(page)
    found = list(tree.wrong)
    every = list(tree.root.all())

    def of(*tags):
        return [e for e in every if e.tag in tags]

    ids = [e.attributes["id"] for e in every if "id" in e.attributes]
    found += [f"the id {i} stands twice" for i in {i for i in ids if ids.count(i) > 1}]
    if not any(e.attributes.get("lang") for e in of("html")):
        found.append("the page says no language")
    if not "".join(e.text() for e in of("title") if e.parent.tag == "head").strip():
        found.append("the page has no title")
    if len(of("main")) != 1:
        found.append("the page has not one main part")
    levels = [int(e.tag[1]) for e in of("h1", "h2", "h3", "h4", "h5", "h6")]
    if levels.count(1) != 1 or levels[:1] != [1]:
        found.append("the page does not begin with its one title")
    found += [
        f"h{after} follows h{before}" for before, after in pairwise(levels) if after > before + 1
    ]
    labels = {e.attributes.get("for") for e in of("label") if e.text().strip()}
    for e in of(*NAMED):
        named = e.text().strip() or e.attributes.get("aria-label")
        if not named and e.attributes.get("id") not in labels:
            found.append(f"<{e.tag}> has no name")
    for e in of("table"):
        heads = [c for c in e.all() if c.tag == "th"]
        if not heads or not all(c.attributes.get("scope") in ("col", "row") for c in heads):
            found.append("a table has no headers that say what they are of")
        for row in (c for c in e.all() if c.tag == "tr"):
            first = [c for c in row.children if isinstance(c, Element)][:1]
            if first and first[0].tag != "th":
                found.append("a row of a table has no header")
    for e in of("svg"):
        hidden = e.attributes.get("aria-hidden") == "true"
        inside = [a for a in _above(e) if a.attributes.get("aria-label")]
        title = any(c.tag == "title" and c.text().strip() for c in e.all())
        named = e.attributes.get("role") == "img" and (title or e.attributes.get("aria-label"))
        if not (hidden or named or any(a.attributes.get("role") == "img" for a in inside)):
            found.append("a drawing has no words in its place")
    for e in every:
        scrolls = e.tag == "pre" or "scroll" in e.attributes.get("class", "").split()
        if scrolls and e.attributes.get("tabindex") != "0":
            found.append(f"<{e.tag}> scrolls and no key reaches it")
        if int(e.attributes.get("tabindex", 0)) > 0:
            found.append(f"<{e.tag}> has its own place in the order of keys")
    return found


def _above(element):
    while element.parent is not None:
        element = element.parent
        yield element


def palettes(style):
    """Return the colours of a style sheet by name: in the light, and in the dark."""
    light, rest = style.split("@media screen and (prefers-color-scheme: dark)", 1)
    dark = rest.split("\n}\n", 1)[0]
    read = re.compile(r"--([a-z0-9-]+): (#[0-9a-f]{3,6})")
    first = dict(read.findall(light))
    return {"light": first, "dark": {**first, **dict(read.findall(dark))}}


def contrast(one, other):
    """Return the contrast of two colours by WCAG 2.

    >>> contrast("#000", "#ffffff")
    21.0
    """
    lighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(colour):
    digits = colour[1:]
    digits = "".join(d * 2 for d in digits) if len(digits) == 3 else digits
    parts = [int(digits[k : k + 2], 16) / 255 for k in (0, 2, 4)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return sum(w * c for w, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))
