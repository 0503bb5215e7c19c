// What a back-test answers, and how its pieces (each over some of the assets) add up to the whole.

export interface Tally {
  readonly fired: number;
  readonly cleared: number;
  readonly flapped: number;
  readonly expected: number;
  readonly cases: number;
  readonly real: number;
  readonly not_real: number;
  readonly missed: number;
}

/** How many alerts a day or an area would have had. */
export interface Share {
  readonly key: string;
  readonly name: string;
  readonly fired: number;
  readonly real: number;
  readonly present_fired: number;
}

/** `version`: new (only the rule under test), kept (both), gone (only the present one). */
export interface PastAlert {
  readonly asset_id: number;
  readonly asset_name: string;
  readonly point_id: number;
  readonly began_ms: number;
  readonly fired_ms: number;
  readonly cleared_ms: number | null;
  readonly severity: number;
  readonly peak: number;
  readonly expected: boolean;
  readonly case_number: string;
  readonly version: string;
}

export interface MissedCase {
  readonly id: number;
  readonly number: string;
  readonly asset_name: string;
  readonly opened_ms: number;
}

export interface Backtest {
  readonly since_ms: number;
  readonly until_ms: number;
  readonly readings_from_ms: number;
  readonly assets: number;
  readonly assets_of: number;
  readonly read: number;
  readonly next: number | null;
  readonly tally: Tally;
  readonly present: Tally | null;
  readonly days: readonly Share[];
  readonly areas: readonly Share[];
  readonly alerts: readonly PastAlert[];
  readonly missed: readonly MissedCase[];
  readonly listed_all: boolean;
  readonly problems: readonly string[];
}

/** As many alerts are listed one by one; all are counted. */
export const MOST_LISTED = 500;

export const TALLIED = ["fired", "cases", "real", "not_real", "missed", "expected", "flapped"] as const;

function sum(one: Tally, other: Tally): Tally {
  const added = Object.entries(one).map(([name, count]) => [name, count + other[name as keyof Tally]]);
  return Object.fromEntries(added) as unknown as Tally;
}

function shares(one: readonly Share[], more: readonly Share[]): Share[] {
  const found = new Map(one.map((each) => [each.key, each]));
  for (const each of more) {
    const before = found.get(each.key);
    found.set(
      each.key,
      before === undefined
        ? each
        : {
            ...before,
            fired: before.fired + each.fired,
            real: before.real + each.real,
            present_fired: before.present_fired + each.present_fired,
          },
    );
  }
  return [...found.values()].sort((left, right) => (left.key < right.key ? -1 : 1));
}

/** Two pieces of one back-test, the second over the assets that follow the first's. */
export function joined(one: Backtest, more: Backtest): Backtest {
  const alerts = [...one.alerts, ...more.alerts];
  return {
    ...one,
    assets: one.assets + more.assets,
    assets_of: Math.max(one.assets_of, more.assets_of),
    read: one.read + more.read,
    next: more.next,
    tally: sum(one.tally, more.tally),
    present: one.present === null || more.present === null ? one.present : sum(one.present, more.present),
    days: shares(one.days, more.days),
    areas: shares(one.areas, more.areas),
    alerts: alerts.slice(0, MOST_LISTED),
    missed: [...one.missed, ...more.missed].slice(0, MOST_LISTED),
    listed_all: one.listed_all && more.listed_all && alerts.length <= MOST_LISTED,
    problems: [...new Set([...one.problems, ...more.problems])],
  };
}

/** Every day of the span (`2026-03-01`), so that days without an alert leave a gap in the bars. */
export function everyDay(days: readonly Share[], sinceMs: number, untilMs: number, dayOf: (ms: number) => string): Share[] {
  const found = new Map(days.map((each) => [each.key, each]));
  const all: Share[] = [];
  const seen = new Set<string>();
  for (let at = sinceMs; at < untilMs; at += 3_600_000) {
    const key = dayOf(at);
    if (seen.has(key)) continue;
    seen.add(key);
    all.push(found.get(key) ?? { key, name: key, fired: 0, real: 0, present_fired: 0 });
  }
  return all;
}

/** What a point's level is compared with, as values of the point: where it fires and where it clears. */
export interface Compared {
  readonly fire: number;
  readonly clear: number;
  readonly above?: boolean;
  readonly relative?: boolean;
  readonly magnitude?: boolean;
  readonly of_full_scale?: boolean;
}

/** The values at which the condition fires and clears, in the point's own terms; none for shares of full scale. */
export function thresholds(condition: Compared, baseline: number): { fire: number[]; clear: number[] } {
  if (condition.of_full_scale === true) return { fire: [], clear: [] };
  const zero = condition.relative === true ? baseline : 0;
  const both = condition.magnitude === true && condition.above !== false;
  const values = (level: number): number[] => (both ? [zero + level, zero - level] : [zero + level]);
  return { fire: values(condition.fire), clear: values(condition.clear) };
}
