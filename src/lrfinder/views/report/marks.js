"use strict";
// The marks of a figure, drawn on its canvas, whose pixels are devicePixelRatio times finer than those of the page.

const FONT = "12px system-ui, sans-serif";

/** A color of the style sheet, light or dark as the page is now: "ink", "card", or the number of a line. */
function colorOf(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${/^\d$/.test(name) ? "c" : ""}${name}`).trim();
}

/** Draw marks within the axes; a cross may stick out a little. */
function drawMarks(plot, marks) {
  const { ctx, bbox } = plot;
  const margin = 8 * devicePixelRatio;
  const labels = [];
  ctx.save();
  ctx.beginPath();
  ctx.rect(bbox.left - margin, bbox.top - margin, bbox.width + 2 * margin, bbox.height + 2 * margin);
  ctx.clip();
  for (const mark of marks) DRAW[mark.kind](plot, mark, labels);
  ctx.restore();
}

const DRAW = {
  band({ ctx, bbox, valToPos }, mark) {
    const within = (x) => Math.min(Math.max(valToPos(x, "x", true), bbox.left), bbox.left + bbox.width);
    const [from, to] = [within(mark.x), within(mark.to)];
    ctx.fillStyle = `${colorOf(mark.look.color)}2e`;
    ctx.fillRect(from, bbox.top, to - from, bbox.height);
  },

  rate({ ctx, bbox, valToPos }, mark) {
    const x = valToPos(mark.x, "x", true);
    if (x < bbox.left - 1 || x > bbox.left + bbox.width + 1) return;
    ctx.strokeStyle = colorOf(mark.look.color);
    ctx.lineWidth = mark.look.width * devicePixelRatio;
    ctx.setLineDash(mark.look.dash.map((length) => length * mark.look.width * devicePixelRatio));
    ctx.beginPath();
    ctx.moveTo(x, bbox.top);
    ctx.lineTo(x, bbox.top + bbox.height);
    ctx.stroke();
    ctx.setLineDash([]);
  },

  cross({ ctx, valToPos }, mark) {
    const [x, y, arm] = [valToPos(mark.x, "x", true), valToPos(mark.y, "y", true), 5 * devicePixelRatio];
    ctx.strokeStyle = colorOf(mark.look.color);
    ctx.lineWidth = 2.4 * devicePixelRatio;
    ctx.beginPath();
    ctx.moveTo(x - arm, y - arm);
    ctx.lineTo(x + arm, y + arm);
    ctx.moveTo(x + arm, y - arm);
    ctx.lineTo(x - arm, y + arm);
    ctx.stroke();
  },

  /** A dot, and a bar of one standard error above and below it. */
  error({ ctx, scales, valToPos }, mark) {
    const x = valToPos(mark.x, "x", true);
    const [y, low, high] = [0, -mark.error, mark.error].map((by) => valToPos(Math.max(mark.y + by, scales.y.min), "y", true));
    const [arm, radius] = [4 * devicePixelRatio, 3 * devicePixelRatio];
    ctx.strokeStyle = ctx.fillStyle = colorOf(mark.look.color);
    ctx.lineWidth = 1.8 * devicePixelRatio;
    ctx.beginPath();
    ctx.moveTo(x, low);
    ctx.lineTo(x, high);
    for (const end of [low, high]) {
      ctx.moveTo(x - arm, end);
      ctx.lineTo(x + arm, end);
    }
    ctx.stroke();
    ctx.beginPath();
    ctx.arc(x, y, radius, 0, 2 * Math.PI);
    ctx.fill();
  },

  /** A ring, and its label on the side that the curve leaves free. */
  place({ ctx, bbox, valToPos }, mark, labels) {
    const [x, y] = [valToPos(mark.x, "x", true), valToPos(mark.y, "y", true)];
    ctx.lineWidth = 2 * devicePixelRatio;
    ctx.strokeStyle = colorOf("ink");
    ctx.fillStyle = colorOf("card");
    ctx.beginPath();
    ctx.arc(x, y, 4.5 * devicePixelRatio, 0, 2 * Math.PI);
    ctx.fill();
    ctx.stroke();
    drawLabel(ctx, bbox, mark, x, y, labels);
  },
};

/** Leave out a label that would cover another: a narrow figure has no space for all, and the table of landmarks has them. */
function drawLabel(ctx, bbox, mark, x, y, labels) {
  ctx.font = FONT.replace("12px", `${12 * devicePixelRatio}px`);
  ctx.textAlign = "left";
  ctx.textBaseline = "middle";
  const [width, gap] = [ctx.measureText(mark.label).width, 9 * devicePixelRatio];
  const [right, down] = { above: [-width / 2, -2 * gap], below: [-width / 2, 2 * gap], left: [-width - gap, 0], right: [gap, 0] }[mark.beside];
  const left = Math.min(Math.max(x + right, bbox.left + 4), bbox.left + bbox.width - width - 4);
  if (labels.some((other) => Math.abs(other.y - y - down) < 2 * gap && left < other.left + other.width && other.left < left + width)) return;
  labels.push({ left, width, y: y + down });
  ctx.lineWidth = 4 * devicePixelRatio;
  ctx.strokeStyle = colorOf("card");
  ctx.strokeText(mark.label, left, y + down);
  ctx.fillStyle = colorOf("ink");
  ctx.fillText(mark.label, left, y + down);
}
