// What the wall knows and how it says it. Pure: clock, words and figures come in as arguments.
import { ago, duration } from "./format";
import type { Translate } from "./words";

export interface StageCount {
  readonly stage: string;
  readonly open: number;
  readonly late: number;
}

export interface UnitWork {
  readonly unit_id: number;
  readonly name: string;
  readonly open: number;
  readonly due_today: number;
  readonly late: number;
}

export interface Trend {
  readonly from_ms: number;
  readonly today: readonly number[];
  readonly usual: readonly number[] | null;
}

export interface MobileTally {
  readonly kind: string;
  readonly total: number;
  readonly online: number;
}

/** A case, or an alert without one: then `case_id`, `stage` and `due_at` are null and `rule_key` and `mark` are known. */
export interface WrongRow {
  readonly case_id: number | null;
  readonly alert_id: number | null;
  readonly kind: string;
  readonly rule_key: string;
  readonly mark: "" | "alone" | "waits" | "expected";
  readonly severity: number;
  readonly stage: string | null;
  readonly opened_at: string;
  /** when the city learned of it; an alert may have begun long before */
  readonly known_at: string;
  readonly due_at: string | null;
  readonly overdue: boolean;
  readonly asset_id: number | null;
  readonly what: string;
  readonly bus: string;
  readonly road: string;
  readonly alerts: number;
  readonly point: string | null;
  readonly value: number | null;
  readonly unit: string | null;
}

export interface WallScreen {
  readonly at: string;
  readonly feed_id: number;
  readonly version: string;
  readonly wrong: readonly WrongRow[];
  readonly state: {
    readonly counters: Readonly<Record<string, number>>;
    readonly running: Readonly<Record<string, number>>;
    readonly due_soon: number;
    /** when the worker's lease ends; null: nobody has one */
    readonly worker_until: string | null;
    readonly stages: readonly StageCount[];
    readonly units: readonly UnitWork[];
    readonly units_more: number;
    readonly seasons: readonly { readonly key: string; readonly name_zh: string; readonly name_en: string }[];
    readonly trend: Trend;
    readonly mobile: readonly MobileTally[];
  };
}

/** A number of the wall; `of`: the whole it is a part of. */
export interface Figure {
  readonly value: number;
  readonly of?: number;
}

/** Every number at the top, by its name in the template. */
export function figuresOf({ state }: WallScreen): Readonly<Record<string, Figure>> {
  const { counters, running, mobile } = state;
  const devices = counters.devices ?? 0;
  const sum = (pick: (each: MobileTally) => number): number => mobile.reduce((all, each) => all + pick(each), 0);
  return {
    alerts_critical: { value: counters.alerts_critical ?? 0 },
    alerts_alarm: { value: counters.alerts_alarm ?? 0 },
    alerts_notice: { value: counters.alerts_notice ?? 0 },
    running_3: { value: running["3"] ?? 0 },
    running_2: { value: running["2"] ?? 0 },
    running_1: { value: running["1"] ?? 0 },
    cases_overdue: { value: counters.cases_overdue ?? 0 },
    due_soon: { value: state.due_soon },
    cases_closed_24h: { value: counters.cases_closed_24h ?? 0 },
    devices_heard: { value: Math.max(0, devices - (counters.devices_silent ?? 0)), of: devices },
    cabinets_online: { value: counters.cabinets_online ?? 0, of: counters.cabinets ?? 0 },
    mobile_online: { value: sum((each) => each.online), of: sum((each) => each.total) },
  };
}

/** Whether somebody still judges what time alone brings about: silence, deadlines, what has lasted long enough. */
export function isJudged({ at, state }: Pick<WallScreen, "at" | "state">): boolean {
  return state.worker_until !== null && Date.parse(state.worker_until) > Date.parse(at);
}

/** All is well: no alert fires, no case needs somebody, and there is who would notice. */
export function isCalm(screen: WallScreen): boolean {
  const { counters, running } = screen.state;
  const alerts = (counters.alerts_critical ?? 0) + (counters.alerts_alarm ?? 0) + (counters.alerts_notice ?? 0);
  return alerts === 0 && Object.values(running).every((many) => many === 0) && isJudged(screen);
}

/** What an answer was made from may be a moment older than it says: a transaction ends after its own time. */
const LEEWAY_MS = 60_000;

export function keyOf(row: WrongRow): string {
  return row.case_id === null ? `alert-${row.alert_id}` : `case-${row.case_id}`;
}

/** What came up since the last answer: not what only moved up among the rows, and nothing on the first answer. */
export function cameUp(before: WallScreen | undefined, after: WallScreen): ReadonlySet<string> {
  if (before === undefined) return new Set();
  const known = new Set(before.wrong.map(keyOf));
  const since = Date.parse(before.at) - LEEWAY_MS;
  return new Set(after.wrong.filter((row) => Date.parse(row.known_at) > since).map(keyOf).filter((key) => !known.has(key)));
}

/** The server's clock, carried on between its answers by a counter that nobody sets: a screen's own clock may be wrong. */
export class ServerClock {
  private ahead: number | undefined;

  hear(serverMs: number, counterMs: number): void {
    this.ahead = serverMs - counterMs;
  }

  /** Until the server has said what time it is, the screen's own clock has to do. */
  now(counterMs: number, ownMs: number): number {
    return this.ahead === undefined ? ownMs : this.ahead + counterMs;
  }
}

/** Whether people may go by what the screen shows: `lost` and `unjudged` must be said loudly. */
export type Freshness = "starting" | "live" | "unjudged" | "lost" | "ended";

/** Moments of a counter of this screen's own that nobody sets, in ms. */
export interface Contact {
  /** when this screen last got an answer; 0: never */
  readonly answeredAt: number;
  /** when asking began to fail; 0: the last time it did not */
  readonly failingSince: number;
  /** since when answers say that nobody judges; 0: the last one did not */
  readonly unjudgedSince: number;
  readonly startedAt: number;
  /** the status of the refusal that stands: 401, 403, 404; 0 none */
  readonly refused: number;
}

const REM_AT_1080_PX = 18;

/** A failed request is worth a loud word after this long: an answer takes a second, a server's restart some five. */
export const LOST_AFTER_MS = 10_000;
/** Without any answer for this long nothing is believed any more, whatever the requests say. */
export const STALE_AFTER_MS = 45_000;
/** Answers come every quarter of a minute at least. */
const FRESH_MS = 20_000;
/** A worker that is started again is away for some ten seconds. */
export const UNJUDGED_AFTER_MS = 20_000;

export function freshness(contact: Contact, nowMs: number): Freshness {
  if (contact.refused !== 0) return "ended";
  const since = contact.answeredAt === 0 ? contact.startedAt : contact.answeredAt;
  if (nowMs - since > STALE_AFTER_MS) return "lost";
  if (contact.failingSince > 0 && nowMs - contact.failingSince > LOST_AFTER_MS) return "lost";
  if (contact.unjudgedSince > 0 && nowMs - contact.unjudgedSince > UNJUDGED_AFTER_MS) return "unjudged";
  return contact.answeredAt === 0 ? "starting" : "live";
}

export interface Lost {
  readonly title: string;
  readonly text: string;
}

const LINK_ENDED = ["wall.ended", "wall.ended_text"] as const;
const SIGNED_OUT = ["wall.signed_out", "wall.signed_out_text"] as const;
const NOT_ALLOWED = ["wall.not_allowed", "wall.not_allowed_text"] as const;

export interface Said {
  /** of when the picture is; "" while there is none */
  readonly at: string;
  readonly ageMs: number;
  /** until when somebody judged, and how long ago that was; "" where that is not known */
  readonly judgedUntil: string;
  readonly unjudgedMs: number;
  /** nobody can sign in here */
  readonly kiosk: boolean;
  readonly refused: number;
}

/** How old the figures are: words that stand still as long as answers come as they should. */
export function ageWords(ageMs: number, t: Translate): string {
  return ageMs < FRESH_MS ? t("time.just_now") : ago(0, ageMs, t);
}

/** What the banner says, or nothing while all is well: what is wrong, and how old the picture is. */
export function lostWords(fresh: Freshness, { at, ageMs, judgedUntil, unjudgedMs, kiosk, refused }: Said, t: Translate): Lost | undefined {
  if (fresh === "ended") {
    const [title, text] = kiosk ? LINK_ENDED : refused === 401 ? SIGNED_OUT : NOT_ALLOWED;
    const stands = at === "" ? "" : `${t("wall.stands", { clock: at, ago: ageWords(ageMs, t) })} `;
    return { title: t(title), text: `${stands}${t(text)}` };
  }
  if (fresh === "unjudged") {
    const since = judgedUntil === "" ? "" : `${t("wall.unjudged_since", { moment: judgedUntil, ago: ago(0, unjudgedMs, t) })} `;
    return { title: t("wall.unjudged"), text: `${since}${t("wall.unjudged_text")}` };
  }
  if (fresh !== "lost") return undefined;
  const text = at === "" ? t("wall.never") : t("wall.lost_text", { clock: at, span: duration(ageMs / 1000, t) });
  return { title: t("wall.lost"), text };
}

/** A part of a bar, 0…1, of what is largest among them. */
export function share(part: number, largest: number): number {
  return largest <= 0 ? 0 : Math.min(1, Math.max(0, part / largest));
}

/** Cases of today so far, and what is usual by now: the hour that runs counts for the part of it that is over. */
export function soFar(trend: Trend, nowMs: number): { today: number; usual: number | null } {
  const today = trend.today.reduce((all, each) => all + each, 0);
  if (trend.usual === null) return { today, usual: null };
  const hours = Math.min(24, Math.max(0, (nowMs - trend.from_ms) / 3_600_000));
  const whole = Math.floor(hours);
  const before = trend.usual.slice(0, whole).reduce((all, each) => all + each, 0);
  return { today, usual: before + (trend.usual[whole] ?? 0) * (hours - whole) };
}

/** The greatest height of the chart: a round number, so that it does not jump with each case. */
export function ceiling(trend: Trend): number {
  const most = Math.max(4, ...trend.today, ...(trend.usual ?? []));
  const size = 10 ** Math.floor(Math.log10(most));
  return [1, 2, 4, 5, 10].map((step) => step * size).find((round) => round >= most) ?? most;
}

/** Where the picture stands in each ten minutes of a counter, in px: a screen that never moves burns in. */
export function shifted(nowMs: number): readonly [number, number] {
  const places = [[0, 0], [2, 1], [3, 3], [1, 4], [-1, 3], [-3, 1], [-2, -1], [0, -2]] as const;
  return places[Math.floor(nowMs / 600_000) % places.length] ?? [0, 0];
}

/** How large the map is drawn where a rem is so many pixels: at 1080 lines as it is, at 2160 twice as large. */
export function magnified(remPx: number): number {
  return Math.max(1, remPx / REM_AT_1080_PX);
}
