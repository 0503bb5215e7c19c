import "fake-indexeddb/auto";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { actOf, draftOf } from "./forms";
import { allActs, forget, openStore, queue, removeDraft, reopen, type Store } from "./kept";
import { askOffices, drop, keepAsNote, sendAll, sendAnew } from "./sending";
import type { Draft } from "./shapes";
import { act, City, NOON, problem, USER } from "./told_city";

let store: Store;
let city: City;
let now = NOON;
const send = (): ReturnType<typeof sendAll> => sendAll(store, city.fetching, () => now, undefined, () => 0.5);
const states = async (): Promise<string[]> => (await allActs(store)).map((one) => `${one.id} ${one.state}`);

beforeEach(async () => {
  store = await openStore();
  city = new City();
  now = NOON;
});
afterEach(async () => {
  store.close();
  await forget();
});

describe("what was refused", () => {
  const FACTS = { user: USER, done_at: "2026-11-26T09:00:00.000Z", id: "a", key: "key-new", token: undefined, version: undefined, seen_entry: undefined, after: undefined };
  const pictures = [{ id: "p", kind: "", taken_at: "2026-11-26T03:00:00Z" }] as const;

  beforeEach(async () => {
    await store.put("pictures", { id: "p", bytes: new ArrayBuffer(3), type: "image/jpeg" });
    await queue(store, act("a", { pictures, request: { path: "/assets/3/reports", body: { text: "x", kind: "pole_leaning", photo_ids: [], done_at: "2026-11-26T03:00:00.000Z" } } }));
    await queue(store, act("b"));
    city.answers.set("/api/v1/assets/3/reports", () => Response.json({ code: "invalid_input", errors: [{ field: "kind", problem: "not of this asset" }] }, { status: 422 }));
    await send();
    city.answers.clear();
  });

  const changed = async (fields: Record<string, string>): Promise<Draft> => {
    const [refused] = await allActs(store);
    const draft = draftOf(refused!, undefined, now);
    expect(await reopen(store, draft)).toBe(true);
    return { ...draft, fields: { ...draft.fields, ...fields } };
  };

  it("is a form again with its words, its pictures and its time, and goes before what came after it", async () => {
    const draft = await changed({ kind: "reported" });
    expect(draft.fields).toEqual({ text: "x", kind: "reported" });
    await send();
    expect(await states()).toEqual(["a editing", "b waiting"]);
    const before = city.asked.length;
    await queue(store, actOf(draft, FACTS), "a");
    await send();
    expect(city.asked.slice(before).map((one) => [one.key, one.body.text, one.body.kind])).toEqual([["key-new", "x", "reported"], ["key-b", "b", undefined]]);
    expect(city.asked[before]?.body).toMatchObject({ photo_ids: [101], done_at: "2026-11-26T03:00:00.000Z" });
    expect(await states()).toEqual(["a sent", "b sent"]);
    expect(await store.count("drafts")).toBe(0);
  });

  it("is dropped with the draft that it became, and holds up nothing any more", async () => {
    await removeDraft(store, await changed({}), now);
    await send();
    expect(await states()).toEqual(["a dropped", "b sent"]);
    expect([await store.count("drafts"), await store.count("pictures")]).toEqual([0, 0]);
  });

  it("can be dropped while it is a draft, and can't be sent behind the draft's back", async () => {
    await changed({});
    const [editing] = await allActs(store);
    await sendAnew(store, editing!, "key-again");
    expect((await states())[0]).toBe("a editing");
    await drop(store, editing!, now);
    expect([(await states())[0], await store.count("drafts")]).toEqual(["a dropped", 0]);
  });

  it("is no form again once it was sent from another screen", async () => {
    const [refused] = await allActs(store);
    await sendAnew(store, refused!, "key-again");
    expect(await reopen(store, draftOf(refused!, undefined, now))).toBe(false);
    expect(await store.count("drafts")).toBe(0);
  });
});

describe("a conflict", () => {
  const moved = () => Response.json({ version: 8, stage: "filed", entries: [{ id: 40, at: "2026-11-26T03:30:00Z", move: "recall", by_name: "陈静", note: "改派" }, { id: 41, at: "x", move: "note", by_user_id: 7, by_name: "王强", note: "自己写的" }, { id: 20, at: "x", move: "dispatch", by_name: "陈静", note: "" }] });

  beforeEach(async () => {
    await queue(store, act("a", { kind: "move", line: "case 9", subject: { case_id: 9, asset_id: 3, move: "accept" }, seen_entry: 20, request: { path: "/cases/9/moves", body: { move: "accept" }, version: 4 } }));
    city.answers.set("/api/v1/cases/9/moves", problem(412, "changed_meanwhile"));
    city.answers.set("/api/v1/cases/9", moved);
    await send();
  });

  it("shows what others did since one looked, nothing older and nothing of one's own", async () => {
    const [one] = await allActs(store);
    expect(one?.state).toBe("conflict");
    expect(one?.office).toMatchObject({ version: 8, stage: "filed", lines: [{ what: "entry.recall", by: "陈静", note: "改派" }] });
  });

  it("is not sent again by itself", async () => {
    await send();
    expect(city.asked).toHaveLength(1);
  });

  it("is sent anew on the new version, under a new key, when the person says so", async () => {
    const [one] = await allActs(store);
    await sendAnew(store, one!, "key-new");
    city.answers.delete("/api/v1/cases/9/moves");
    await send();
    expect(city.asked.at(-1)).toMatchObject({ key: "key-new", match: '"8-0"' });
    expect(await states()).toEqual(["a sent"]);
  });

  it("is settled once, whatever another screen still shows of it", async () => {
    const [one] = await allActs(store);
    await sendAnew(store, one!, "key-new");
    city.answers.delete("/api/v1/cases/9/moves");
    await send();
    await sendAnew(store, one!, "key-again");
    await drop(store, one!, now);
    await send();
    expect(await states()).toEqual(["a sent"]);
    expect(city.asked.map((each) => each.key)).toEqual(["key-a", "key-new"]);
  });

  it("says nothing of the office where the office can't be asked", async () => {
    await queue(store, act("b", { kind: "move", line: "case 10", subject: { case_id: 10, move: "accept" }, request: { path: "/cases/10/moves", body: {}, version: 4 } }));
    city.answers.set("/api/v1/cases/10/moves", problem(412, "changed_meanwhile"));
    city.answers.set("/api/v1/cases/10", problem(503, "store_down"));
    await send();
    const last = (await allActs(store)).at(-1);
    expect([last?.state, last?.office]).toEqual(["conflict", undefined]);
  });

  it("is asked about once more when the line is back, and not where nobody may see it", async () => {
    await queue(store, act("b", { kind: "move", line: "case 10", subject: { case_id: 10, move: "accept" }, request: { path: "/cases/10/moves", body: {}, version: 4 } }));
    await queue(store, act("c", { kind: "move", line: "case 11", subject: { case_id: 11, move: "accept" }, request: { path: "/cases/11/moves", body: {}, version: 4 } }));
    for (const id of [10, 11]) {
      city.answers.set(`/api/v1/cases/${id}/moves`, problem(412, "changed_meanwhile"));
      city.answers.set(`/api/v1/cases/${id}`, problem(503, "store_down"));
    }
    await send();
    city.answers.set("/api/v1/cases/10", problem(403, "not_allowed"));
    city.answers.set("/api/v1/cases/11", moved);
    await askOffices(store, city.fetching, 7);
    const [, second, third] = await allActs(store);
    expect([second?.state, second?.office]).toEqual(["conflict", { lines: [] }]);
    expect(third?.office).toMatchObject({ version: 8, stage: "filed" });
  });

  it("of work on a thing tells of permits, also where a case is the reason for it", async () => {
    await queue(store, act("p", { kind: "permit", subject: { asset_id: 3, case_id: 9 }, request: { path: "/assets/3/permits", body: {} } }));
    city.answers.set("/api/v1/assets/3/permits", problem(409, "not_possible_now"));
    const runs = { started_at: "2026-11-26T02:50:00Z", ended_at: null, by_name: "陈静", work: "清淤" };
    const old = { ...runs, ended_at: "2026-03-01T00:00:00Z" };
    city.answers.set("/api/v1/permits?asset_id=3&limit=3", () => Response.json({ items: [runs, old] }));
    await send();
    expect((await allActs(store)).at(-1)?.office).toEqual({ lines: [{ at: "2026-11-26T02:50:00Z", what: "app.permit_runs", by: "陈静", note: "清淤" }] });
  });

  it("of a device tells what others fitted, exchanged, took off and zeroed of late", async () => {
    await queue(store, act("s", { kind: "swap", subject: { asset_id: 3, device_id: 5 }, request: { path: "/devices/5/swap", body: {} } }));
    city.answers.set("/api/v1/devices/5/swap", problem(409, "not_possible_now"));
    const swap = { at: "2026-11-26T02:00:00Z", by_user_id: 8, by_name: "陈静", action: "swap", changes: { device: ["CV-1", "CV-2"] }, note: "电池鼓包" };
    const others = [{ ...swap, action: "photo" }, { ...swap, by_user_id: 7 }, { ...swap, at: "2026-11-01T00:00:00Z" }];
    city.answers.set("/api/v1/assets/3/history?limit=50", () => Response.json({ items: [...others, swap, { ...swap, action: "remove", changes: { device: ["CV-2", null] }, note: "" }] }));
    await send();
    const lines = (await allActs(store)).at(-1)?.office?.lines;
    expect(lines?.map((line) => [line.what, line.note])).toEqual([["change_action.swap", "CV-1 → CV-2 · 电池鼓包"], ["change_action.remove", "CV-2"]]);
  });

  it("joins the open case as a report, which whoever lost it may still make, when the person says so", async () => {
    const [one] = await allActs(store);
    await keepAsNote(store, { ...one!, subject: { ...one!.subject, case_kind: "pole_leaning" } }, "现场已到场 11:00", "key-note");
    await send();
    expect(city.asked.at(-1)).toMatchObject({ address: "/api/v1/assets/3/reports", match: null, body: { kind: "pole_leaning", text: "现场已到场 11:00" } });
  });

  it("becomes a note of the case where nothing can join it any more", async () => {
    const [one] = await allActs(store);
    await keepAsNote(store, one!, "现场已到场 11:00", "key-note");
    city.answers.delete("/api/v1/cases/9/moves");
    await send();
    expect(city.asked.at(-1)).toMatchObject({ match: '"8-0"', body: { move: "note", note: "现场已到场 11:00", done_at: "2026-11-26T03:00:00.000Z" } });
  });
});
