import { expect, test } from "vitest";
import { near, placed, stillShown } from "./marks";
import type { Mark } from "./shapes";

const mark = (from_ms: number, severity = 1, to_ms: number | null = null): Mark => ({ of: "alerts", from_ms, to_ms, severity, text: "" });

test("marks outside the span are left out, and the worst lie on top", () => {
  const marks = [mark(5, 3), mark(7, 1), mark(99), mark(-20, 2, 3), mark(-20, 2, -10)];
  const found = placed(marks, 0, 10, (ms) => ms * 10);
  expect(found.map((each) => [each.mark.from_ms, each.left, each.right])).toEqual([
    [7, 70, 70],
    [-20, 0, 30],
    [5, 50, 50],
  ]);
});

test("the pointer finds the marks it is near to, nearest first", () => {
  const found = placed([mark(1), mark(2), mark(9)], 0, 10, (ms) => ms * 10);
  expect(near(found, 18, 9).map((each) => each.from_ms)).toEqual([2, 1]);
});

test("a question without an answer takes no mark away, but those of kinds switched off and of another choice", () => {
  const told = { marks: [mark(1), { ...mark(2), of: "permits" as const }], more: true };
  expect(stillShown(told, new Set(["alerts", "permits"]), true)).toEqual(told);
  expect(stillShown(told, new Set(["permits"]), true).marks.map((each) => each.of)).toEqual(["permits"]);
  expect(stillShown(told, new Set(["alerts", "permits"]), false).marks).toEqual([]);
});
