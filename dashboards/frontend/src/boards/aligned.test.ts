import { describe, expect, test } from "vitest";
import { align, drawnAs, extent, nearest, stacked, valueAt } from "./aligned";
import type { Line } from "./shapes";

const line = (t: number[], mean: (number | null)[], min = mean, max = mean): Line => ({ name: "", t, mean, min, max });

describe("lines on one axis", () => {
  test("with the same moments stay as they are", () => {
    const joined = align([line([1, 2, 3], [1, 2, 3]), line([1, 2, 3], [4, 5, 6])], 0, 4, 100);
    expect(joined.t).toEqual([1, 2, 3]);
    expect(joined.lines.map((each) => each.value)).toEqual([
      [1, 2, 3],
      [4, 5, 6],
    ]);
  });

  test("with the same moments are the same whether or not one of them lacks a value", () => {
    const t = [0, 60, 120].flatMap((begin) => Array.from({ length: 20 }, (_, at) => begin + at));
    const some = t.map((at) => at / 2);
    const whole: Line[] = [
      line(t, some, t.map(() => -1), t.map((_, at) => (at === 5 ? 99 : 30))),
      { name: "counts", t, value: some },
      { name: "greatest", t, max: some },
      line(t, some),
    ];
    const lacking = line(t, [null, ...some.slice(1)]);
    const [alone, beside] = [align(whole, 0, 200, 200), align([...whole, lacking], 0, 200, 200)];
    expect(alone.t).toEqual(beside.t);
    expect(alone.t.length).toBe(62);
    expect(alone.lines).toEqual(beside.lines.slice(0, 4));
  });

  test("with moments of their own go on where the others have theirs", () => {
    const joined = align([line([0, 20, 40], [1, 2, 3]), line([10, 30, 50], [4, 5, 6])], 0, 60, 100);
    expect(joined.t).toEqual([0, 10, 20, 30, 40, 50]);
    expect(joined.lines[0]?.value).toEqual([1, undefined, 2, undefined, 3, null]);
    expect(joined.lines[1]?.value).toEqual([null, 4, undefined, 5, undefined, 6]);
  });

  test("break where nothing was measured for long", () => {
    const joined = align([line([0, 1, 2, 3, 40, 41, 42], [1, 1, 1, 1, 2, 2, 2])], 0, 50, 100);
    expect(joined.t).toContain(21.5);
    expect(joined.lines[0]?.value[joined.t.indexOf(21.5)]).toBeNull();
  });

  test("are folded when each has moments of its own, and a single spike survives", () => {
    const lines = Array.from({ length: 40 }, (_, each) => {
      const t = Array.from({ length: 1000 }, (_, at) => at * 1000 + each * 7);
      const max = t.map((_, at) => (each === 17 && at === 500 ? 99 : 1));
      return line(t, t.map(() => 1), t.map(() => 0.5), max);
    });
    const joined = align(lines, 0, 1_000_000, 800);
    expect(joined.t.length).toBeLessThanOrEqual(801);
    expect(extent(joined, () => true)).toEqual([0.5, 99]);
    expect(extent(joined, (at) => at !== 17)).toEqual([0.5, 1]);
  });

  test("of nothing are nothing", () => {
    expect(align([], 0, 1, 10)).toEqual({ t: [], lines: [] });
    expect(extent(align([line([], [])], 0, 1, 10), () => true)).toBeUndefined();
  });

  test("tell whether least and greatest say more than the mean", () => {
    const joined = align([line([1, 2], [1, 2]), line([1, 2], [1, 2], [0, 2], [1, 2])], 0, 3, 10);
    expect(joined.lines.map((each) => each.wide)).toEqual([false, true]);
  });

  test("show their range, their means alone or their greatest values alone", () => {
    const measured = line([1, 2], [5, 6], [0, 1], [9, 20]);
    const drawn = (show: "range" | "mean" | "max") => align([drawnAs(measured, show)], 0, 3, 10).lines[0];
    expect(drawn("range")).toEqual({ value: [5, 6], min: [0, 1], max: [9, 20], wide: true });
    expect(drawn("mean")).toEqual({ value: [5, 6], min: [5, 6], max: [5, 6], wide: false });
    expect(drawn("max")).toEqual({ value: [9, 20], min: [9, 20], max: [9, 20], wide: false });
  });

  test("of greatest values are folded to the greatest of all", () => {
    const often = (from: number) => Array.from({ length: 100 }, (_, at) => from + at * 10);
    const lines = [3, 5, 7].map((from) => drawnAs(line(often(from), often(0).map(() => 1), often(0).map(() => 0), often(from)), "max"));
    const first = align(lines, 0, 1_000, 10).lines[0];
    expect(first?.value.slice(0, 2)).toEqual([93, 193]);
    expect(first?.wide).toBe(false);
  });

  test("stand on top of one another when they are stacked", () => {
    const counts: Line[] = [
      { name: "a", t: [1, 2], value: [1, 2] },
      { name: "b", t: [1, 2], value: [10, null] },
    ];
    expect(stacked(align(counts, 0, 3, 10)).lines[1]?.value).toEqual([11, 2]);
  });
});

describe("the crosshair", () => {
  test("finds the nearest moment", () => {
    expect(nearest([10, 20, 30], 24)).toBe(1);
    expect(nearest([10, 20, 30], 26)).toBe(2);
    expect(nearest([10], -5)).toBe(0);
    expect(nearest([], 1)).toBe(-1);
  });

  test("reads a line where it last had a value, and nothing in a gap", () => {
    const joined = align([line([0, 20, 40], [1, 2, 3]), line([10, 30, 50], [4, 5, 6])], 0, 60, 100);
    expect(valueAt(joined.lines[0]!, 3)).toBe(2);
    expect(valueAt(joined.lines[0]!, 5)).toBeUndefined();
  });
});
