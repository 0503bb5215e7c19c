import { describe, expect, it } from "vitest";
import { isLoud, missedSince } from "./alarm";
import type { WrongNow } from "./answers";

const wrong = (case_id: number, severity: number, opened_at: string): WrongNow => ({ case_id, severity, opened_at }) as WrongNow;

describe("what rings", () => {
  it("a critical alert, and one that becomes critical", () => {
    expect(isLoud({ kind: "alert_fired", body: { severity: 3 } })).toBe(true);
    expect(isLoud({ kind: "alert_changed", body: { severity: 3, change: "step_up" } })).toBe(true);
  });

  it("nothing milder, nothing that ends, nothing that merely goes on", () => {
    expect(isLoud({ kind: "alert_fired", body: { severity: 2 } })).toBe(false);
    expect(isLoud({ kind: "alert_cleared", body: { severity: 3 } })).toBe(false);
    expect(isLoud({ kind: "alert_changed", body: { severity: 3, change: "flapping" } })).toBe(false);
  });

  it("nothing that a permit allows", () => {
    expect(isLoud({ kind: "alert_fired", body: { severity: 3, permit_id: 7 } })).toBe(false);
  });

  it("after more was missed than is told again: what is critical of it and still open, and nothing that was known", () => {
    const rows = [
      wrong(1, 3, "2026-03-02T04:20:00Z"),
      wrong(2, 3, "2026-03-02T04:10:00Z"),
      wrong(3, 2, "2026-03-02T04:15:00Z"),
      wrong(4, 3, "2026-03-02T03:59:00Z"),
    ];
    const told = missedSince(rows, Date.parse("2026-03-02T04:00:00Z"));
    expect(told.map((each) => each.case_id)).toEqual([2, 1]);
  });
});
