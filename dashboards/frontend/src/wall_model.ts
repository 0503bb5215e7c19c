// What the wall knows and how it says it. Pure: clock, words and figures come in as arguments.
import { duration } from "./format";
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

export interface WrongRow {
  readonly case_id: number;
  readonly kind: string;
  readonly severity: number;
  readonly stage: string;
  readonly opened_at: string;
  readonly due_at: string;
  readonly overdue: boolean;
  readonly asset_id: number | null;
  readonly what: string;
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

/** Whether people may go by what the screen shows: `lost` must be said loudly. */
export type Freshness = "starting" | "live" | "lost" | "ended";

export interface Contact {
  /** when this screen last got an answer; 0: never (ms of this screen's own clock) */
  readonly answeredAt: number;
  /** when asking began to fail; 0: the last time it did not */
  readonly failingSince: number;
  readonly startedAt: number;
  /** the status of the refusal that stands: 401, 403, 404; 0 none */
  readonly refused: number;
}

const REM_AT_1080_PX = 18;

/** A failed request is worth a loud word after this long: an answer takes a second, a server's restart some five. */
export const LOST_AFTER_MS = 10_000;
/** Without any answer for this long nothing is believed any more, whatever the requests say. */
export const STALE_AFTER_MS = 45_000;

export function freshness(contact: Contact, nowMs: number): Freshness {
  if (contact.refused !== 0) return "ended";
  const since = contact.answeredAt === 0 ? contact.startedAt : contact.answeredAt;
  if (nowMs - since > STALE_AFTER_MS) return "lost";
  if (contact.failingSince > 0 && nowMs - contact.failingSince > LOST_AFTER_MS) return "lost";
  return contact.answeredAt === 0 ? "starting" : "live";
}

export interface Lost {
  readonly title: string;
  readonly text: string;
}

const LINK_ENDED = ["wall.ended", "wall.ended_text"] as const;
const SIGNED_OUT = ["wall.signed_out", "wall.signed_out_text"] as const;
const NOT_ALLOWED = ["wall.not_allowed", "wall.not_allowed_text"] as const;

/** What the banner says, or nothing while all is well: what is wrong, and how old the picture is. `kiosk`: nobody can sign in here. */
export function lostWords(
  fresh: Freshness,
  { at, ageMs, kiosk, refused }: { readonly at: string; readonly ageMs: number; readonly kiosk: boolean; readonly refused: number },
  t: Translate,
): Lost | undefined {
  if (fresh === "ended") {
    const [title, text] = kiosk ? LINK_ENDED : refused === 401 ? SIGNED_OUT : NOT_ALLOWED;
    const stands = at === "" ? "" : `${t("wall.stands", { clock: at })} `;
    return { title: t(title), text: `${stands}${t(text)}` };
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

/** Where the picture stands after each ten minutes, in px: a screen that never moves burns in. */
export function shifted(nowMs: number): readonly [number, number] {
  const places = [[0, 0], [2, 1], [3, 3], [1, 4], [-1, 3], [-3, 1], [-2, -1], [0, -2]] as const;
  return places[Math.floor(nowMs / 600_000) % places.length] ?? [0, 0];
}

/** How large the map is drawn where a rem is so many pixels: at 1080 lines as it is, at 2160 twice as large. */
export function magnified(remPx: number): number {
  return Math.max(1, remPx / REM_AT_1080_PX);
}
