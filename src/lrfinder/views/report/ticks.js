"use strict";
// Numbers on axes: their spacing, ticks and text.

/** About three digits, as a person writes them. */
function short(value) {
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-3 || size >= 1e5)) return value.toExponential(2).replace(/\.?0+e/, "e").replace("e+", "e");
  return String(Number(value.toPrecision(3)));
}

/** The functions from values to a scale on which an axis is even, and back. */
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

/** Ticks: powers of ten if there are several; 1, 2 and 5 of each if there are few; round numbers within one decade. */
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

/** The ticks of the positive and of the negative part, as far as they fit next to 0. */
function symlogTicks(low, high, most, linearBelow) {
  const positive = high > linearBelow ? logTicks(Math.max(low, linearBelow), high, most / 2) : [];
  const negative = low < -linearBelow ? logTicks(Math.max(-high, linearBelow), -low, most / 2).map((tick) => -tick) : [];
  const even = (value) => Math.asinh(value / linearBelow);
  const gap = (even(high) - even(low)) / (1.5 * most);
  const ticks = low <= 0 && high >= 0 ? [0] : [];
  for (const tick of [...positive, ...negative]) {
    if (ticks.every((other) => Math.abs(even(other) - even(tick)) > gap)) ticks.push(tick);
  }
  return ticks.length > 2 ? ticks.sort((one, other) => one - other) : evenTicks(low, high, most);
}

function ticksOf(axis, scale, low, high, most) {
  if (scale === "log") return logTicks(low, high, most);
  return scale === "symlog" ? symlogTicks(low, high, most, axis.linear_below) : evenTicks(low, high, most);
}

/** A number to read beside a point. */
function reading(value) {
  return digits(Number(value.toPrecision(4)));
}

/** A number with all its digits in the page. */
function digits(value) {
  return String(value).replace("e+", "e");
}
