import { describe, expect, test } from "vitest";
import { aheadOfUtc, fieldOf, fixed, isLive, lengthOf, momentOfField, moved, scaled, spanOf } from "./span";

const NOW = Date.parse("2026-03-10T04:00:00Z");
const HOUR = 3_600_000;

describe("a span of time", () => {
  test("is said in the board's short way and read at a moment", () => {
    expect(spanOf({ from: "-24h", to: "now" }, NOW)).toEqual({ fromMs: NOW - 24 * HOUR, toMs: NOW });
    expect(spanOf({ from: "-7d", to: "-1d" }, NOW)).toEqual({ fromMs: NOW - 168 * HOUR, toMs: NOW - 24 * HOUR });
  });

  test("may be two moments", () => {
    const span = spanOf({ from: "2026-03-01T00:00:00Z", to: "2026-03-02T00:00:00+08:00" }, NOW);
    expect(span).toEqual({ fromMs: Date.parse("2026-03-01T00:00:00Z"), toMs: Date.parse("2026-03-01T16:00:00Z") });
  });

  test.each([
    ["yesterday", "now"],
    ["now", "-1h"],
    ["-1h", ""],
    ["-99999y", "now"],
  ])("that can't be read (%s … %s) is none", (from, to) => {
    expect(spanOf({ from, to }, NOW)).toBeUndefined();
  });

  test("knows minutes from months", () => {
    expect(lengthOf("-15m")).toBe(15 * 60_000);
    expect(lengthOf("-2M")).toBe(60 * 24 * HOUR);
    expect(lengthOf("24h")).toBeUndefined();
  });

  test("goes on by itself only when it ends now", () => {
    expect(isLive({ from: "-1h", to: "now" })).toBe(true);
    expect(isLive(fixed({ fromMs: NOW - HOUR, toMs: NOW }))).toBe(false);
  });

  test("is written as two moments that are read as the same span", () => {
    const span = { fromMs: NOW - HOUR, toMs: NOW };
    expect(spanOf(fixed(span), 0)).toEqual(span);
  });

  test("moved on ends no later than now and keeps its length", () => {
    const span = { fromMs: NOW - 4 * HOUR, toMs: NOW - HOUR };
    expect(moved(span, 1, NOW)).toEqual({ fromMs: NOW - 3 * HOUR, toMs: NOW });
    expect(moved(span, -1, NOW)).toEqual({ fromMs: NOW - 5.5 * HOUR, toMs: NOW - 2.5 * HOUR });
  });

  test("looked at from further away has twice the length", () => {
    expect(scaled({ fromMs: NOW - 4 * HOUR, toMs: NOW - 2 * HOUR }, 2, NOW)).toEqual({ fromMs: NOW - 5 * HOUR, toMs: NOW - HOUR });
    expect(scaled({ fromMs: NOW - 2 * HOUR, toMs: NOW }, 2, NOW)).toEqual({ fromMs: NOW - 4 * HOUR, toMs: NOW });
  });
});

describe("a field of a form", () => {
  test("shows the city's clock, wherever the desk stands", () => {
    expect(fieldOf(NOW, "Asia/Shanghai")).toBe("2026-03-10T12:00");
    expect(momentOfField("2026-03-10T12:00", "Asia/Shanghai")).toBe(NOW);
  });

  test("is right on both sides of a change of the clocks", () => {
    for (const text of ["2026-03-29T01:30", "2026-03-29T03:30", "2026-10-25T04:00"]) {
      const ms = momentOfField(text, "Europe/Berlin");
      expect(fieldOf(ms ?? 0, "Europe/Berlin")).toBe(text);
    }
    expect(aheadOfUtc(Date.parse("2026-07-01T00:00:00Z"), "Europe/Berlin")).toBe(2 * HOUR);
  });

  test("that is empty means no moment", () => {
    expect(momentOfField("", "Asia/Shanghai")).toBeUndefined();
  });
});
