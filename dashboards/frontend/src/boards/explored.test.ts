import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { readExplored, writeExplored } from "./explored";

beforeAll(() => void vi.useFakeTimers({ now: Date.parse("2026-03-10T00:00:00Z") }));
afterAll(() => void vi.useRealTimers());

test("what is explored is in the address, and an address that says nothing explores nothing", () => {
  const explored = { points: [4, 9], time: { from: "2026-03-01T00:00:00Z", to: "now" }, before: "-7d" };
  expect(readExplored(writeExplored(explored))).toEqual(explored);
  expect(readExplored("")).toEqual({ points: [], time: { from: "-24h", to: "now" }, before: "" });
  expect(writeExplored(readExplored(""))).toBe("");
});

test("an address that was cut or made up does no harm", () => {
  expect(readExplored("?points=3,x,-1,3,0,2.5&before=yesterday")).toMatchObject({ points: [3], before: "" });
});
