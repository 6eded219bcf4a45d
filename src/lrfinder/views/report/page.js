"use strict";
// Draws all figures of the page, and again when colors change: for dark mode, and for paper.

const figures = JSON.parse(document.getElementById("figures").textContent);
const plots = [...document.querySelectorAll("figure[data-figure]")].map((root) => new Plot(root, figures[root.dataset.figure]));
const redraw = () => plots.forEach((plot) => plot.draw());
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
const closed = () => document.querySelectorAll("details:not([open], .points)");
let opened = [];
addEventListener("beforeprint", () => {
  opened = [...closed()];  // paper has no buttons
  for (const details of opened) details.open = true;
  redraw();
});
addEventListener("afterprint", () => {
  for (const details of opened) details.open = false;
  redraw();
});
performance.mark("lrfinder: drawn");
