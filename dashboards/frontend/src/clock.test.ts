import { afterAll, beforeAll, beforeEach, expect, test, vi } from "vitest";
import { spanNow } from "./boards/span";
import { aheadMs, cityNow, heardAnswer, heardClock, recallAhead } from "./clock";

const NOON = Date.parse("2026-03-10T04:00:00Z");
const hear = (ms: number): void => heardAnswer(new Response(null, { headers: { Date: new Date(ms).toUTCString() } }));
const LAST_HOUR = { from: "-1h", to: "now" };

beforeAll(() => void vi.useFakeTimers({ now: NOON }));
beforeEach(() => recallAhead(0));
afterAll(() => void vi.useRealTimers());

test("what ends now ends when it is now in the city, and not on a desk whose clock is wrong", () => {
  hear(NOON + 2_000);
  expect(spanNow(LAST_HOUR).toMs).toBe(NOON);
  hear(NOON + 300_000);
  expect(spanNow(LAST_HOUR)).toEqual({ fromMs: NOON - 3_300_000, toMs: NOON + 300_000 });
});

test("a time that hardly differs from what is known moves nothing, so that nothing is asked twice for it", () => {
  heardClock(NOON + 300_000);
  hear(NOON + 301_000);
  expect(aheadMs()).toBe(300_000);
});

test("an answer without a time leaves what is known", () => {
  heardClock(NOON - 90_000);
  heardAnswer(new Response());
  expect(cityNow()).toBe(NOON - 90_000);
});

test("a clock that somebody has set right is believed again", () => {
  heardClock(NOON + 300_000);
  hear(NOON);
  expect(cityNow()).toBe(NOON);
});
