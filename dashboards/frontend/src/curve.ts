// What the chart shows, as plain arrays: gaps, value range, alert bands, spans.
import type { AlertBand } from "./answers";

/** times (Unix ms), mean, least, greatest; null where nothing was measured. */
export type Curve = [number[], (number | null)[], (number | null)[], (number | null)[]];

/** A silence much longer than the usual intervals is a gap: the line must not pretend. Some devices speak unevenly. */
function longestUsual(steps: readonly number[]): number {
  const ordered = [...steps].sort((one, other) => one - other);
  const at = (share: number): number => ordered[Math.floor((ordered.length - 1) * share)] ?? 0;
  return Math.max(4 * at(0.5), 2 * at(0.9));
}

/** The curve with an empty place in the middle of every gap. */
export function withGaps(data: readonly [number[], number[], number[], number[]]): Curve {
  const [times, mean, least, greatest] = data;
  const steps = times.slice(1).map((at, index) => at - (times[index] ?? at));
  const limit = longestUsual(steps);
  const curve: Curve = [[], [], [], []];
  times.forEach((at, index) => {
    const before = times[index - 1];
    if (before !== undefined && limit > 0 && at - before > limit) push(curve, (at + before) / 2, null, null, null);
    push(curve, at, mean[index] ?? null, least[index] ?? null, greatest[index] ?? null);
  });
  return curve;
}

function push(curve: Curve, at: number, mean: number | null, least: number | null, greatest: number | null): void {
  curve[0].push(at);
  curve[1].push(mean);
  curve[2].push(least);
  curve[3].push(greatest);
}

/** The value axis: a tenth of room on both sides, and never so narrow that noise looks like news. */
export function valueRange(least: number, greatest: number, decimals: number): [number, number] {
  const smallest = 20 * 10 ** -decimals;
  const span = greatest - least;
  const room = span * 0.1;
  if (span + 2 * room >= smallest) return [least - room, greatest + room];
  const center = (least + greatest) / 2;
  return [center - smallest / 2, center + smallest / 2];
}

export interface Stripe {
  readonly from: number;
  readonly until: number;
  readonly severity: number;
}

/** Alert bands cut to the span shown, the gravest last so that it is painted on top; a firing one goes on to the end. */
export function stripes(bands: readonly AlertBand[], sinceMs: number, untilMs: number): Stripe[] {
  return bands
    .map((band) => ({
      from: Math.max(band.from, sinceMs),
      until: Math.min(band.until ?? untilMs, untilMs),
      severity: band.severity,
    }))
    .filter((stripe) => stripe.until > stripe.from || (stripe.until === stripe.from && stripe.from < untilMs))
    .sort((one, other) => one.severity - other.severity);
}

export const RANGES: Readonly<Record<string, number>> = {
  "15m": 15 * 60_000,
  "1h": 60 * 60_000,
  "24h": 24 * 60 * 60_000,
  "7d": 7 * 24 * 60 * 60_000,
};

/** How often a range that ends now is fetched again, ms. */
export function refreshEvery(rangeMs: number): number {
  return rangeMs <= 60 * 60_000 ? 5_000 : 60_000;
}
