import { expect, test } from "vitest";
import { Finger, HOLD_MS } from "./lines_touch";

const finger = (): Finger => new Finger(100, 0, 300);

test("a finger that moves at once reads along", () => {
  const one = finger();
  expect(one.move(120, HOLD_MS - 1)).toEqual({ of: "read", at: 120 });
  expect(one.move(140, HOLD_MS + 500)).toEqual({ of: "read", at: 140 });
});

test("one that rested first means a span, either way and no further than the chart", () => {
  const one = finger();
  expect(one.move(103, 50)).toEqual({ of: "nothing" });
  expect(one.move(150, HOLD_MS)).toEqual({ of: "span", left: 100, width: 50 });
  expect(one.move(40, HOLD_MS + 100)).toEqual({ of: "span", left: 40, width: 60 });
  expect(one.move(900, HOLD_MS + 200)).toEqual({ of: "span", left: 100, width: 200 });
});

test("one that only trembles means nothing", () => {
  expect(finger().move(104, 5_000)).toEqual({ of: "nothing" });
});
