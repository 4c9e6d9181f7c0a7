// The page is complete without this: it copies formulas, and reads a curve where one points.
for (const part of document.querySelectorAll(".skip")) part.hidden = false;
for (const button of document.querySelectorAll("button[data-tex]"))
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(button.dataset.tex);
    button.textContent = "copied";
  });
