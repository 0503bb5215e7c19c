import { expect, test } from "vitest";
import type { StateRow } from "./shapes";
import { changedAt, changesOf, nextChange, stateAt } from "./states";

const SPAN = { fromMs: 100, toMs: 200 };
const ROWS: readonly StateRow[] = [
  { name: "c1", spans: [[50, 120, "online"], [120, 150, "offline"], [150, 200, "online"]] },
  { name: "c2", spans: [[130, 150, "offline"]] },
];

test("changes are told in order, once each, those from before the span where it begins", () => {
  expect(changesOf(ROWS, SPAN)).toEqual([100, 120, 130, 150]);
  expect(changesOf([], SPAN)).toEqual([]);
});

test("a row has the state that began at a moment, and none where nothing was", () => {
  expect(stateAt(ROWS[0]!, 120)?.[2]).toBe("offline");
  expect(stateAt(ROWS[1]!, 150)).toBeUndefined();
});

test("the rows that changed at a moment are those where a state began or ended", () => {
  expect(changedAt(ROWS, 100, SPAN)).toEqual([0]);
  expect(changedAt(ROWS, 150, SPAN)).toEqual([0, 1]);
});

test("keys walk from change to change and stop at both ends", () => {
  const changes = [100, 120, 130];
  expect([nextChange(changes, undefined, 1), nextChange(changes, undefined, -1)]).toEqual([100, 130]);
  expect([nextChange(changes, 120, 1), nextChange(changes, 125, -1)]).toEqual([130, 120]);
  expect([nextChange(changes, 130, 1), nextChange(changes, 100, -1), nextChange([], undefined, 1)]).toEqual([130, 100, undefined]);
});
