"use strict";
// One figure: it draws data of the page and lets the reader navigate. It computes nothing of what it draws.

const DISTRIBUTIONS = { linear: 1, log: 3, symlog: 4 };  // uPlot's numbers for them
const DEEPEST = 1e-5;  // part of the whole width, below which zooming ends: floats run out
const ROUNDING = 1e-9;  // part of the width, by which limits move when they are spaced and back
const EMPTY = { group: "", layer: "", drawn: "line", look: { color: "ink", dash: [] }, x: [], y: [] };  // uPlot needs a series
const PIXELS_PER_POINT = 4 / 3;  // CSS pixels
const NARROW = 480;  // pixels of a figure on a phone
const ASIDE = 12;  // pixels between a point and the text about it
const LEAP = 0.1;  // part of a line that Page Up and Page Down go

/** Where the points of a series are drawn: some are moved aside, because others would cover them. */
function placesOf(series) {
  return series.places ?? series.x;
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
    details.addEventListener("toggle", () => details.childElementCount > 1 || details.append(pointsTable(this.figure)));
    let width = this.board.clientWidth;
    new ResizeObserver(() => {
      if (this.board.clientWidth !== width) this.resize((width = this.board.clientWidth));
    }).observe(this.board);
  }

  press(button) {
    const { zoom, scale, group, layer } = button.dataset;
    if (zoom) return zoom === "reset" ? this.whole() : this.zoom(Number(zoom));
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

  get lines() {
    return this.series.length ? this.series : [EMPTY];
  }

  visible(series) {
    return !this.hidden.has(`group ${series.group}`) && !this.hidden.has(`layer ${series.layer}`);
  }

  marks() {
    return this.figure.marks.filter((mark) => !this.hidden.has(`group ${mark.group}`));
  }

  /** The numbers of the series that can be stepped through. */
  shown() {
    return [...this.series.keys()].filter((number) => this.visible(this.series[number]) && this.series[number].x.length);
  }

  /** Some points further; the first of these steps goes to the first point. */
  step(by) {
    const series = this.point?.series ?? this.shown()[0];
    if (series === undefined) return false;
    const at = this.point && Number.isFinite(by) ? this.point.at + by : by === Infinity ? Infinity : 0;
    this.show({ series, at: Math.min(Math.max(at, 0), this.series[series].x.length - 1) });
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
    const slack = (high - low) * ROUNDING;
    const inside = middle !== undefined && even(middle) >= low - slack && even(middle) <= high + slack;
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
      const { y } = this.series[number];
      const x = placesOf(this.series[number]);
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
    this.output.textContent = "";
    this.board.removeAttribute("aria-valuetext");
    this.placeDot();
  }

  words(series, at) {
    const several = new Set(this.series.map((one) => one.group)).size > 1;
    const name = several && series.name !== series.group ? `${series.group}, ${series.name}` : series.name;
    const iteration = series.iterations ? [`iteration ${series.iterations[at]}`] : [];
    const values = [`${this.figure.x.label} ${reading(series.x[at])}`, `${this.figure.y.label.split(",")[0]} ${reading(series.y[at])}`];
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
      const slack = (high - low) * ROUNDING;
      if (at >= low - slack && at <= high + slack) continue;
      const start = Math.min(Math.max(at - (high - low) / 2, lowest), highest - (high - low));
      limits[which] = [back(start), back(start + high - low)];
    }
    if (limits.x !== this.limits.x || limits.y !== this.limits.y) this.look(limits);
  }

  placeDot() {
    this.dot.hidden = this.output.hidden = !this.point;
    if (!this.point) return;
    const series = this.series[this.point.series];
    const { over } = this.uplot;
    const left = this.uplot.valToPos(placesOf(series)[this.point.at], "x");
    const top = Math.min(Math.max(this.uplot.valToPos(series.y[this.point.at], "y"), 0), over.clientHeight);
    this.dot.hidden = this.output.hidden = !(left >= -1 && left <= over.clientWidth + 1);
    this.dot.style.left = `${left}px`;
    this.dot.style.top = `${top}px`;
    this.placeOutput(left, top);
  }

  /** The text stands beside its point, on the side with more space, and within the figure. */
  placeOutput(left, top) {
    const { over } = this.uplot;
    const { offsetWidth: width, offsetHeight: height } = this.output;
    const beside = left < over.clientWidth / 2 ? left + ASIDE : left - ASIDE - width;
    const above = top > height + ASIDE ? top - ASIDE - height : top + ASIDE;
    this.output.style.left = `${Math.min(Math.max(beside, 0), Math.max(0, over.clientWidth - width))}px`;
    this.output.style.top = `${above}px`;
  }

  // --- drawing

  size(width = this.board.clientWidth) {
    return { width, height: Math.round(Math.min(Math.max(width * 0.5, 260), 440)) };
  }

  resize(width) {
    this.uplot.setSize(this.size(width));
    this.placeDot();
  }

  draw() {
    this.uplot?.destroy();
    const data = [null, ...this.lines.map((series) => [placesOf(series), series.y])];
    this.uplot = new uPlot(this.options(), data, this.board);
    this.uplot.over.append(this.dot, this.output);
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
      series: [null, ...this.lines.map((series) => this.line(series))],
      hooks: {
        drawAxes: [(u) => drawMarks(u, this.marks().filter((mark) => mark.kind === "band"))],
        draw: [(u) => drawEnds(u, this.series.filter((one) => one.layer === "ends" && this.visible(one))), (u) => drawMarks(u, this.marks().filter((mark) => mark.kind !== "band"))],
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
    const line = { stroke: colorOf("line"), width: 1 };
    return {
      scale: which,
      side: across ? 2 : 3,
      label: axis.label,
      labelSize: 22,
      labelFont: FONT,
      font: FONT,
      size: across ? 34 : this.board.clientWidth < NARROW ? 50 : 62,
      stroke: colorOf("soft"),
      grid: line,
      ticks: { ...line, size: 5 },
      splits: (u, _, low, high) => ticksOf(axis, this.scales[which], low, high, across ? u.width / 65 : u.height / 45),
      filter: (_, splits) => splits,
      values: (_, splits) => splits.map(short),
    };
  }

  line(series) {
    const opacity = Math.round(series.look.opacity * 255).toString(16).padStart(2, "0");
    const color = `${colorOf(series.look.color)}${opacity}`;
    const dotted = series.layer !== "ends" && (series.drawn !== "line" || series.x.length === 1);
    const size = series.layer !== "raw" ? series.look.size * PIXELS_PER_POINT : series.x.length > 1000 ? 3 : series.look.size;
    return {
      show: this.visible(series),
      stroke: color,
      width: series.look.width,
      dash: series.look.dash.map((length) => length * series.look.width),
      paths: series.drawn === "points" ? () => null : uPlot.paths.linear(),
      points: { show: dotted, filter: (_, __, show) => (show ? series.x.keys() : null), size, width: 0, fill: color, stroke: color },
      facets: [{ scale: "x" }, { scale: "y" }],
    };
  }
}
