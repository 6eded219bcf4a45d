"use strict";
// What is pointed out in a figure, drawn on its canvas, whose pixels are devicePixelRatio times finer than those of the page.

const FONT = "12px system-ui, sans-serif";

/** A colour of the style sheet as it is now, light or dark: "ink", "card", or the number of a line. */
function colourOf(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${/^\d$/.test(name) ? "c" : ""}${name}`).trim();
}

/** Draw marks within the axes, out of which a cross may stick a little. */
function drawMarks(plot, marks) {
  const { ctx, bbox } = plot;
  const room = 8 * devicePixelRatio;
  const labels = [];
  ctx.save();
  ctx.beginPath();
  ctx.rect(bbox.left - room, bbox.top - room, bbox.width + 2 * room, bbox.height + 2 * room);
  ctx.clip();
  for (const mark of marks) DRAW[mark.kind](plot, mark, labels);
  ctx.restore();
}

const DRAW = {
  band({ ctx, bbox, valToPos }, mark) {
    const within = (x) => Math.min(Math.max(valToPos(x, "x", true), bbox.left), bbox.left + bbox.width);
    const [from, to] = [within(mark.x), within(mark.to)];
    ctx.fillStyle = `${colourOf(mark.look.colour)}2e`;
    ctx.fillRect(from, bbox.top, to - from, bbox.height);
  },

  rate({ ctx, bbox, valToPos }, mark) {
    const x = valToPos(mark.x, "x", true);
    if (x < bbox.left - 1 || x > bbox.left + bbox.width + 1) return;
    ctx.strokeStyle = colourOf(mark.look.colour);
    ctx.lineWidth = mark.look.width * devicePixelRatio;
    ctx.setLineDash(mark.look.dash.map((length) => length * devicePixelRatio));
    ctx.beginPath();
    ctx.moveTo(x, bbox.top);
    ctx.lineTo(x, bbox.top + bbox.height);
    ctx.stroke();
    ctx.setLineDash([]);
  },

  cross({ ctx, valToPos }, mark) {
    const [x, y, arm] = [valToPos(mark.x, "x", true), valToPos(mark.y, "y", true), 5 * devicePixelRatio];
    ctx.strokeStyle = colourOf(mark.look.colour);
    ctx.lineWidth = 2.4 * devicePixelRatio;
    ctx.beginPath();
    ctx.moveTo(x - arm, y - arm);
    ctx.lineTo(x + arm, y + arm);
    ctx.moveTo(x + arm, y - arm);
    ctx.lineTo(x - arm, y + arm);
    ctx.stroke();
  },

  /** A ring, and its name on the side that the curve leaves free. */
  place({ ctx, bbox, valToPos }, mark, labels) {
    const [x, y] = [valToPos(mark.x, "x", true), valToPos(mark.y, "y", true)];
    ctx.lineWidth = 2 * devicePixelRatio;
    ctx.strokeStyle = colourOf("ink");
    ctx.fillStyle = colourOf("card");
    ctx.beginPath();
    ctx.arc(x, y, 4.5 * devicePixelRatio, 0, 2 * Math.PI);
    ctx.fill();
    ctx.stroke();
    drawLabel(ctx, bbox, mark, x, y, labels);
  },
};

/** Nothing where it would lie over another: a narrow figure has no room for all, and the table of landmarks has them. */
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
  ctx.strokeStyle = colourOf("card");
  ctx.strokeText(mark.label, left, y + down);
  ctx.fillStyle = colourOf("ink");
  ctx.fillText(mark.label, left, y + down);
}
