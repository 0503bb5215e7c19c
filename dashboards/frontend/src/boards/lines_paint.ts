// What is painted on a chart beside its lines: bands, marks.
import type uPlot from "uplot";
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
