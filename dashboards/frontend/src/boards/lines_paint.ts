// What is painted on a chart beside its lines: bands, thresholds, marks.
import type uPlot from "uplot";
import type { ShownLines } from "./lines_shown";
import { palette } from "./palette";
import type { Mark } from "./shapes";

/** Runs of places that hold a value; a place that the line only passes through doesn't end one. */
export function runs(values: readonly (number | null | undefined)[]): [number, number][] {
  const found: [number, number][] = [];
  let begin = -1;
  values.forEach((value, at) => {
    if (value === null) begin = -1;
    else if (value !== undefined) {
      if (begin === -1) {
        begin = at;
        found.push([at, at]);
      }
      const last = found.at(-1);
      if (last !== undefined) last[1] = at;
    }
  });
  return found;
}

/** Paints within the chart's own field. */
export function clipped(plot: uPlot, work: () => void): void {
  const { ctx, bbox } = plot;
  ctx.save();
  ctx.beginPath();
  ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
  ctx.clip();
  work();
  ctx.restore();
}

/** Least to greatest of each line, under the lines. */
export function paintBands(plot: uPlot, shown: ShownLines): void {
  if (shown.bars) return;
  const { ctx } = plot;
  clipped(plot, () => {
    ctx.globalAlpha = shown.lines.length > 6 ? 0.16 : 0.24;
    const across = shown.aligned.t.map((at) => plot.valToPos(at, "x", true));
    shown.aligned.lines.forEach((line, at) => {
      if (!line.wide || shown.isHidden(at)) return;
      const scale = `y ${shown.unitOf(shown.lines[at])}`;
      // both axes are even: two places tell all others, and fifty lines of a year have 36,000
      const zero = plot.valToPos(0, scale, true);
      const one = plot.valToPos(1, scale, true) - zero;
      const corner = (value: number | null | undefined, index: number, first: boolean): void => {
        if (value === null || value === undefined) return;
        const x = across[index] ?? 0;
        const y = zero + value * one;
        if (first) ctx.moveTo(x, y);
        else ctx.lineTo(x, y);
      };
      ctx.fillStyle = shown.style(at).stroke;
      ctx.strokeStyle = ctx.fillStyle;
      ctx.lineWidth = devicePixelRatio;
      for (const [from, to] of runs(line.min)) {
        ctx.beginPath();
        for (let index = from; index <= to; index += 1) corner(line.max[index], index, index === from);
        for (let index = to; index >= from; index -= 1) corner(line.min[index], index, false);
        ctx.closePath();
        ctx.fill();
        ctx.stroke(); // a single spike is too narrow to be seen by its area
      }
    });
  });
}

/** Lines across where each axis reaches a threshold; where there are several axes, with the value in that axis's unit. */
export function paintThresholds(plot: uPlot, shown: ShownLines): void {
  const { ctx, bbox } = plot;
  const ratio = devicePixelRatio;
  const { tones, font, inkSoft } = palette();
  ctx.lineWidth = 1.5 * ratio;
  ctx.font = `${10 * ratio}px ${font}`;
  ctx.textBaseline = "bottom";
  for (const { from, tone } of shown.options.thresholds ?? []) {
    shown.axes.forEach(({ scale, unit }, at) => {
      const y = plot.valToPos(from, scale, true);
      ctx.setLineDash([8 * ratio, 5 * ratio]);
      ctx.strokeStyle = tones[tone];
      ctx.beginPath();
      ctx.moveTo(bbox.left, y);
      ctx.lineTo(bbox.left + bbox.width, y);
      ctx.stroke();
      if (shown.axes.length === 1) return;
      // at the side on which its axis stands
      ctx.textAlign = at === 0 ? "left" : "right";
      ctx.fillStyle = shown.axisColour(unit) ?? inkSoft;
      ctx.fillText(`${from}${shown.tickSymbol(unit)}`, bbox.left + (at === 0 ? 4 * ratio : bbox.width - 4 * ratio), y - 2 * ratio);
    });
  }
  ctx.setLineDash([]);
}

const MARK_TONES = ["good", "notice", "alarm", "critical"] as const;

/** A mark: a line from top to bottom with a shape at its head; what lasts has a bar along the top. */
export function paintMark(plot: uPlot, mark: Mark, faint: boolean, left: number, right: number): void {
  const { ctx, bbox } = plot;
  const ratio = devicePixelRatio;
  const colours = palette();
  const tone = MARK_TONES[mark.severity ?? 1] ?? "notice";
  const paint = mark.of === "permits" ? colours.inkSoft : colours.tones[tone];
  ctx.strokeStyle = paint;
  ctx.fillStyle = paint;
  ctx.lineWidth = ratio;
  ctx.globalAlpha = faint ? 0.25 : 0.75;
  ctx.setLineDash([3 * ratio, 3 * ratio]);
  ctx.beginPath();
  ctx.moveTo(left, bbox.top);
  ctx.lineTo(left, bbox.top + bbox.height);
  ctx.stroke();
  ctx.setLineDash([]);
  ctx.globalAlpha = 1;
  if (right - left > 2) ctx.fillRect(left, bbox.top, right - left, 3 * ratio);
  const size = 4.5 * ratio;
  const y = bbox.top + size;
  ctx.beginPath();
  if (mark.of === "permits") ctx.rect(left - size * 0.8, y - size * 0.8, size * 1.6, size * 1.6);
  else if (mark.of === "cases") ctx.rect(left - size, y - size * 0.7, size * 2, size * 1.4);
  else if (mark.severity === 3) polygon(ctx, [[left, y - size], [left + size, y], [left, y + size], [left - size, y]]);
  else if (mark.severity === 2) polygon(ctx, [[left, y - size], [left + size, y + size], [left - size, y + size]]);
  else ctx.arc(left, y, size * 0.9, 0, 2 * Math.PI);
  ctx.fill();
}

function polygon(ctx: CanvasRenderingContext2D, corners: readonly (readonly [number, number])[]): void {
  corners.forEach(([x, y], at) => (at === 0 ? ctx.moveTo(x, y) : ctx.lineTo(x, y)));
  ctx.closePath();
}
