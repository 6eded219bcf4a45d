"use strict";
// The marks of a figure, drawn on its canvas, whose pixels are devicePixelRatio times finer than those of the page.

const FONT = "12px system-ui, sans-serif";
const RING = 4.5;  // radius of a place, in pixels of the page

/** A color of the style sheet, light or dark as the page is now: "ink", "card", or the number of a line. */
function colorOf(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${/^\d$/.test(name) ? "c" : ""}${name}`).trim();
}

/** Draw marks within the axes; a cross may stick out a little. */
function drawMarks(plot, marks) {
  const { ctx, bbox } = plot;
  const margin = 8 * devicePixelRatio;
  const labels = marks.filter((mark) => mark.kind === "place").map((mark) => ringBox(plot, mark));
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

  /** A ring and its label, if the ring is in view. */
  place(plot, mark, labels) {
    const { ctx, bbox } = plot;
    const { x, y } = ringBox(plot, mark);
    const slack = devicePixelRatio;
    if (x < bbox.left - slack || x > bbox.left + bbox.width + slack || y < bbox.top - slack || y > bbox.top + bbox.height + slack) return;
    ctx.lineWidth = 2 * devicePixelRatio;
    ctx.strokeStyle = colorOf("ink");
    ctx.fillStyle = colorOf("card");
    ctx.beginPath();
    ctx.arc(x, y, RING * devicePixelRatio, 0, 2 * Math.PI);
    ctx.fill();
    ctx.stroke();
    drawLabel(ctx, bbox, mark, x, y, labels);
  },
};

/** What a ring covers: its middle, and the box around it. */
function ringBox({ valToPos }, mark) {
  const [x, y, reach] = [valToPos(mark.x, "x", true), valToPos(mark.y, "y", true), (RING + 1) * devicePixelRatio];
  return { x, y, left: x - reach, width: 2 * reach, top: y - reach, height: 2 * reach };
}

/** Draw a label where it covers no ring and no label, beside its ring if it can; a narrow figure has no space for all. */
function drawLabel(ctx, bbox, mark, x, y, labels) {
  ctx.font = FONT.replace("12px", `${12 * devicePixelRatio}px`);
  ctx.textAlign = "left";
  ctx.textBaseline = "middle";
  const [width, height, gap] = [ctx.measureText(mark.label).width, 14 * devicePixelRatio, 9 * devicePixelRatio];
  const moves = { above: [-width / 2, -2 * gap], below: [-width / 2, 2 * gap], left: [-width - gap, 0], right: [gap, 0] };
  const [low, high] = [bbox.left + 4, bbox.left + bbox.width - width - 4];
  for (const side of [mark.beside, ...Object.keys(moves)]) {
    const [right, down] = moves[side];
    const left = Math.min(Math.max(x + right, low), high);
    const box = { left, width, top: y + down - height / 2, height };
    const outside = box.top < bbox.top || box.top + height > bbox.top + bbox.height;
    if (outside || labels.some((other) => overlap(box, other))) continue;
    labels.push(box);
    ctx.lineWidth = 4 * devicePixelRatio;
    ctx.strokeStyle = colorOf("card");
    ctx.strokeText(mark.label, left, y + down);
    ctx.fillStyle = colorOf("ink");
    ctx.fillText(mark.label, left, y + down);
    return;
  }
}

function overlap(one, other) {
  const across = one.left < other.left + other.width && other.left < one.left + one.width;
  return across && one.top < other.top + other.height && other.top < one.top + one.height;
}

/** The points of series whose marker says which one it is. */
function drawEnds(plot, series) {
  const { ctx, bbox } = plot;
  ctx.save();
  ctx.beginPath();
  ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
  ctx.clip();
  for (const one of series) {
    const radius = one.look.size * 0.67 * devicePixelRatio;
    ctx.fillStyle = colorOf(one.look.color);
    placesOf(one).forEach((x, at) => {
      ctx.beginPath();
      MARKERS[one.look.marker](ctx, plot.valToPos(x, "x", true), plot.valToPos(one.y[at], "y", true), radius);
      ctx.fill();
    });
  }
  ctx.restore();
}

const MARKERS = {
  circle: (ctx, x, y, radius) => ctx.arc(x, y, radius, 0, 2 * Math.PI),
  diamond: (ctx, x, y, radius) => polygon(ctx, x, y, [[0, -1.25], [1.25, 0], [0, 1.25], [-1.25, 0]], radius),
  square: (ctx, x, y, radius) => polygon(ctx, x, y, [[-0.9, -0.9], [0.9, -0.9], [0.9, 0.9], [-0.9, 0.9]], radius),
  triangle: (ctx, x, y, radius) => polygon(ctx, x, y, [[-1.1, -0.9], [1.1, -0.9], [0, 1.1]], radius),
};

function polygon(ctx, x, y, corners, radius) {
  corners.forEach(([right, down]) => ctx.lineTo(x + right * radius, y + down * radius));
  ctx.closePath();
}
