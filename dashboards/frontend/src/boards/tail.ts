// Live curves: what came since the last answer is put at their end, and the whole is not asked for again. Pure.
import type { Answer, Line } from "./shapes";
import type { Span } from "./span";

/** More than this share of the span is no tail: the whole costs little more. */
const MOST_SHARE = 0.25;

/** From when on the curves of an answer are to be asked for; undefined where the whole is to be asked for. */
export function tailFrom(answer: Answer): number | undefined {
  const last = Math.max(...(answer.series ?? []).map((line) => line.t.at(-1) ?? -Infinity));
  const long = answer.to_ms - last > (answer.to_ms - answer.from_ms) * MOST_SHARE;
  return Number.isFinite(last) && !long ? last : undefined;
}

/** The answer of before with what came since, cut to `span`; undefined where the two are not of the same curves. */
export function joined(before: Answer, tail: Answer, span: Span): Answer | undefined {
  const [old, fresh] = [before.series, tail.series];
  if (old === undefined || fresh === undefined || tail.problem !== undefined || old.length !== fresh.length) return undefined;
  const series = old.map((line, at) => {
    const more = fresh[at];
    return more === undefined || more.point_id !== line.point_id ? undefined : grown(line, more, span.fromMs);
  });
  if (series.some((line) => line === undefined)) return undefined;
  return { ...before, ...(tail.at === undefined ? {} : { at: tail.at }), from_ms: span.fromMs, to_ms: span.toMs, series: series as Line[] };
}

function grown(old: Line, fresh: Line, fromMs: number): Line {
  // a short span is answered in finer slices than the whole was
  const more = folded(fresh, usualStep(old.t));
  const cut = more.t[0] ?? Infinity;
  const kept = old.t.flatMap((at, place) => (at >= fromMs && at < cut ? [place] : []));
  const both = (name: "min" | "max" | "mean"): (number | null)[] => [...kept.map((place) => old[name]?.[place] ?? null), ...more[name]];
  return { ...old, t: [...kept.map((place) => old.t[place] ?? 0), ...more.t], min: both("min"), max: both("max"), mean: both("mean") };
}

function usualStep(t: readonly number[]): number {
  const steps = t.slice(1).map((at, place) => at - (t[place] ?? at)).sort((one, other) => one - other);
  return steps[Math.floor(steps.length / 2)] ?? 0;
}

interface Slices {
  readonly t: number[];
  readonly min: (number | null)[];
  readonly max: (number | null)[];
  readonly mean: (number | null)[];
}

/** Slices as long as `stepMs`, of finer ones; none of their extremes is lost. */
function folded(line: Line, stepMs: number): Slices {
  const made: Slices = { t: [], min: [], max: [], mean: [] };
  const begin = line.t[0] ?? 0;
  let [slot, many, sum] = [-1, 0, 0];
  line.t.forEach((at, place) => {
    const mean = line.mean?.[place];
    if (mean === null || mean === undefined) return;
    const [least, greatest] = [line.min?.[place] ?? mean, line.max?.[place] ?? mean];
    const own = stepMs > 0 ? Math.floor((at - begin) / stepMs) : made.t.length;
    const last = made.t.length - 1;
    if (own !== slot || last < 0) {
      made.t.push(at);
      made.min.push(least);
      made.max.push(greatest);
      made.mean.push(mean);
      [slot, many, sum] = [own, 1, mean];
      return;
    }
    many += 1;
    sum += mean;
    made.min[last] = Math.min(made.min[last] ?? least, least);
    made.max[last] = Math.max(made.max[last] ?? greatest, greatest);
    made.mean[last] = sum / many;
  });
  return made;
}
