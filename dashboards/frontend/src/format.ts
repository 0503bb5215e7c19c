// How times, spans and values read. Pure: the clock, the language and the zone come in as arguments.
import type { Translate } from "./words";

const MINUTE = 60;
const HOUR = 3600;
const DAY = 86400;

/** A span of seconds in its two largest parts: "1 小时 5 分"; below a minute in seconds. Never negative. */
export function duration(seconds: number, t: Translate): string {
  const whole = Math.max(0, Math.floor(seconds));
  if (whole < MINUTE) return t("time.s", { n: whole });
  if (whole < HOUR) return t("time.min", { n: Math.floor(whole / MINUTE) });
  const [large, small, largeKey, smallKey] =
    whole < DAY
      ? [Math.floor(whole / HOUR), Math.floor((whole % HOUR) / MINUTE), "time.h", "time.min"]
      : [Math.floor(whole / DAY), Math.floor((whole % DAY) / HOUR), "time.d", "time.h"];
  const head = t(largeKey, { n: large });
  return small === 0 ? head : `${head} ${t(smallKey, { n: small })}`;
}

/** "3 分钟前", "刚刚"; a moment in the future (clocks differ) counts as just now. */
export function ago(thenMs: number, nowMs: number, t: Translate): string {
  const seconds = Math.floor((nowMs - thenMs) / 1000);
  if (seconds < 5) return t("time.just_now");
  if (seconds < MINUTE) return t("time.s_ago", { n: seconds });
  if (seconds < HOUR) return t("time.min_ago", { n: Math.floor(seconds / MINUTE) });
  if (seconds < DAY) return t("time.h_ago", { n: Math.floor(seconds / HOUR) });
  return t("time.d_ago", { n: Math.floor(seconds / DAY) });
}

/** The same without seconds: for what stands open all day, since a word that changes has the whole window drawn again. */
export function agoInMinutes(thenMs: number, nowMs: number, t: Translate): string {
  return nowMs - thenMs < MINUTE * 1000 ? t("time.just_now") : ago(thenMs, nowMs, t);
}

export interface Countdown {
  readonly text: string;
  /** late: past the deadline; soon: less than a quarter of `limitS`, or half an hour, is left. */
  readonly state: "late" | "soon" | "calm";
}

/** Time to a deadline in words. */
export function countdown(deadlineMs: number, nowMs: number, t: Translate, limitS?: number): Countdown {
  const left = (deadlineMs - nowMs) / 1000;
  if (left <= 0) return { text: t("time.overdue_by", { span: duration(-left, t) }), state: "late" };
  const edge = Math.max(30 * MINUTE, (limitS ?? 0) / 4);
  return { text: t("time.left", { span: duration(left, t) }), state: left < edge ? "soon" : "calm" };
}

/** A value with its unit; null reads "–". `symbol` is the unit as people write it ("°", "mm"). */
export function quantity(value: number | null | undefined, decimals: number, symbol: string): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return "–";
  const [whole = "", rest] = value.toFixed(decimals).replace(/^-(?=0(\.0+)?$)/, "").replace("-", "−").split(".");
  const grouped = whole.replace(/\B(?=(\d{3})+$)/g, ",");
  const text = rest === undefined ? grouped : `${grouped}.${rest}`;
  if (symbol === "") return text;
  return /^[°%]$/.test(symbol) ? `${text}${symbol}` : `${text}\u202f${symbol}`;
}

/** Decimals shown for each point; the table of points in the registry says the same. */
const DECIMALS: Readonly<Record<string, number>> = {
  tilt_x: 2,
  tilt_y: 2,
  tilt_z: 2,
  displacement: 1,
  vibration: 1,
  water_level: 0,
  temperature: 1,
  battery: 0,
  uptime: 0,
  sample_count: 0,
};

export function decimalsOf(point: string): number {
  return DECIMALS[point] ?? 2;
}

/** Makes a formatter for clock times in the city's zone. */
export function zoneClock(zone: string, language: "zh" | "en", parts: Intl.DateTimeFormatOptions): (ms: number) => string {
  const format = new Intl.DateTimeFormat(language === "zh" ? "zh-CN" : "en-GB", {
    timeZone: zone,
    hourCycle: "h23",
    ...parts,
  });
  return (ms) => format.format(ms);
}

/** Makes a formatter for the marks of an axis of time: days are written as the server writes them, 03-02. */
export function zoneAxis(zone: string, language: "zh" | "en", parts: Intl.DateTimeFormatOptions): (ms: number) => string {
  const locale = language === "zh" ? "zh-CN" : "en-CA";
  const format = new Intl.DateTimeFormat(locale, { timeZone: zone, hourCycle: "h23", ...parts });
  return (ms) => format.format(ms);
}

/** Makes a formatter for moments in the city's zone, written in either language as the server does: 2026-03-02 12:00:00. */
export function zoneMoment(zone: string): (ms: number) => string {
  const two = "2-digit";
  const parts = { year: "numeric", month: two, day: two, hour: two, minute: two, second: two, hourCycle: "h23" } as const;
  const format = new Intl.DateTimeFormat("sv-SE", { timeZone: zone, ...parts });
  return (ms) => format.format(ms);
}
