import { describe, expect, it } from "vitest";
import { actOf, draftOf, missing, roomFor, scanOf, type Facts } from "./forms";
import type { Act, Asset, Draft, FormKind, Move, Subject } from "./shapes";

const FACTS: Facts = {
  user: { id: 7, name: "王强" },
  done_at: "2026-11-26T04:00:00.000Z",
  id: "act-1",
  key: "key-1",
  token: undefined,
  version: undefined,
  seen_entry: undefined,
  after: undefined,
};
const HAND_BACK: Move = { name: "hand_back", note_required: false, note_or_photo: true, before_and_after: false, verdict_required: false };

function draft(kind: FormKind, fields: Record<string, string>, subject: Subject = { asset_id: 3 }): Draft {
  return { id: "d", user_id: 7, kind, subject, about: "井盖 3", fields, pictures: [], changed_ms: 0 };
}

describe("a form", () => {
  it("asks for what is missing, in the order of its fields", () => {
    expect(missing(draft("permit", {}), undefined, false)).toBe("work");
    expect(missing(draft("permit", { work: "清淤", people: "2", minutes: "60" }), undefined, false)).toBe("note");
    expect(missing(draft("permit", { work: "清淤", people: "2", minutes: "60" }), undefined, true)).toBe("");
    expect(missing(draft("report", { text: "  " }), undefined, false)).toBe("text");
    expect(missing(draft("rezero", { "point.tilt_x": " ", reason: "装正" }), undefined, false)).toBe("point");
  });
  it("sends nothing without what somebody measured: words that are no number are pointed at", () => {
    expect(missing(draft("rezero", { "point.tilt_x": "1,5", "point.tilt_y": "0.3度", reason: "装正" }), undefined, false)).toBe("point.tilt_y");
    expect(missing(draft("rezero", { "point.tilt_x": "1,5", reason: "装正" }), undefined, false)).toBe("");
    const moved = (quantity: string): string => missing(draft("move", { note: "已复位", quantity }, { case_id: 5, move: "hand_back" }), HAND_BACK, false);
    expect([moved("约 3"), moved("3"), moved("")]).toEqual(["quantity", "", ""]);
  });
  it("takes nine pictures with one report or step, and any number for a file", () => {
    const picture = { id: "p", kind: "", taken_at: FACTS.done_at } as const;
    const room = (kind: FormKind, has: number, more: number): number => roomFor({ ...draft(kind, {}), pictures: Array(has).fill(picture) }, more);
    expect([room("report", 0, 4), room("report", 7, 4), room("move", 9, 1), room("report", 12, 1), room("picture", 9, 4)]).toEqual([4, 2, 0, 0, 4]);
  });
  it("takes a photo for words where the move does", () => {
    const bare = draft("move", {}, { case_id: 5, asset_id: 3, move: "hand_back" });
    expect(missing(bare, HAND_BACK, false)).toBe("note");
    const pictured: Draft = { ...bare, pictures: [{ id: "p", kind: "after", taken_at: FACTS.done_at }] };
    expect(missing(pictured, HAND_BACK, false)).toBe("");
  });
  it("wants the place before and after where the case is settled on the spot", () => {
    const move = { ...HAND_BACK, name: "self_handle", note_or_photo: false, before_and_after: true };
    const one = { id: "p", kind: "before", taken_at: FACTS.done_at } as const;
    expect(missing({ ...draft("move", {}), pictures: [one] }, move, false)).toBe("pictures");
    expect(missing({ ...draft("move", {}), pictures: [one, { ...one, kind: "after" }] }, move, false)).toBe("");
  });
});

describe("what is sent", () => {
  it("carries when it was done, and the plate that was scanned", () => {
    const act = actOf(draft("permit", { work: "清淤", people: "2", minutes: "60" }), { ...FACTS, token: "K3M7PQ2X" });
    expect(act.request).toEqual({
      path: "/assets/3/permits",
      body: { work: "清淤", people: 2, minutes: 60, token: "K3M7PQ2X", note: "", done_at: FACTS.done_at },
    });
    expect(act.line).toBe("asset 3");
  });
  it("is of a plate that was read what its page would keep", () => {
    const act = scanOf({ id: 3, name: "井盖 3" } as Asset, "K3M7PQ2X", FACTS);
    expect(act).toMatchObject({ kind: "scan", subject: { asset_id: 3 }, state: "waiting", request: { path: "/scans", body: { token: "K3M7PQ2X", done_at: FACTS.done_at } } });
    expect(act.line).not.toBe("asset 3"); // it holds up nothing that is done there
  });
  it("ends a permit that has no number yet by the act that started it", () => {
    const act = actOf(draft("permit_end", {}, { asset_id: 3, permit_act: "act-0" }), { ...FACTS, after: { id: "act-0" } as Act });
    expect(act.request?.path).toBe("/permits/{id}/end");
    expect(act.needs).toBe("act-0");
  });
  it("says which version of the case was seen", () => {
    const act = actOf(draft("move", { note: "已复位", quantity: "1,5" }, { case_id: 5, asset_id: 3, move: "hand_back" }), { ...FACTS, version: 4 });
    expect(act.request?.version).toBe(4);
    expect(act.request?.body).toMatchObject({ move: "hand_back", note: "已复位", quantity: 1.5, photo_ids: [] });
    expect(act.line).toBe("case 5");
  });
  it("takes zeroes as numbers in whichever way they were typed, and leaves empty points alone", () => {
    const act = actOf(draft("rezero", { "point.tilt_x": "1,25", "point.tilt_y": "", reason: "装正" }, { asset_id: 3, device_id: 9 }), FACTS);
    expect(act.request?.body.baselines).toEqual({ tilt_x: 1.25 });
  });
});

describe("a form that was handed in before", () => {
  const DONE: Facts = { ...FACTS, done_at: "2026-11-26T09:00:00.000Z" };
  const again = (kind: FormKind, fields: Record<string, string>, subject: Subject, more: Partial<Act> = {}): Draft => draftOf({ ...actOf(draft(kind, fields, subject), FACTS), seq: 1, ...more }, { version: 6, entry: 60 }, 0);

  it("has every word back, whatever it was about, and the time at which it was done", () => {
    const forms: [FormKind, Record<string, string>, Subject][] = [
      ["permit", { work: "清淤", people: "2", minutes: "60", note: "铭牌脏了" }, { asset_id: 3 }],
      ["move", { note: "已复位", quantity: "1.5", passed: "0" }, { case_id: 5, asset_id: 3, move: "verify" }],
      ["rezero", { "point.tilt_x": "1.25", reason: "装正" }, { asset_id: 3, device_id: 9 }],
      ["fit", { serial: "CV-9", profile: "cc-cover-1", heartbeat_s: "600", cabinet_id: "c1" }, { asset_id: 3 }],
    ];
    for (const [kind, fields, subject] of forms) {
      const opened = again(kind, fields, subject);
      expect(opened.fields).toEqual(fields);
      expect(actOf(opened, DONE).done_at).toBe(FACTS.done_at);
    }
  });
  it("knows the case as it is now, and that its pictures are with the city", () => {
    const sent = { id: "p", kind: "", taken_at: FACTS.done_at, sent_as: 40 } as const;
    const opened = again("move", { note: "x" }, { case_id: 5, move: "note" }, { pictures: [sent] });
    expect([opened.seen, opened.pictures]).toEqual([{ version: 6, entry: 60 }, [sent]]);
    const refused = again("move", { note: "x" }, { case_id: 5, move: "note" }, { pictures: [sent], trouble: { code: "invalid_input", text: "", fields: ["photo"] } });
    expect(refused.pictures[0]?.sent_as).toBeUndefined();
  });
  it("says no time again that the city did not believe", () => {
    const opened = again("report", { text: "x" }, { asset_id: 3 }, { trouble: { code: "invalid_input", text: "", fields: ["done_at"] } });
    expect(actOf(opened, DONE).done_at).toBe(DONE.done_at);
  });
});
