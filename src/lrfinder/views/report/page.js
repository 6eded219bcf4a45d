"use strict";
// Draws all figures of the page, and again when colors change: for dark mode, and for paper.

const figures = JSON.parse(document.getElementById("figures").textContent);
const plots = [...document.querySelectorAll("figure[data-figure]")].map((root) => new Plot(root, figures[root.dataset.figure]));
const redraw = () => plots.forEach((plot) => plot.draw());
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
addEventListener("beforeprint", redraw);
addEventListener("afterprint", redraw);
performance.mark("lrfinder: drawn");
