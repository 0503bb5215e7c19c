import { expect, test } from "vitest";
import type { Answer, Line } from "./shapes";
import { joined, tailFrom } from "./tail";

const MINUTE = 60_000;
const line = (point_id: number, begin: number, means: readonly number[], step = MINUTE): Line => ({
  name: String(point_id),
  point_id,
  t: means.map((_, at) => begin + at * step),
  min: means.map((each) => each - 1),
  max: means.map((each) => each + 1),
  mean: means,
});
const answer = (from_ms: number, to_ms: number, ...series: readonly Line[]): Answer => ({ panel: "tilt", from_ms, to_ms, series });
const WHOLE = answer(0, 10 * MINUTE, line(1, 0, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]), line(2, 0, [5, 5, 5]));

test("curves are asked for from the beginning of their last slice, which may not have been full", () => {
  expect(tailFrom(WHOLE)).toBe(9 * MINUTE);
});

test("what has nothing at its end is asked for whole", () => {
  expect(tailFrom(answer(0, 10 * MINUTE, line(1, 0, [1, 2])))).toBeUndefined();
  expect(tailFrom(answer(0, 10 * MINUTE, line(1, 0, [])))).toBeUndefined();
  expect(tailFrom({ panel: "tilt", from_ms: 0, to_ms: MINUTE })).toBeUndefined();
});

test("what came since is put at the end, and what has become too old falls out at the beginning", () => {
  const tail = answer(9 * MINUTE, 12 * MINUTE, line(1, 9 * MINUTE, [10.5, 11, 12]), line(2, 0, []));
  const span = { fromMs: 2 * MINUTE, toMs: 12 * MINUTE };
  const [first, second] = joined(WHOLE, tail, span)?.series ?? [];
  expect(first?.t).toEqual([2, 3, 4, 5, 6, 7, 8, 9, 10, 11].map((at) => at * MINUTE));
  expect(first?.mean).toEqual([3, 4, 5, 6, 7, 8, 9, 10.5, 11, 12]);
  expect(first?.max?.slice(-3)).toEqual([11.5, 12, 13]);
  expect(second?.t).toEqual([2 * MINUTE]);
  expect(joined(WHOLE, tail, span)).toMatchObject({ from_ms: span.fromMs, to_ms: span.toMs });
});

test("finer slices are folded to the width of the others, and a spike among them stays", () => {
  const fine = answer(9 * MINUTE, 11 * MINUTE, line(1, 9 * MINUTE, [10, 10, 40, 10, 10, 10, 10, 10], MINUTE / 4), line(2, 0, []));
  const [first] = joined(WHOLE, fine, { fromMs: 0, toMs: 11 * MINUTE })?.series ?? [];
  expect(first?.t.slice(-2)).toEqual([9 * MINUTE, 10 * MINUTE]);
  expect(first?.max?.slice(-2)).toEqual([41, 11]);
  expect(first?.mean?.at(-2)).toBe(17.5);
});

test("other curves than before are not put together, and neither is a problem", () => {
  const span = { fromMs: 0, toMs: 11 * MINUTE };
  expect(joined(WHOLE, answer(9 * MINUTE, 11 * MINUTE, line(2, 9 * MINUTE, [1]), line(1, 9 * MINUTE, [1])), span)).toBeUndefined();
  expect(joined(WHOLE, answer(9 * MINUTE, 11 * MINUTE, line(1, 9 * MINUTE, [1])), span)).toBeUndefined();
  expect(joined(WHOLE, { panel: "tilt", from_ms: 0, to_ms: 1, problem: { code: "store_down", text: "" } }, span)).toBeUndefined();
});
