import { expect, test } from "vitest";
import { readLook, writeLook } from "./address";
import type { Variable } from "./shapes";

const TIME = { from: "-24h", to: "now" };
const VARIABLES: Variable[] = [
  { name: "area", multi: true, default: [] },
  { name: "family", multi: false, default: ["cover"] },
];

test("an address without a wish shows what the board begins with", () => {
  const look = readLook("", TIME, VARIABLES);
  expect(look).toEqual({ time: TIME, choices: { area: [], family: ["cover"] }, panel: undefined });
  expect(writeLook(look, TIME, VARIABLES)).toBe("");
});

test("whoever gets the link sees the same", () => {
  const look = {
    time: { from: "2026-03-01T00:00:00Z", to: "2026-03-02T00:00:00Z" },
    choices: { area: ["320508", "320509"], family: [] },
    panel: "late",
  };
  expect(readLook(writeLook(look, TIME, VARIABLES), TIME, VARIABLES)).toEqual(look);
});

test("a span that can't be read is not said to be the one that is shown", () => {
  expect(readLook("?from=tomorrow&to=now", TIME, VARIABLES).time).toEqual(TIME);
  expect(readLook("?from=-0h&to=now", TIME, VARIABLES).time).toEqual(TIME);
});

test("a variable that the board has not is left out", () => {
  expect(readLook("?var-unit=9", TIME, VARIABLES)).toEqual(readLook("", TIME, VARIABLES));
});
