import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { cityNow, heardClock } from "./clock";
import { spanNow } from "./span";

const NOON = Date.parse("2026-03-10T04:00:00Z");
const at = (ms: number): string => new Date(ms).toUTCString();
const LAST_HOUR = { from: "-1h", to: "now" };

beforeAll(() => void vi.useFakeTimers({ now: NOON }));
afterAll(() => void vi.useRealTimers());

test("what ends now ends when it is now in the city, and not on a desk whose clock is wrong", () => {
  expect(heardClock(at(NOON + 2_000))).toBe(false);
  expect(spanNow(LAST_HOUR).toMs).toBe(NOON);
  expect(heardClock(at(NOON + 300_000))).toBe(true);
  expect(spanNow(LAST_HOUR)).toEqual({ fromMs: NOON - 3_300_000, toMs: NOON + 300_000 });
  expect(heardClock(at(NOON + 301_000))).toBe(false);
  expect(heardClock(null)).toBe(false);
  // somebody has set the desk's clock right
  expect(heardClock(at(NOON))).toBe(true);
  expect(cityNow()).toBe(NOON);
});
