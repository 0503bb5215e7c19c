import { expect, test } from "vitest";
import { type Backtest, everyDay, joined, thresholds } from "./backtest_model";

const tally = { fired: 2, cleared: 1, flapped: 0, expected: 0, cases: 1, real: 1, not_real: 1, missed: 0 };
const alert = {
  asset_id: 1,
  asset_name: "a",
  point_id: 3,
  began_ms: 0,
  fired_ms: 0,
  cleared_ms: null,
  severity: 2,
  peak: 1,
  expected: false,
  case_number: "",
  version: "new",
};
const piece: Backtest = {
  since_ms: 0,
  until_ms: 10,
  readings_from_ms: 0,
  assets: 5,
  assets_of: 20,
  read: 100,
  next: 5,
  tally,
  present: tally,
  days: [{ key: "2026-03-01", name: "", fired: 2, real: 1, present_fired: 1 }],
  areas: [],
  alerts: [alert, alert],
  missed: [],
  listed_all: true,
  problems: [],
};

test("pieces of a back-test add up", () => {
  const day = { key: "2026-03-02", name: "", fired: 1, real: 0, present_fired: 0 };
  const whole = joined(piece, { ...piece, next: null, days: [...piece.days, day], problems: ["x"] });
  expect(whole.tally.fired).toBe(4);
  expect(whole.present?.cases).toBe(2);
  expect([whole.assets, whole.assets_of, whole.read, whole.next]).toEqual([10, 20, 200, null]);
  expect(whole.days.map((each) => each.fired)).toEqual([4, 1]);
  expect([whole.alerts.length, whole.listed_all, whole.problems]).toEqual([4, true, ["x"]]);
});

test("no more alerts are listed than can be read", () => {
  const many = { ...piece, alerts: Array.from({ length: 400 }, () => alert) };
  const whole = joined(many, many);
  expect([whole.alerts.length, whole.listed_all]).toEqual([500, false]);
});

test("days without an alert have their place", () => {
  const dayOf = (ms: number): string => new Date(ms).toISOString().slice(0, 10);
  const all = everyDay(piece.days, Date.UTC(2026, 1, 27), Date.UTC(2026, 2, 3), dayOf);
  expect(all.map((each) => each.fired)).toEqual([0, 0, 2, 0]);
});

test("thresholds stand around the baseline where the level has no sign", () => {
  const level = { fire: 15, clear: 10 };
  expect(thresholds({ ...level, relative: true, magnitude: true }, 2).fire).toEqual([17, -13]);
  expect(thresholds({ ...level, above: false }, 2)).toEqual({ fire: [15], clear: [10] });
  expect(thresholds({ ...level, of_full_scale: true }, 2).fire).toEqual([]);
});
