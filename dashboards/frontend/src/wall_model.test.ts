import { expect, test } from "vitest";
import { ageWords, cameUp, ceiling, type Contact, figuresOf, freshness, isCalm, isJudged, lostWords, LOST_AFTER_MS, magnified, ServerClock, share, shifted, soFar, STALE_AFTER_MS, UNJUDGED_AFTER_MS, type WallScreen, type WrongRow } from "./wall_model";

const NOON = Date.parse("2026-03-02T04:00:00Z");
const HOUR = 3_600_000;
const told: Contact = { answeredAt: NOON, failingSince: 0, unjudgedSince: 0, startedAt: NOON - HOUR, refused: 0 };
const t = (key: string, values: Readonly<Record<string, string | number>> = {}): string =>
  `${key}${Object.values(values).map((each) => ` ${each}`).join("")}`;

test("a screen is live as long as answers come", () => {
  expect(freshness(told, NOON + 20_000)).toBe("live");
  expect(freshness({ ...told, answeredAt: 0, startedAt: NOON }, NOON + 1_000)).toBe("starting");
});

test("a request that fails once is no loss, failing for ten seconds is", () => {
  const failing = { ...told, failingSince: NOON + 5_000 };
  expect(freshness(failing, NOON + 5_000 + LOST_AFTER_MS - 1)).toBe("live");
  expect(freshness(failing, NOON + 5_001 + LOST_AFTER_MS)).toBe("lost");
});

test("figures grow old even where no request fails", () => {
  expect(freshness(told, NOON + STALE_AFTER_MS + 1)).toBe("lost");
  expect(freshness({ ...told, answeredAt: 0, startedAt: NOON }, NOON + STALE_AFTER_MS + 1)).toBe("lost");
});

test("whoever is refused is told what is wrong, and from when the picture is", () => {
  expect(freshness({ ...told, refused: 404 }, NOON)).toBe("ended");
  const said = { at: "12:00:00", ageMs: 120_000, judgedUntil: "", unjudgedMs: 0, kiosk: false, refused: 401 };
  expect(lostWords("ended", said, t)).toEqual({ title: "wall.signed_out", text: "wall.stands 12:00:00 time.min_ago 2 wall.signed_out_text" });
  expect(lostWords("ended", { ...said, refused: 403 }, t)?.title).toBe("wall.not_allowed");
  expect(lostWords("ended", { ...said, at: "", kiosk: true, refused: 404 }, t)).toEqual({ title: "wall.ended", text: "wall.ended_text" });
});

test("figures that come as they should are of just now, others as old as they are", () => {
  expect([ageWords(16_000, t), ageWords(21_000, t), ageWords(125_000, t)]).toEqual(["time.just_now", "time.s_ago 21", "time.min_ago 2"]);
});

test("the banner says from when the picture is and how long ago that was", () => {
  const said = { at: "12:00:00", ageMs: 300_000, judgedUntil: "", unjudgedMs: 0, kiosk: false, refused: 0 };
  expect(lostWords("live", said, t)).toBeUndefined();
  expect(lostWords("lost", said, t)?.text).toBe("wall.lost_text 12:00:00 time.min 5");
  expect(lostWords("lost", { ...said, at: "" }, t)?.text).toBe("wall.never");
});

test("a screen that is told that nobody judges says so, but not of a worker that is started again", () => {
  const unjudged = { ...told, answeredAt: NOON + 30_000, unjudgedSince: NOON };
  expect(freshness(unjudged, NOON + UNJUDGED_AFTER_MS)).toBe("live");
  expect(freshness(unjudged, NOON + UNJUDGED_AFTER_MS + 1)).toBe("unjudged");
  expect(freshness({ ...unjudged, failingSince: NOON }, NOON + 30_000)).toBe("lost");
  const said = { at: "12:00:00", ageMs: 0, judgedUntil: "03-02 11:50", unjudgedMs: 600_000, kiosk: true, refused: 0 };
  const since = "wall.unjudged_since 03-02 11:50 time.min_ago 10";
  expect(lostWords("unjudged", said, t)).toEqual({ title: "wall.unjudged", text: `${since} wall.unjudged_text` });
  expect(lostWords("unjudged", { ...said, judgedUntil: "" }, t)?.text).toBe("wall.unjudged_text");
});

const screenOf = (changed: Partial<WallScreen["state"]>, wrong: readonly Partial<WrongRow>[] = [], at = NOON): WallScreen => ({
  at: new Date(at).toISOString(),
  wrong,
  state: { counters: {}, running: { "3": 0, "2": 0, "1": 0 }, worker_until: new Date(at + 9_000).toISOString(), ...changed },
}) as unknown as WallScreen;

test("all is well only while no alert fires, no case needs somebody and somebody judges", () => {
  expect(isCalm(screenOf({ counters: { alerts_critical: 0, cases_open: 2 } }, [{ case_id: 1, stage: "suspended" }]))).toBe(true);
  expect(isCalm(screenOf({ counters: { alerts_notice: 1 } }))).toBe(false);
  expect(isCalm(screenOf({ running: { "1": 1 } }))).toBe(false);
  for (const worker_until of [null, new Date(NOON).toISOString()]) {
    expect(isJudged(screenOf({ worker_until }))).toBe(false);
    expect(isCalm(screenOf({ worker_until }))).toBe(false);
  }
});

test("what comes up after calm is new, what was there before and only moves up is not", () => {
  const ago = (ms: number): string => new Date(NOON - ms).toISOString();
  const first = { case_id: 5, alert_id: null, known_at: ago(-20_000) };
  const calm = screenOf({});
  expect([...cameUp(undefined, screenOf({}, [first]))]).toEqual([]);
  expect([...cameUp(calm, screenOf({}, [first]))]).toEqual(["case-5"]);
  expect([...cameUp(screenOf({}, [first]), screenOf({}, [first]))]).toEqual([]);
  expect([...cameUp(calm, screenOf({}, [{ case_id: 2, known_at: ago(2 * HOUR) }]))]).toEqual([]);
  const alone = { case_id: null, alert_id: 5, known_at: ago(0), opened_at: ago(HOUR) };
  expect([...cameUp(screenOf({}, [first]), screenOf({}, [first, alone]))]).toEqual(["alert-5"]);
});

test("the time is the server's however wrong the screen's own clock is", () => {
  const clock = new ServerClock();
  expect(clock.now(1_000, NOON - HOUR)).toBe(NOON - HOUR);
  clock.hear(NOON, 5_000);
  expect(clock.now(12_000, NOON - HOUR)).toBe(NOON + 7_000);
});

test("what is usual by now counts the running hour in part", () => {
  const trend = { from_ms: NOON - 2 * HOUR, today: [3, 1, 2], usual: [2, 4, 6, ...Array.from({ length: 21 }, () => 1)] };
  expect(soFar(trend, NOON + HOUR / 2)).toEqual({ today: 6, usual: 9 });
  expect(soFar({ ...trend, usual: null }, NOON)).toEqual({ today: 6, usual: null });
});

test("the chart's height is round and never nothing", () => {
  expect(ceiling({ from_ms: 0, today: [], usual: null })).toBe(4);
  expect(ceiling({ from_ms: 0, today: [13], usual: [7] })).toBe(20);
  expect(ceiling({ from_ms: 0, today: [2], usual: [310] })).toBe(400);
});

test("bars never reach beyond their field", () => {
  expect([share(1, 4), share(9, 4), share(1, 0)]).toEqual([0.25, 1, 0]);
});

test("the picture moves a little, and comes back", () => {
  const moves = Array.from({ length: 9 }, (_, step) => shifted(NOON + step * 600_000));
  expect(moves[8]).toEqual(moves[0]);
  expect(Math.max(...moves.flat().map(Math.abs))).toBeLessThanOrEqual(4);
});

test("sensors are told by those that are heard, and alerts apart from cases", () => {
  const screen = {
    state: {
      counters: { devices: 40, devices_silent: 3, alerts_critical: 0, cabinets: 4, cabinets_online: 3 },
      running: { "3": 2 },
      due_soon: 1,
      mobile: [{ kind: "vehicle", total: 5, online: 4 }, { kind: "handset", total: 2, online: 0 }],
    },
  } as unknown as WallScreen;
  const figures = figuresOf(screen);
  expect(figures.devices_heard).toEqual({ value: 37, of: 40 });
  expect(figures.mobile_online).toEqual({ value: 4, of: 7 });
  expect([figures.alerts_critical?.value, figures.running_3?.value]).toEqual([0, 2]);
});

test("the map grows with the screen and never shrinks", () => {
  expect([11, 18, 36].map(magnified)).toEqual([1, 1, 2]);
});
