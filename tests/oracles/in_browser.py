"""What a browser is asked about a page: its boxes, its colours, and what the keys reach.

Each script ends by telling the window above it the width of the page and what is wrong with it.
"""

__all__ = ["AUDIT", "BOXES"]


def told(script, wait):
    """Return a script that tells what it found, after so many milliseconds."""
    return f"""<script>setTimeout(() => {{
  const width = document.documentElement.clientWidth, bad = [];
{script}  parent.postMessage(JSON.stringify([width, bad]), "*");
}}, {wait})</script>"""


# what stands in a scroller of its own may be wider than the page
_BOXES = """  const own = e => e.closest(".scroll, thead, pre, p:has(math)");
  if (document.documentElement.scrollWidth > width) bad.push("the page scrolls");
  for (const e of document.querySelectorAll("body *:not(script):not(style)")) {
    const box = e.getBoundingClientRect();
    if (!box.width || e.closest("svg") || own(e) || !e.checkVisibility()) continue;
    if (box.right > width + 1 || box.left < -1)
      bad.push("outside: " + e.tagName + " " + e.textContent.slice(0, 50));
  }
  const texts = [...document.querySelectorAll("svg text")]
    .filter(t => t.getBoundingClientRect().width);
  const boxes = texts.map(t => [t, t.getBoundingClientRect(), t.ownerSVGElement]);
  for (const [t, box, svg] of boxes) {
    const frame = svg.getBoundingClientRect();
    if (box.right > frame.right + 2 || box.left < frame.left - 2 || box.bottom > frame.bottom + 2)
      bad.push("beyond its drawing: " + t.textContent);
    if (parseFloat(getComputedStyle(t).fontSize) * t.getScreenCTM().a < 11.5)
      bad.push("small: " + t.textContent);
  }
  for (let i = 0; i < boxes.length; i++) for (let j = i + 1; j < boxes.length; j++) {
    if (boxes[i][2] !== boxes[j][2]) continue;
    const a = boxes[i][1], b = boxes[j][1];
    if (Math.min(a.right, b.right) - Math.max(a.left, b.left) > 2
        && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 3)
      bad.push("over one another: " + boxes[i][0].textContent + " / " + boxes[j][0].textContent);
  }
  const ids = [...document.querySelectorAll("[id]")].map(e => e.id);
  if (new Set(ids).size < ids.length) bad.push("an id stands twice");
  for (const r of performance.getEntriesByType("resource")) bad.push("loads " + r.name);
"""
# the contrast is that of WCAG 2, of text on the first background behind it; 3 is for large text
_SEEN = """
  const colour = told => {
    const [r, g, b, a = 1] = told.match(/[\\d.]+/g).map(Number);
    return { parts: [r, g, b], clear: a === 0 };
  };
  const light = ({ parts }) => parts.map(c => c / 255)
    .map(c => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
    .reduce((sum, c, place) => sum + c * [0.2126, 0.7152, 0.0722][place], 0);
  const behind = e => {
    for (; e; e = e.parentElement) {
      const found = colour(getComputedStyle(e).backgroundColor);
      if (!found.clear) return found;
    }
    return colour("rgb(255, 255, 255)");
  };
  for (const e of document.querySelectorAll("body *:not(script):not(style):not(title)")) {
    const own = [...e.childNodes].some(n => n.nodeType === 3 && n.data.trim());
    if (!own || !e.checkVisibility() || !e.getBoundingClientRect().width) continue;
    const look = getComputedStyle(e), size = parseFloat(look.fontSize);
    const ink = light(colour(e.closest("svg") ? look.fill : look.color)), paper = light(behind(e));
    const ratio = (Math.max(ink, paper) + 0.05) / (Math.min(ink, paper) + 0.05);
    const large = size >= 24 || size >= 18.66 && look.fontWeight >= 700;
    if (ratio < (large ? 3 : 4.5))
      bad.push("pale, " + ratio.toFixed(2) + ": " + e.textContent.slice(0, 50));
  }
"""
_KEYS = """
  for (const e of document.querySelectorAll("body *")) {
    const { overflowX, overflowY } = getComputedStyle(e);
    const across = /auto|scroll/.test(overflowX) && e.scrollWidth > e.clientWidth;
    const down = /auto|scroll/.test(overflowY) && e.scrollHeight > e.clientHeight;
    if ((across || down) && e.tabIndex < 0)
      bad.push("no key reaches: " + e.tagName + " " + e.textContent.slice(0, 50));
    if (e.tabIndex > 0) bad.push("its own place in the order of keys: " + e.tagName);
  }
  for (const e of document.querySelectorAll("input")) {
    if (!e.labels.length || !e.labels[0].textContent.trim()) bad.push("an input has no name");
    e.value = e.max;
    e.dispatchEvent(new Event("input"));
    if (!e.getAttribute("aria-valuetext")) bad.push("an input says only its place");
  }
"""
_OPEN = """<script>for (const e of document.querySelectorAll("details")) e.open = true;</script>"""

BOXES = told(_BOXES, 400)
"""Nothing is cut, overlaps, is small, scrolls sideways, or loads; no id stands twice."""
AUDIT = _OPEN + told(_BOXES + _SEEN + _KEYS, 400)
"""All of that with everything unfolded, and contrast, reach by keyboard and names of sliders."""
