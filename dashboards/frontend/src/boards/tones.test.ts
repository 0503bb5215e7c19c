import { expect, test } from "vitest";
import { change, toneOf } from "./tones";

const LADDER = [
  { from: 0, tone: "good" },
  { from: 5, tone: "alarm" },
  { from: 9, tone: "critical" },
] as const;

test("a value has the tone of the highest threshold it reaches", () => {
  expect([-1, 0, 5, 8.9, 9].map((value) => toneOf(value, LADDER))).toEqual([undefined, "good", "alarm", "alarm", "critical"]);
  expect(toneOf(null, LADDER)).toBeUndefined();
  expect(toneOf(3, undefined)).toBeUndefined();
});

test("a change is told as a share of what was before, and not at all against nothing", () => {
  expect(change(12, 10)).toBeCloseTo(0.2);
  expect(change(5, -10)).toBeCloseTo(1.5);
  expect(change(5, 0)).toBeUndefined();
  expect(change(null, 5)).toBeUndefined();
});
