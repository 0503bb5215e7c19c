import { describe, expect, test } from "vitest";
import { aheadOfUtc, dragged, fieldOf, fixed, isLive, lengthOf, momentOfField, moved, movedSaying, type Saying, sayingOf, scaled, scaledSaying, type Span, spanOf, tickWords } from "./span";

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

describe("a span that goes on by itself", () => {
  const live: Saying = { from: "-24h", to: "now" };
  const span: Span = { fromMs: NOW - 24 * HOUR, toMs: NOW };

  test("still does when it is made longer or shorter", () => {
    expect(scaledSaying(live, span, 2, NOW)).toEqual({ from: "-2d", to: "now" });
    expect(scaledSaying(live, span, 0.5, NOW)).toEqual({ from: "-12h", to: "now" });
  });

  test("can be read at any length that the buttons lead to", () => {
    let said: Saying = live;
    for (const factor of [...Array<number>(30).fill(0.5), ...Array<number>(60).fill(2)]) {
      const now = spanOf(said, NOW);
      expect(now, said.from).toBeDefined();
      if (now !== undefined) said = scaledSaying(said, now, factor, NOW);
    }
    expect(said).toEqual({ from: "-10y", to: "now" });
  });

  test("is said in the words of the menu where it has them", () => {
    for (const words of ["-15m", "-1h", "-24h", "-2d", "-30d", "-90d", "-1y"]) expect(sayingOf(lengthOf(words) ?? 0)).toBe(words);
  });

  test("stops when somebody goes back, and goes on where › reaches now again", () => {
    const back = movedSaying(live, span, -1, NOW);
    expect(isLive(back)).toBe(false);
    const later = NOW + 20_000;
    const on = movedSaying(back, spanOf(back, later) ?? span, 1, later);
    expect(on).toEqual(live);
  });

  test("is none while it ends in the past, however long it is made", () => {
    const past = fixed({ fromMs: NOW - 48 * HOUR, toMs: NOW - 40 * HOUR });
    expect(isLive(scaledSaying(past, { fromMs: NOW - 48 * HOUR, toMs: NOW - 40 * HOUR }, 2, NOW))).toBe(false);
  });

  test("dragged under a hand never lies in the future", () => {
    expect(dragged(span, HOUR, NOW)).toEqual(span);
    expect(dragged({ fromMs: NOW - 2 * HOUR, toMs: NOW - HOUR }, 3 * HOUR, NOW).toMs).toBe(NOW);
    expect(dragged(span, -HOUR, NOW)).toEqual({ fromMs: NOW - 25 * HOUR, toMs: NOW - HOUR });
  });
});

describe("the ticks of an axis", () => {
  const noon = Date.parse("2026-03-10T04:00:00Z");

  test("name the day that begins in the city, and no other midnight", () => {
    expect(tickWords([noon, noon + 6 * HOUR, noon + 12 * HOUR, noon + 18 * HOUR], 24 * HOUR, "Asia/Shanghai", "en")).toEqual(["12:00", "18:00", "03-11", "06:00"]);
    expect(tickWords([noon, noon + 6 * HOUR, noon + 12 * HOUR], 24 * HOUR, "Europe/Berlin", "en")).toEqual(["05:00", "11:00", "17:00"]);
  });

  test("tell the day and the clock where several days are shown", () => {
    expect(tickWords([noon, noon + 12 * HOUR], 7 * 24 * HOUR, "Asia/Shanghai", "en")).toEqual(["03-10, 12:00", "03-11, 00:00"]);
  });

  test("are told by the length of the span where there is one alone", () => {
    expect(tickWords([noon], 24 * HOUR, "Asia/Shanghai", "en")).toEqual(["12:00"]);
    expect(tickWords([noon], 30 * 24 * HOUR, "Asia/Shanghai", "en")).toEqual(["03-10"]);
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
