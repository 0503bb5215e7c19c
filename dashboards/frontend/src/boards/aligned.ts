// Many lines on one time axis: what the chart draws, and what it reads out under the crosshair.
import type { Line, Show } from "./shapes";

/** null: nothing was measured, the line breaks; undefined: this line has no value of its own here and goes on. */
export type Place = number | null | undefined;

export interface Aligned {
  readonly t: number[];
  readonly lines: readonly AlignedLine[];
}

export interface AlignedLine {
  readonly value: Place[];
  readonly min: Place[];
  readonly max: Place[];
  /** whether least and greatest say more than the value */
  readonly wide: boolean;
}

interface Bin {
  sum: number;
  count: number;
  min: number;
  max: number;
}

const EMPTY = { t: [], lines: [] };

/** A silence much longer than the usual interval is a gap: the line must not pretend. */
function longestUsual(t: readonly number[]): number {
  if (t.length < 3) return Infinity;
  const steps = t
    .slice(1)
    .map((at, place) => at - (t[place] ?? at))
    .sort((one, other) => one - other);
  const at = (share: number): number => steps[Math.floor((steps.length - 1) * share)] ?? 0;
  return Math.max(4 * at(0.5), 2 * at(0.9));
}

/** What is to be drawn of a curve; a count is drawn as it is. */
export function drawnAs(line: Line, show: Show): Line {
  const { min, max, mean, ...rest } = line;
  if (show === "mean" && mean !== undefined) return { ...rest, mean };
  if (show === "max" && max !== undefined) return { ...rest, max };
  return line;
}

function sameTimes(lines: readonly Line[]): boolean {
  const first = lines[0]?.t ?? [];
  return lines.every((line) => line.t.length === first.length && (line.t === first || line.t.every((at, place) => at === first[place])));
}

/**
 * The lines on one axis. Lines that were measured at moments of their own are folded into `bins` equal steps, which lose
 * less than a pixel of time and nothing of the extremes.
 */
export function align(lines: readonly Line[], fromMs: number, toMs: number, bins: number): Aligned {
  if (lines.length === 0) return EMPTY;
  if (sameTimes(lines)) {
    const times = [...(lines[0]?.t ?? [])];
    return lines.every(isWhole) ? sideBySide(times, lines) : fill(times, lines, lines.map(cellsAsTheyAre));
  }
  const moments = new Set<number>();
  let most = 0;
  for (const line of lines) {
    most = Math.max(most, line.t.length);
    for (const at of line.t) moments.add(at);
  }
  if (moments.size <= Math.max(2 * most, bins)) {
    return fill([...moments].sort((one, other) => one - other), lines, lines.map(cellsAsTheyAre));
  }
  const step = (toMs - fromMs) / bins;
  const center = (at: number): number => fromMs + (Math.floor((at - fromMs) / step) + 0.5) * step;
  const folded = lines.map((line) => fold(line, center));
  const t = [...new Set(folded.flatMap((bins_) => [...bins_.keys()]))].sort((one, other) => one - other);
  return fill(t, lines, folded);
}

/** What a line is drawn by. */
function middle(line: Line): readonly (number | null)[] {
  return line.mean ?? line.value ?? line.max ?? [];
}

function isWhole(line: Line): boolean {
  const value = middle(line);
  return value.length === line.t.length && !value.includes(null);
}

/** Lines that all have a value at each of the same moments, as fifty sensors have of a year: nothing is to be looked for. */
function sideBySide(times: number[], lines: readonly Line[]): Aligned {
  const t = lines.some((line) => line.value === undefined) ? withRoom(times) : times;
  const known = new Set(times);
  const rooms = t.flatMap((at, place) => (known.has(at) ? [] : [place]));
  const spaced = (values: readonly Place[], empty: null | undefined): Place[] => {
    const made = [...values];
    for (const place of rooms) made.splice(place, 0, empty);
    return made;
  };
  return {
    t,
    lines: lines.map((line) => {
      const value = middle(line) as readonly number[];
      const extremes = line.min !== undefined && line.max !== undefined;
      const least = extremes ? value.map((each, at) => line.min?.[at] ?? each) : value;
      const greatest = extremes ? value.map((each, at) => line.max?.[at] ?? each) : value;
      // a line of counts goes on where another breaks
      const empty = line.value === undefined ? null : undefined;
      const wide = extremes && greatest.some((each, at) => each > (least[at] ?? each));
      return { value: spaced(value, empty), min: spaced(least, empty), max: spaced(greatest, empty), wide };
    }),
  };
}

function cellsAsTheyAre(line: Line): Map<number, Bin> {
  return fold(line, (at) => at);
}

function fold(line: Line, place: (at: number) => number): Map<number, Bin> {
  const value = middle(line);
  const least = line.min ?? value;
  const greatest = line.max ?? value;
  const bins = new Map<number, Bin>();
  for (let index = 0; index < line.t.length; index += 1) {
    const mean = value[index];
    if (mean === null || mean === undefined) continue;
    const at = place(line.t[index] ?? 0);
    const min = least[index] ?? mean;
    const max = greatest[index] ?? mean;
    const bin = bins.get(at);
    if (bin === undefined) bins.set(at, { sum: mean, count: 1, min, max });
    else {
      bin.sum += mean;
      bin.count += 1;
      bin.min = Math.min(bin.min, min);
      bin.max = Math.max(bin.max, max);
    }
  }
  return bins;
}

/** A place in the middle of every silence, where the lines can break. */
function withRoom(times: readonly number[]): number[] {
  const limit = longestUsual(times);
  const t: number[] = [];
  for (const at of times) {
    const before = t.at(-1);
    if (before !== undefined && at - before > limit) t.push((at + before) / 2);
    t.push(at);
  }
  return t;
}

function fill(times: number[], lines: readonly Line[], folded: readonly Map<number, Bin>[]): Aligned {
  const t = lines.some((line) => line.value === undefined) ? withRoom(times) : times;
  return {
    t,
    lines: lines.map((line, index) => {
      const bins = folded[index] ?? new Map<number, Bin>();
      const own = [...bins.keys()].sort((one, other) => one - other);
      const limit = line.value === undefined ? longestUsual(own) : Infinity;
      const [greatest, extremes] = [line.value === undefined && line.mean === undefined, line.min !== undefined && line.max !== undefined];
      const made: AlignedLine = { value: [], min: [], max: [], wide: false };
      let next = 0;
      let wide = false;
      for (const at of t) {
        const bin = bins.get(at);
        if (bin === undefined) {
          const before = own[next - 1];
          const after = own[next];
          const silent = before === undefined || after === undefined || after - before > limit;
          push(made, silent ? null : undefined);
        } else {
          next += 1;
          const value = greatest ? bin.max : bin.sum / bin.count;
          made.value.push(value);
          made.min.push(extremes ? bin.min : value);
          made.max.push(extremes ? bin.max : value);
          if (extremes && bin.max > bin.min) wide = true;
        }
      }
      return { ...made, wide };
    }),
  };
}

function push(line: AlignedLine, place: null | undefined): void {
  line.value.push(place);
  line.min.push(place);
  line.max.push(place);
}

/** Least and greatest of all lines that are shown, extremes included; undefined when there is nothing. */
export function extent(aligned: Aligned, shown: (line: number) => boolean): readonly [number, number] | undefined {
  let low = Infinity;
  let high = -Infinity;
  aligned.lines.forEach((line, index) => {
    if (!shown(index)) return;
    for (const value of line.min) if (value !== null && value !== undefined && value < low) low = value;
    for (const value of line.max) if (value !== null && value !== undefined && value > high) high = value;
  });
  return low > high ? undefined : [low, high];
}

/** Where in `t` (ascending) the moment nearest to `at` is; -1 when there is none. */
export function nearest(t: readonly number[], at: number): number {
  let low = 0;
  let high = t.length - 1;
  if (high < 0) return -1;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if ((t[middle] ?? 0) <= at) low = middle;
    else high = middle;
  }
  return Math.abs((t[low] ?? 0) - at) <= Math.abs((t[high] ?? 0) - at) ? low : high;
}

/** The last value of a line up to `index` with where it stands; undefined when the line is silent there. */
export function valueAt(line: AlignedLine, index: number): number | undefined {
  for (let at = index; at >= 0 && at > index - 64; at -= 1) {
    const value = line.value[at];
    if (value === null) return undefined;
    if (value !== undefined) return at;
  }
  return undefined;
}

/** Lines put on top of one another, so that the uppermost shows the whole. */
export function stacked(aligned: Aligned): Aligned {
  const sums = new Array<number>(aligned.t.length).fill(0);
  return {
    t: aligned.t,
    lines: aligned.lines.map((line) => {
      const value = line.value.map((each, index) => {
        sums[index] = (sums[index] ?? 0) + (each ?? 0);
        return sums[index];
      });
      return { value, min: value, max: value, wide: false };
    }),
  };
}
