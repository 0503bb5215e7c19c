import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { KINDS, type LiveEvent, resumeAddress, shownState } from "./live";
import { lineOf } from "./ticker";
import { translator } from "./words";

const zh = translator(JSON.parse(readFileSync("../words/zh.json", "utf8")) as Record<string, string>);

function event(kind: string, body: LiveEvent["body"]): LiveEvent {
  return { id: 1, at: "2026-03-02T04:00:00Z", kind, body };
}

describe("the live badge", () => {
  it("does not cry wolf for a blink", () => {
    expect(shownState("lost", 500)).toBe("live");
    expect(shownState("lost", 2_500)).toBe("lost");
  });

  it("goes on after the last event that arrived", () => {
    expect(resumeAddress("/api/v1/stream?since=3", 17)).toBe("/api/v1/stream?since=17");
    expect(resumeAddress("/api/v1/stream?since=3", 0)).toBe("/api/v1/stream?since=3");
  });
});

describe("the latest events", () => {
  it("tell a new case with its asset and lead to it", () => {
    const body = { case_id: 7, kind: "cover_displaced", severity: 3, stage: "filed", asset_id: 4, asset_name: "1 号" };
    expect(lineOf(event("case_opened", body), zh)).toEqual({
      text: "新案件：井盖移位或缺失",
      where: "1 号",
      href: "/cases/7",
      severity: 3,
    });
  });

  it("show good news as good", () => {
    const cleared = lineOf(event("alert_cleared", { rule_key: "water_high", severity: 2, asset_id: 4 }), zh);
    const closed = lineOf(event("case_moved", { kind: "water_high", stage: "closed", severity: 2, case_id: 1 }), zh);
    expect([cleared.severity, closed.severity]).toEqual([0, 0]);
    expect(cleared.href).toBe("/assets/4");
  });

  it("warn of a cabinet that is gone", () => {
    const line = lineOf(event("cabinet_offline", { cabinet: "c2" }), zh);
    expect(line).toEqual({ text: "机柜 c2 离线", where: "", href: "/system#cabinets", severity: 2 });
  });

  it.each(KINDS)("%s has words", (kind) => {
    const { text } = lineOf(event(kind, { rule_key: "water_high", kind: "water_high", stage: "filed", cabinet: "c" }), zh);
    expect(text).not.toMatch(/event\.|\{|\./);
  });
});
