import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { ago, agoInMinutes, countdown, decimalsOf, duration, quantity, zoneClock, zoneMoment } from "./format";
import { fill, translator } from "./words";

const zh = translator(JSON.parse(readFileSync("../words/zh.json", "utf8")) as Record<string, string>);
const en = translator(JSON.parse(readFileSync("../words/en.json", "utf8")) as Record<string, string>);
const NOON = Date.UTC(2026, 2, 2, 4, 0, 0);

describe("spans of time", () => {
  it.each([
    [0, "0 秒"],
    [59.9, "59 秒"],
    [60, "1 分钟"],
    [3599, "59 分钟"],
    [3600, "1 小时"],
    [3900, "1 小时 5 分钟"],
    [90_000, "1 天 1 小时"],
    [-5, "0 秒"],
  ])("%d s reads %s", (seconds, words) => {
    expect(duration(seconds, zh)).toBe(words);
  });

  it("reads the same in English", () => {
    expect(duration(3900, en)).toBe("1 h 5 min");
  });

  it("a moment ahead of this clock counts as just now, so that a device's fast clock never shows a future", () => {
    expect(ago(NOON + 60_000, NOON, zh)).toBe("刚刚");
  });

  it("grows from seconds to days", () => {
    const words = [10, 70, 7_300, 200_000].map((seconds) => ago(NOON - seconds * 1000, NOON, zh));
    expect(words).toEqual(["10 秒前", "1 分钟前", "2 小时前", "2 天前"]);
  });
});

describe("how old a page is that stands open all day", () => {
  it("stands still for each minute", () => {
    const words = [0, 59, 60, 119, 7_300].map((seconds) => agoInMinutes(NOON - seconds * 1000, NOON, zh));
    expect(words).toEqual(["刚刚", "刚刚", "1 分钟前", "1 分钟前", "2 小时前"]);
  });
});

describe("the countdown to a deadline", () => {
  it("is calm while more than half an hour is left", () => {
    expect(countdown(NOON + 3_600_000, NOON, zh)).toEqual({ text: "剩 1 小时", state: "calm" });
  });

  it("warns in the last half hour", () => {
    expect(countdown(NOON + 1_200_000, NOON, zh).state).toBe("soon");
  });

  it("warns earlier for a long limit: in its last quarter", () => {
    expect(countdown(NOON + 5 * 3_600_000, NOON, zh, 24 * 3600).state).toBe("soon");
  });

  it("says by how much it was missed", () => {
    expect(countdown(NOON - 3_660_000, NOON, zh)).toEqual({ text: "超期 1 小时 1 分钟", state: "late" });
  });

  it("is late at the very moment", () => {
    expect(countdown(NOON, NOON, zh).state).toBe("late");
  });
});

describe("values with their units", () => {
  it.each([
    [63.4, 2, "°", "63.40°"],
    [2290, 0, "mm", "2,290\u202fmm"],
    [1234567.5, 1, "", "1,234,567.5"],
    [-0.71, 2, "°", "−0.71°"],
    [-0.004, 2, "°", "0.00°"],
    [-1234.5, 1, "mm", "−1,234.5\u202fmm"],
    [86, 0, "%", "86%"],
  ])("%d with %d decimals in %s reads %s", (value, decimals, symbol, words) => {
    expect(quantity(value, decimals, symbol)).toBe(words);
  });

  it.each([null, undefined, Number.NaN, Number.POSITIVE_INFINITY])("%s is a dash, never a number", (value) => {
    expect(quantity(value, 1, "mm")).toBe("–");
  });

  it("knows the decimals of each point, and two for a point of the future", () => {
    expect([decimalsOf("tilt_z"), decimalsOf("water_level"), decimalsOf("new_thing")]).toEqual([2, 0, 2]);
  });
});

describe("clocks", () => {
  it("show the city's time, wherever the desk stands", () => {
    const clock = zoneClock("Asia/Shanghai", "zh", { hour: "2-digit", minute: "2-digit", second: "2-digit" });
    expect(clock(NOON)).toBe("12:00:00");
  });

  it("write midnight as 00, not as 24", () => {
    const clock = zoneClock("Asia/Shanghai", "en", { hour: "2-digit", minute: "2-digit" });
    expect(clock(Date.UTC(2026, 2, 1, 16, 0))).toBe("00:00");
  });

  it("write a moment as the server does, whatever the language", () => {
    expect(zoneMoment("Asia/Shanghai")(Date.UTC(2026, 2, 1, 16, 0, 7))).toBe("2026-03-02 00:00:07");
  });
});

describe("words", () => {
  it("fill their places and keep a place without a value visible", () => {
    expect(fill("剩 {span}，{who}", { span: "1 小时" })).toBe("剩 1 小时，{who}");
  });

  it("go by the number before them", () => {
    const said = [0, 1, "1,001"].map((n) => fill("{n} {n:case is|cases are} late", { n }));
    expect(said).toEqual(["0 cases are late", "1 case is late", "1,001 cases are late"]);
    expect(fill("{n:case|cases}", {})).toBe("{n:case|cases}");
  });

  it("show an unknown key itself", () => {
    expect(zh("no.such.key")).toBe("no.such.key");
  });
});
