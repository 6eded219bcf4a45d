// Draws the figures that the page holds as data, and lets the reader move in them. What is drawn was worked out before.
"use strict";

const DISTRIBUTIONS = { linear: 1, log: 3, symlog: 4 };  // uPlot's numbers for them
const DEEPEST = 1e-5;  // part of the whole width, below which zooming ends: floats run out
const LEAP = 0.1;  // part of a line that Page Up and Page Down go
const FONT = "12px system-ui, sans-serif";

/** About three digits, as a person writes them. */
function short(value) {
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-3 || size >= 1e5)) return value.toExponential(2).replace(/\.?0+e/, "e").replace("e+", "e");
  return String(Number(value.toPrecision(3)));
}

/** To a scale on which an axis is even, and back. */
function spacing(axis, scale) {
  if (scale === "log") return [Math.log10, (even) => 10 ** even];
  if (scale === "symlog") return [(value) => Math.asinh(value / axis.linear_below), (even) => Math.sinh(even) * axis.linear_below];
  return [(value) => value, (even) => even];
}

function evenTicks(low, high, most) {
  const rough = (high - low) / most;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((one) => one >= rough) ?? rough;
  const ticks = [];
  for (let count = Math.ceil(low / step); count * step <= high && ticks.length <= most; count++) ticks.push(Number((count * step).toPrecision(12)));
  return ticks;
}

/** Places for ticks: decades where there are several, 1, 2 and 5 of each where there are few, round numbers below that. */
function logTicks(low, high, most) {
  const decades = Math.log10(high) - Math.log10(low);
  if (decades < 1) return evenTicks(low, high, most);
  const factors = decades * 3 <= most ? [1, 2, 5] : [1];
  const every = Math.max(1, Math.ceil(decades / most));
  const ticks = [];
  for (let power = Math.ceil(Math.log10(low) / every) * every - every; power <= Math.log10(high); power += every) {
    ticks.push(...factors.map((factor) => Number(`${factor}e${power}`)).filter((tick) => tick >= low && tick <= high));
  }
  return ticks;
}

function symlogTicks(low, high, most, linearBelow) {
  const positive = high > linearBelow ? logTicks(Math.max(low, linearBelow), high, most / 2) : [];
  const negative = low < -linearBelow ? logTicks(Math.max(-high, linearBelow), -low, most / 2).map((tick) => -tick).reverse() : [];
  const ticks = [...negative, ...(low <= 0 && high >= 0 ? [0] : []), ...positive];
  return ticks.length > 2 ? ticks : evenTicks(low, high, most);
}

function ticksOf(axis, scale, low, high, most) {
  if (scale === "log") return logTicks(low, high, most);
  return scale === "symlog" ? symlogTicks(low, high, most, axis.linear_below) : evenTicks(low, high, most);
}

function element(name, text, attributes = {}) {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

class Plot {
  constructor(root, figure) {
    this.root = root;
    this.figure = figure;
    this.board = root.querySelector(".plot");
    this.output = root.querySelector("output");
    this.scales = { x: figure.x.scales[0], y: figure.y.scales[0] };
    this.hidden = new Set();  // groups and layers
    this.limits = { x: figure.x.limits, y: figure.y.limits };
    this.point = null;  // { series, at }: numbers of a series and of a point in it
    this.dot = element("div", undefined, { class: "dot" });
    this.wire();
    this.draw();
  }

  // --- what the reader can do

  wire() {
    for (const button of this.root.querySelectorAll("button")) button.addEventListener("click", () => this.press(button));
    this.board.addEventListener("keydown", (event) => {
      if (!event.ctrlKey && !event.metaKey && !event.altKey && this.key(event.key)) event.preventDefault();
    });
    const details = this.root.querySelector("details.points");
    details.addEventListener("toggle", () => details.childElementCount > 1 || details.append(this.table()));
    let width = this.board.clientWidth;
    new ResizeObserver(() => {
      if (this.board.clientWidth !== width) this.resize((width = this.board.clientWidth));
    }).observe(this.board);
  }

  press(button) {
    const { zoom, scale, group, layer } = button.dataset;
    if (zoom) return zoom === "whole" ? this.whole() : this.zoom(Number(zoom));
    const pressed = button.getAttribute("aria-pressed") !== "true";
    button.setAttribute("aria-pressed", String(pressed));
    if (scale) {
      this.scales[scale] = this.figure[scale].scales.find((one) => (one !== "linear") === pressed);
    } else {
      const key = group === undefined ? `layer ${layer}` : `group ${group}`;
      if (pressed) this.hidden.delete(key);
      else this.hidden.add(key);
    }
    if (this.point && !this.visible(this.series[this.point.series])) this.forget();
    this.draw();
  }

  key(key) {
    const leap = this.point ? Math.max(1, Math.round(this.series[this.point.series].x.length * LEAP)) : 1;
    const steps = { ArrowLeft: -1, ArrowRight: 1, PageDown: -leap, PageUp: leap, Home: -Infinity, End: Infinity };
    if (key in steps) return this.step(steps[key]);
    if (key === "ArrowUp" || key === "ArrowDown") return this.change(key === "ArrowUp" ? -1 : 1);
    if (key === "+" || key === "=") return this.zoom(2);
    if (key === "-") return this.zoom(0.5);
    return key === "Escape" && this.whole();
  }

  get series() {
    return this.figure.series;
  }

  visible(series) {
    return !this.hidden.has(`group ${series.group}`) && !this.hidden.has(`layer ${series.layer}`);
  }

  /** The numbers of the series that can be stepped through. */
  shown() {
    return [...this.series.keys()].filter((number) => this.visible(this.series[number]) && this.series[number].x.length);
  }

  step(by) {
    const start = this.point ?? { series: this.shown()[0], at: by === Infinity ? 0 : -by };
    if (start.series === undefined) return false;
    const last = this.series[start.series].x.length - 1;
    this.show({ series: start.series, at: Math.min(Math.max(start.at + by, 0), last) });
    return true;
  }

  change(by) {
    if (!this.point) return this.step(1);
    const shown = this.shown();
    const next = shown[(shown.indexOf(this.point.series) + by + shown.length) % shown.length];
    const x = this.series[this.point.series].x[this.point.at];
    const distances = this.series[next].x.map((one) => Math.abs(one - x));
    this.show({ series: next, at: distances.indexOf(Math.min(...distances)) });
    return true;
  }

  // --- where the reader looks

  whole() {
    this.look({ x: this.figure.x.limits, y: this.figure.y.limits });
    return true;
  }

  zoom(factor) {
    const middle = this.point && { x: this.series[this.point.series].x[this.point.at], y: this.series[this.point.series].y[this.point.at] };
    this.look({ x: this.around("x", middle?.x, factor), y: this.around("y", middle?.y, factor) });
    return true;
  }

  /** The limits of an axis, `factor` times closer, with `middle` where it was on the screen; never wider than the whole. */
  around(which, middle, factor) {
    const [even, back] = spacing(this.figure[which], this.scales[which]);
    const [low, high] = this.limits[which].map(even);
    const [lowest, highest] = this.figure[which].limits.map(even);
    const inside = middle !== undefined && even(middle) >= low && even(middle) <= high;
    const fixed = inside ? even(middle) : (low + high) / 2;
    const wide = [fixed - (fixed - low) / factor, fixed + (high - fixed) / factor];
    return [back(Math.max(wide[0], lowest)), back(Math.min(wide[1], highest))];
  }

  look(limits) {
    for (const which of ["x", "y"]) {
      const [even] = spacing(this.figure[which], this.scales[which]);
      const width = ([low, high]) => even(high) - even(low);
      if (width(limits[which]) > width(this.figure[which].limits) * DEEPEST) this.limits[which] = limits[which];
    }
    this.uplot.batch(() => {
      for (const which of ["x", "y"]) this.uplot.setScale(which, { min: this.limits[which][0], max: this.limits[which][1] });
    });
    this.placeDot();
  }

  /** What was dragged over becomes the whole; a drag along one axis leaves the other. */
  select() {
    const { left, top, width, height } = this.uplot.select;
    if (!width && !height) return;
    const at = (pixel, which) => this.uplot.posToVal(pixel, which);
    const across = width ? [at(left, "x"), at(left + width, "x")] : this.limits.x;
    const up = height ? [at(top + height, "y"), at(top, "y")] : this.limits.y;
    this.uplot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
    this.look({ x: across, y: up });
  }

  // --- the point that is read

  hover() {
    const { left, top } = this.uplot.cursor;
    if (left < 0 || top < 0) return;
    let nearest = null;
    let shortest = Infinity;
    for (const number of this.shown()) {
      const { x, y } = this.series[number];
      for (let at = 0; at < x.length; at++) {
        const distance = (this.uplot.valToPos(x[at], "x") - left) ** 2 + (this.uplot.valToPos(y[at], "y") - top) ** 2;
        if (distance < shortest) [nearest, shortest] = [{ series: number, at }, distance];
      }
    }
    if (nearest) this.show(nearest, false);
  }

  show(point, follow = true) {
    this.point = point;
    const series = this.series[point.series];
    if (follow) this.follow(series.x[point.at], series.y[point.at]);
    const text = this.words(series, point.at);
    this.output.textContent = text;
    for (const [name, value] of [["valuemin", 0], ["valuemax", series.x.length - 1], ["valuenow", point.at], ["valuetext", text]]) {
      this.board.setAttribute(`aria-${name}`, value);
    }
    this.placeDot();
  }

  forget() {
    this.point = null;
    this.output.textContent = "\u00a0";
    this.board.setAttribute("aria-valuetext", "no point");
  }

  words(series, at) {
    const several = new Set(this.series.map((one) => one.group)).size > 1;
    const name = several && series.name !== series.group ? `${series.group}, ${series.name}` : series.name;
    const iteration = series.iterations ? [`iteration ${series.iterations[at]}`] : [];
    const values = [`${this.figure.x.label} ${digits(series.x[at])}`, `${this.figure.y.label} ${digits(series.y[at])}`];
    return `${name}: ${[...iteration, ...values].join(", ")}`;
  }

  /** Move the view, as wide as it is, so that it holds the point: only as far as the whole goes. */
  follow(x, y) {
    const limits = { x: this.limits.x, y: this.limits.y };
    for (const [which, value] of [["x", x], ["y", y]]) {
      const [even, back] = spacing(this.figure[which], this.scales[which]);
      const [low, high] = limits[which].map(even);
      const [lowest, highest] = this.figure[which].limits.map(even);
      const at = Math.min(Math.max(even(value), lowest), highest);
      if (at >= low && at <= high) continue;
      const start = Math.min(Math.max(at - (high - low) / 2, lowest), highest - (high - low));
      limits[which] = [back(start), back(start + high - low)];
    }
    if (limits.x !== this.limits.x || limits.y !== this.limits.y) this.look(limits);
  }

  placeDot() {
    this.dot.hidden = !this.point;
    if (!this.point) return;
    const series = this.series[this.point.series];
    const { over } = this.uplot;
    const left = this.uplot.valToPos(series.x[this.point.at], "x");
    const top = Math.min(Math.max(this.uplot.valToPos(series.y[this.point.at], "y"), 0), over.clientHeight);
    this.dot.hidden = !(left >= -1 && left <= over.clientWidth + 1);
    this.dot.style.left = `${left}px`;
    this.dot.style.top = `${top}px`;
  }

  // --- drawing

  colour(name) {
    return getComputedStyle(document.documentElement).getPropertyValue(name === "ink" ? "--ink" : `--${/^\d$/.test(name) ? "c" : ""}${name}`).trim();
  }

  size(width = this.board.clientWidth) {
    return { width, height: Math.round(Math.min(Math.max(width * 0.5, 260), 440)) };
  }

  resize(width) {
    this.uplot.setSize(this.size(width));
    this.placeDot();
  }

  draw() {
    this.uplot?.destroy();
    const data = [null, ...this.series.map((series) => [series.x, series.y])];
    this.uplot = new uPlot(this.options(), data, this.board);
    this.uplot.over.append(this.dot);
    this.uplot.over.addEventListener("dblclick", () => this.whole());
    this.placeDot();
  }

  options() {
    return {
      mode: 2,
      ...this.size(),
      padding: [12, 14, 0, 0],
      legend: { show: false },
      cursor: { drag: { x: true, y: true, uni: 25, dist: 5, setScale: false }, points: { show: false }, bind: { dblclick: () => null } },
      scales: { x: this.scale("x"), y: this.scale("y") },
      axes: [this.axis("x"), this.axis("y")],
      series: [null, ...this.series.map((series) => this.line(series))],
      hooks: {
        drawAxes: [(u) => this.marks(u, ["band"])],
        draw: [(u) => this.marks(u, ["rate", "place", "cross"])],
        setCursor: [() => this.uplot && this.hover()],
        setSelect: [() => this.select()],
      },
    };
  }

  scale(which) {
    const [min, max] = this.limits[which];
    const axis = this.figure[which];
    return { time: false, auto: false, distr: DISTRIBUTIONS[this.scales[which]], asinh: axis.linear_below, min, max, range: (_, low, high) => [low, high] };
  }

  axis(which) {
    const axis = this.figure[which];
    const across = which === "x";
    const line = { stroke: this.colour("line"), width: 1 };
    return {
      scale: which,
      side: across ? 2 : 3,
      label: axis.label,
      labelSize: 22,
      labelFont: FONT,
      font: FONT,
      size: across ? 34 : 62,
      stroke: this.colour("soft"),
      grid: line,
      ticks: { ...line, size: 5 },
      splits: (u, _, low, high) => ticksOf(axis, this.scales[which], low, high, (across ? u.over.clientWidth / 80 : u.over.clientHeight / 45) || 5),
      filter: (_, splits) => splits,
      values: (_, splits) => splits.map(short),
    };
  }

  line(series) {
    const colour = this.colour(series.look.colour);
    const faint = series.layer === "raw" ? `${colour}${series.drawn === "points" ? "80" : "66"}` : colour;
    const size = series.layer === "raw" ? (series.x.length > 1000 ? 3 : 5) : 8;
    return {
      show: this.visible(series),
      stroke: faint,
      width: series.look.width,
      dash: series.look.dash,
      paths: series.drawn === "points" ? () => null : uPlot.paths.linear(),
      points: { show: series.drawn !== "line" || series.x.length === 1, size, width: 0, fill: faint, stroke: faint },
      facets: [{ scale: "x" }, { scale: "y" }],
    };
  }

  /** Draw the marks of these kinds, within the axes. */
  marks(u, kinds) {
    const { ctx, bbox } = u;
    ctx.save();
    ctx.beginPath();
    ctx.rect(bbox.left - 8, bbox.top - 8, bbox.width + 16, bbox.height + 16);
    ctx.clip();
    for (const mark of this.figure.marks) if (kinds.includes(mark.kind)) this[mark.kind](u, ctx, mark);
    ctx.restore();
  }

  band({ bbox, valToPos }, ctx, mark) {
    const [from, to] = [mark.x, mark.to].map((x) => Math.min(Math.max(valToPos(x, "x", true), bbox.left), bbox.left + bbox.width));
    ctx.fillStyle = `${this.colour(mark.look.colour)}2e`;
    ctx.fillRect(from, bbox.top, Math.max(to - from, devicePixelRatio), bbox.height);
  }

  rate({ bbox, valToPos }, ctx, mark) {
    const x = valToPos(mark.x, "x", true);
    if (x < bbox.left - 1 || x > bbox.left + bbox.width + 1) return;
    ctx.strokeStyle = this.colour(mark.look.colour);
    ctx.lineWidth = mark.look.width * devicePixelRatio;
    ctx.setLineDash(mark.look.dash.map((length) => length * devicePixelRatio));
    ctx.beginPath();
    ctx.moveTo(x, bbox.top);
    ctx.lineTo(x, bbox.top + bbox.height);
    ctx.stroke();
    ctx.setLineDash([]);
  }

  /** A ring, and its name on the side that the curve leaves free, within the axes. */
  place(u, ctx, mark) {
    const [x, y] = this.pixels(u, mark);
    const [ring, gap] = [4.5 * devicePixelRatio, 9 * devicePixelRatio];
    ctx.font = FONT.replace("12px", `${12 * devicePixelRatio}px`);
    ctx.textBaseline = "middle";
    ctx.lineWidth = 2 * devicePixelRatio;
    ctx.strokeStyle = this.colour("ink");
    ctx.fillStyle = this.colour("card");
    ctx.beginPath();
    ctx.arc(x, y, ring, 0, 2 * Math.PI);
    ctx.fill();
    ctx.stroke();
    const width = ctx.measureText(mark.label).width;
    const [dx, dy] = { above: [-width / 2, -2 * gap], below: [-width / 2, 2 * gap], left: [-width - gap, 0], right: [gap, 0] }[mark.beside];
    const left = Math.min(Math.max(x + dx, u.bbox.left + 4), u.bbox.left + u.bbox.width - width - 4);
    ctx.lineWidth = 4 * devicePixelRatio;
    ctx.strokeStyle = this.colour("card");
    ctx.strokeText(mark.label, left, y + dy);
    ctx.fillStyle = this.colour("ink");
    ctx.fillText(mark.label, left, y + dy);
  }

  cross(u, ctx, mark) {
    const [x, y] = this.pixels(u, mark);
    const arm = 5 * devicePixelRatio;
    ctx.strokeStyle = this.colour(mark.look.colour);
    ctx.lineWidth = 2.4 * devicePixelRatio;
    ctx.beginPath();
    ctx.moveTo(x - arm, y - arm);
    ctx.lineTo(x + arm, y + arm);
    ctx.moveTo(x + arm, y - arm);
    ctx.lineTo(x - arm, y + arm);
    ctx.stroke();
  }

  pixels(u, { x, y }) {
    return [u.valToPos(x, "x", true), u.valToPos(y, "y", true)];
  }

  // --- the table behind it

  /** A row for each place on a line: the series of a group share theirs. */
  table() {
    const groups = [...new Set(this.series.map((series) => series.group))];
    const names = this.figure.series.some((series) => series.layer === "ends") ? [this.figure.y.label] : [...new Set(this.series.map((series) => series.name))];
    const iterations = this.series.some((series) => series.iterations);
    const header = [...(groups.length > 1 ? ["line"] : []), ...(iterations ? ["iteration"] : []), this.figure.x.label, ...names];
    const table = element("table");
    const head = element("tr");
    head.append(...header.map((text) => element("th", text, { scope: "col" })));
    const body = element("tbody");
    for (const group of groups) {
      const all = this.series.filter((series) => series.group === group);
      all[0].x.forEach((x, at) => {
        const row = element("tr");
        const cells = [...(groups.length > 1 ? [group] : []), ...(iterations ? [all[0].iterations[at]] : []), digits(x), ...all.map((series) => digits(series.y[at]))];
        row.append(...cells.map((cell) => element("td", cell)));
        body.append(row);
      });
    }
    const top = element("thead");
    top.append(head);
    table.append(element("caption", this.figure.title), top, body);
    const scroll = element("div", undefined, { class: "scroll", tabindex: "0", role: "region", "aria-label": `Points of: ${this.figure.title}` });
    scroll.append(table);
    return scroll;
  }
}

/** A number with all its digits that the page has. */
function digits(value) {
  return String(value).replace("e+", "e");
}

const figures = JSON.parse(document.getElementById("figures").textContent);
const plots = [...document.querySelectorAll("figure[data-figure]")].map((root) => new Plot(root, figures[root.dataset.figure]));
const redraw = () => plots.forEach((plot) => plot.draw());
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
addEventListener("beforeprint", redraw);
addEventListener("afterprint", redraw);
performance.mark("lrfinder: drawn");
