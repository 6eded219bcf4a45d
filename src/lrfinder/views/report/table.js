"use strict";
// The table behind a figure, built when it is opened.

function element(name, text, attributes = {}) {
  const node = document.createElement(name);
  if (text !== undefined) node.textContent = text;
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  return node;
}

function row(cells, name, attributes) {
  const node = element("tr");
  node.append(...cells.map((cell) => element(name, cell, attributes)));
  return node;
}

/** One row per point of a line: the series of a group have the same x. */
function pointsTable(figure) {
  const groups = new Map(figure.series.map((series) => [series.group, []]));
  for (const series of figure.series) groups.get(series.group).push(series);
  const iterations = figure.series.some((series) => series.iterations);
  const names = new Set(figure.series.map((series) => (series.layer === "ends" ? figure.y.label : series.name)));
  const header = [...(groups.size > 1 ? ["line"] : []), ...(iterations ? ["iteration"] : []), figure.x.label, ...names];
  const head = element("thead");
  head.append(row(header, "th", { scope: "col" }));
  const body = element("tbody");
  for (const [group, all] of groups) {
    all[0].x.forEach((x, at) => {
      const first = [...(groups.size > 1 ? [group] : []), ...(iterations ? [all[0].iterations[at]] : []), digits(x)];
      body.append(row([...first, ...all.map((series) => digits(series.y[at]))], "td"));
    });
  }
  const table = element("table");
  table.append(element("caption", figure.title), head, body);
  const scroll = element("div", undefined, { class: "scroll", tabindex: "0", role: "region", "aria-label": `Points of: ${figure.title}` });
  scroll.append(table);
  return scroll;
}
