// The span of time that a board shows: said as "-24h … now" or as two moments, always read in the city's zone.
import { cityNow } from "../clock";
import { zoneAxis } from "../format";
import type { Translate } from "../words";

/** As it stands in the board and in the address: relative ("-7d", "now") or a moment (ISO 8601). */
export interface Saying {
  readonly from: string;
  readonly to: string;
}

export interface Span {
  readonly fromMs: number;
  readonly toMs: number;
}

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const UNITS: Readonly<Record<string, number>> = { s: SECOND, m: MINUTE, h: HOUR, d: DAY, w: 7 * DAY, M: 30 * DAY, y: 365 * DAY };

export const QUICK = ["-15m", "-1h", "-3h", "-6h", "-12h", "-24h", "-2d", "-7d", "-30d", "-90d", "-1y"] as const;
export const LEAST_MS = 2_000;
const MOST_MS = 10 * 365 * DAY;

/** Length of "-24h" in ms; undefined when it is no such saying. */
export function lengthOf(saying: string): number | undefined {
  const found = /^-(\d{1,5})(s|m|h|d|w|M|y)$/.exec(saying);
  const unit = UNITS[found?.[2] ?? ""];
  return found === null || unit === undefined ? undefined : Number(found[1]) * unit;
}

function momentOf(saying: string, nowMs: number): number | undefined {
  if (saying === "now") return nowMs;
  const back = lengthOf(saying);
  if (back !== undefined) return nowMs - back;
  const at = Date.parse(saying);
  return Number.isNaN(at) ? undefined : at;
}

/** The span meant at `nowMs`; undefined when it can't be read or ends before it begins. */
export function spanOf(saying: Saying, nowMs: number): Span | undefined {
  const fromMs = momentOf(saying.from, nowMs);
  const toMs = momentOf(saying.to, nowMs);
  if (fromMs === undefined || toMs === undefined || toMs - fromMs < LEAST_MS || toMs - fromMs > MOST_MS) return undefined;
  return { fromMs, toMs };
}

/** What an address says of a span; `usual` where it says nothing, or nothing that can be read. */
export function readSaying(asked: URLSearchParams, usual: Saying): Saying {
  const said = { from: asked.get("from") ?? usual.from, to: asked.get("to") ?? usual.to };
  return spanOf(said, cityNow()) === undefined ? usual : said;
}

/** The span that the first readable saying means now; without any the last day. */
export function spanNow(...sayings: readonly Saying[]): Span {
  const now = cityNow();
  const found = sayings.map((saying) => spanOf(saying, now)).find((span) => span !== undefined);
  return found ?? { fromMs: now - DAY, toMs: now };
}

/** Two moments as a saying, whole seconds. */
export function fixed(span: Span): Saying {
  const iso = (ms: number): string => new Date(Math.round(ms / SECOND) * SECOND).toISOString().replace(".000Z", "Z");
  return { from: iso(span.fromMs), to: iso(span.toMs) };
}

/** Whether the span goes on by itself. */
export function isLive(saying: Saying): boolean {
  return saying.to === "now";
}

/** Half a span further into the past (-1) or on (1); what would lie in the future ends now. */
export function moved(span: Span, by: number, nowMs: number): Span {
  const step = (span.toMs - span.fromMs) * 0.5 * by;
  const over = Math.max(0, span.toMs + step - nowMs);
  return { fromMs: span.fromMs + step - over, toMs: span.toMs + step - over };
}

/** Twice as long around its middle (`factor` 2) or half (0.5), never into the future. */
export function scaled(span: Span, factor: number, nowMs: number): Span {
  const middle = (span.fromMs + span.toMs) / 2;
  const half = Math.min(Math.max(((span.toMs - span.fromMs) / 2) * factor, LEAST_MS), MOST_MS / 2);
  const over = Math.max(0, middle + half - nowMs);
  return { fromMs: middle - half - over, toMs: middle + half - over };
}

/** What ends this close before now, as a share of its length, is meant to end now: pressing takes time. */
const NEARLY_NOW = 0.05;
/** Lengths in their usual words: "-24h", but "-2d". */
const WORDED = [["y", UNITS.y, 1], ["d", UNITS.d, 2], ["h", UNITS.h, 1], ["m", UNITS.m, 1], ["s", UNITS.s, 1]] as const;

/** "-24h" for the length of a day, in the coarsest unit that says it whole. */
export function sayingOf(lengthMs: number): string {
  const seconds = Math.max(1, Math.round(lengthMs / SECOND)) * SECOND;
  for (const [letter, unit = SECOND, least] of WORDED) {
    const many = seconds / unit;
    if (Number.isInteger(many) && many >= least && many < 100_000) return `-${many}${letter}`;
  }
  return `-${Math.round(seconds / HOUR)}h`;
}

/** Half a span further, as it is to be said: what reaches now goes on from there by itself. */
export function movedSaying(said: Saying, span: Span, by: number, nowMs: number): Saying {
  return by > 0 && isLive(said) ? said : reaching(moved(span, by, nowMs), nowMs);
}

/** The span made longer or shorter, as it is to be said: one that goes on by itself still does. */
export function scaledSaying(said: Saying, span: Span, factor: number, nowMs: number): Saying {
  if (!isLive(said)) return factor > 1 ? reaching(scaled(span, factor, nowMs), nowMs) : fixed(scaled(span, factor, nowMs));
  const length = Math.min(Math.max((span.toMs - span.fromMs) * factor, 2 * LEAST_MS), MOST_MS);
  return { from: sayingOf(length), to: "now" };
}

function reaching(span: Span, nowMs: number): Saying {
  const length = span.toMs - span.fromMs;
  return nowMs - span.toMs <= length * NEARLY_NOW ? { from: sayingOf(length), to: "now" } : fixed(span);
}

/** The span moved by `byMs` under a hand, no further than now. */
export function dragged(span: Span, byMs: number, nowMs: number): Span {
  const by = Math.min(byMs, Math.max(0, nowMs - span.toMs));
  return { fromMs: span.fromMs + by, toMs: span.toMs + by };
}

/** The moment as the field of a form takes it ("2026-03-01T08:30"), on the city's clock. */
export function fieldOf(ms: number, zone: string): string {
  const parts = new Intl.DateTimeFormat("en-CA", {
    timeZone: zone,
    hourCycle: "h23",
    year: "numeric",
    month: "2-digit",
    day: "2-digit",
    hour: "2-digit",
    minute: "2-digit",
  }).formatToParts(ms);
  const of = (type: string): string => parts.find((part) => part.type === type)?.value ?? "00";
  return `${of("year")}-${of("month")}-${of("day")}T${of("hour")}:${of("minute")}`;
}

/** How far the city's clock is ahead of UTC at `ms`, in ms. */
export function aheadOfUtc(ms: number, zone: string): number {
  return Date.parse(`${fieldOf(ms, zone)}:00Z`) - Math.floor(ms / MINUTE) * MINUTE;
}

/** The moment that a field means on the city's clock; undefined when the field is empty. */
export function momentOfField(text: string, zone: string): number | undefined {
  const asUtc = /^\d{4}-\d\d-\d\dT\d\d:\d\d/.test(text) ? Date.parse(`${text.slice(0, 16)}:00Z`) : Number.NaN;
  if (Number.isNaN(asUtc)) return undefined;
  // twice: the first guess may lie on the other side of a change of the clocks
  const guess = asUtc - aheadOfUtc(asUtc, zone);
  return asUtc - aheadOfUtc(guess, zone);
}

/** "Last 24 h", or two moments. */
export function spanWords(saying: Saying, span: Span, t: Translate, moment: (ms: number) => string): string {
  const length = lengthOf(saying.from);
  if (saying.to === "now" && length !== undefined) return t("board.last", { span: lengthWords(saying.from, t) });
  return t("board.from_to", { from: moment(span.fromMs), to: saying.to === "now" ? t("board.now") : moment(span.toMs) });
}

/** "24 h" for "-24h". */
export function lengthWords(saying: string, t: Translate): string {
  const found = /^-(\d+)(s|m|h|d|w|M|y)$/.exec(saying);
  if (found === null) return saying;
  const unit = found[2] === "M" ? "month" : found[2] === "m" ? "min" : (found[2] ?? "");
  return t(`board.length.${unit}`, { n: Number(found[1]) });
}

/** How finely the ticks of a time axis are written. */
export function tickParts(stepMs: number, lengthMs: number): Intl.DateTimeFormatOptions {
  if (stepMs >= 27 * DAY) return { year: "numeric", month: "2-digit" };
  if (stepMs >= DAY) return { month: "2-digit", day: "2-digit" };
  const clock: Intl.DateTimeFormatOptions = { hour: "2-digit", minute: "2-digit" };
  if (stepMs < MINUTE) return { ...clock, second: "2-digit" };
  return lengthMs > 2 * DAY ? { month: "2-digit", day: "2-digit", ...clock } : clock;
}

/** The ticks of a time axis in words. Where they tell the clock alone, midnight is written as the day that begins there. */
export function tickWords(ticks: readonly number[], lengthMs: number, zone: string, language: "zh" | "en"): string[] {
  const [first, second] = ticks;
  const parts = tickParts(first === undefined || second === undefined ? lengthMs / 2 : second - first, lengthMs);
  const words = ticks.map(zoneAxis(zone, language, parts));
  if (parts.month !== undefined) return words;
  const day = zoneAxis(zone, language, { month: "2-digit", day: "2-digit" });
  return words.map((each, at) => (/^00:00(:00)?$/.test(each) ? day(ticks[at] ?? 0) : each));
}
