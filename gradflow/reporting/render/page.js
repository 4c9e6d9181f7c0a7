// The page is complete without this: it copies formulas, turns dials, reads a curve where one points,
// and lets the keys reach a line that is wider than its column.
for (const part of document.querySelectorAll(".skip")) part.hidden = false;
for (const button of document.querySelectorAll("button[data-tex]"))
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(button.dataset.tex);
    button.textContent = "copied";
  });
const wide = new ResizeObserver(found => {
  for (const { target } of found)
    if (target.scrollWidth > target.clientWidth) target.tabIndex = 0;
    else target.removeAttribute("tabindex");
});
for (const line of document.querySelectorAll("details.sub p")) wide.observe(line);
const said = power => {
  if (power === null) return "exactly 0";
  if (power >= -3 && power < 5) return String(Number((10 ** power).toPrecision(2)));
  const whole = Math.floor(power), raised = { "-": "\u207b" };
  for (let digit = 0; digit < 10; digit++) raised[digit] = "\u2070\u00b9\u00b2\u00b3\u2074\u2075\u2076\u2077\u2078\u2079"[digit];
  return (10 ** (power - whole)).toFixed(1) + "\u00a0\u00d7\u00a010" + [...String(whole)].map(s => raised[s]).join("");
};
for (const figure of document.querySelectorAll("figure.drawing")) {
  const held = figure.querySelector("script");
  if (!held) continue;
  const [median, low, high] = JSON.parse(held.textContent), last = median.length - 1;
  const lag = figure.querySelector("input"), told = figure.querySelector("output");
  const drawings = [...figure.querySelectorAll("svg[data-across]")].map(svg => {
    const line = document.createElementNS(svg.namespaceURI, "path");
    line.setAttribute("class", "s-axis");
    svg.append(line);
    return { svg, line, ends: svg.dataset.across.split(" ").map(Number) };
  });
  const read = step => {
    for (const { svg, line, ends: [left, right] } of drawings) {
      const x = left + step / last * (right - left);
      line.setAttribute("d", `M${x} 26V${svg.viewBox.baseVal.height - 42}`);
    }
    lag.value = step;
    told.textContent = `${step} steps back: ${said(median[step])} left (80\u00a0% of runs: ${said(low[step])} to ${said(high[step])})`;
    lag.setAttribute("aria-valuetext", told.textContent);
  };
  lag.addEventListener("input", () => read(Number(lag.value)));
  for (const { svg, ends: [left, right] } of drawings)
    svg.addEventListener("pointermove", event => {
      const box = svg.getBoundingClientRect();
      const x = (event.clientX - box.left) / box.width * svg.viewBox.baseVal.width;
      read(Math.round(Math.max(0, Math.min(1, (x - left) / (right - left))) * last));
    });
}
for (const figure of document.querySelectorAll("figure.dial")) {
  const choices = [...figure.querySelectorAll(".choice")];
  const dial = figure.querySelector("input"), told = figure.querySelector("output");
  const choose = () => {
    choices.forEach((choice, place) => choice.hidden = place !== Number(dial.value));
    told.textContent = choices[dial.value].dataset.said;
    dial.setAttribute("aria-valuetext", told.textContent);
  };
  dial.addEventListener("input", choose);
  choose();
}
