import { describe, expect, it } from "vitest";
import { isLoud } from "./alarm";

const at = "2026-03-02T04:00:00Z";
const now = Date.parse(at) + 1_000;

describe("what rings", () => {
  it("a critical alert, and one that becomes critical", () => {
    expect(isLoud({ kind: "alert_fired", at, body: { severity: 3 } }, now)).toBe(true);
    expect(isLoud({ kind: "alert_changed", at, body: { severity: 3, change: "step_up" } }, now)).toBe(true);
  });

  it("nothing milder, nothing that ends, nothing that merely goes on", () => {
    expect(isLoud({ kind: "alert_fired", at, body: { severity: 2 } }, now)).toBe(false);
    expect(isLoud({ kind: "alert_cleared", at, body: { severity: 3 } }, now)).toBe(false);
    expect(isLoud({ kind: "alert_changed", at, body: { severity: 3, change: "flapping" } }, now)).toBe(false);
  });

  it("nothing that a permit allows", () => {
    expect(isLoud({ kind: "alert_fired", at, body: { severity: 3, permit_id: 7 } }, now)).toBe(false);
  });

  it("nothing old that the stream tells again", () => {
    expect(isLoud({ kind: "alert_fired", at, body: { severity: 3 } }, now + 60_000)).toBe(false);
  });
});
