import "fake-indexeddb/auto";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { cityNow } from "../clock";
import { recallClock } from "./clock";
import { allActs, forget, hurry, keepDraft, keepFact, openStore, queue, tidy, type Store } from "./kept";
import { heldUp, made, nextAct, patience, pause, sendAll, sendAnew, session } from "./sending";
import type { Act, Draft } from "./shapes";
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

describe("what was done", () => {
  it("is sent once, in the order in which it was done, each with a key of its own", async () => {
    for (const id of ["a", "b", "c"]) await queue(store, act(id));
    expect(await send()).toEqual({ halt: "none", sent: 3 });
    expect(city.asked.map((one) => [one.body.text, one.key])).toEqual([["a", "key-a"], ["b", "key-b"], ["c", "key-c"]]);
    await send();
    expect(city.asked).toHaveLength(3);
  });

  it("leaves the drafts in the same step", async () => {
    await store.put("drafts", { id: "d", user_id: 7, kind: "report", subject: {}, about: "", fields: {}, pictures: [], changed_ms: 0 });
    await queue(store, act("a"), "d");
    expect(await store.count("drafts")).toBe(0);
    expect(await store.count("acts")).toBe(1);
  });

  it("is one act, whoever hands its draft in a second time", async () => {
    await queue(store, act("a"), "a");
    await send();
    await queue(store, act("a", { key: "key-other" }), "a");
    await send();
    expect(await states()).toEqual(["a sent"]);
    expect(city.asked).toHaveLength(1);
  });

  it("is tried at once when somebody asks, and what was sent is not", async () => {
    await queue(store, act("a"));
    await send();
    await queue(store, act("b", { next_ms: NOON + 60_000 }));
    await hurry(store);
    await send();
    expect(city.asked.map((one) => one.body.text)).toEqual(["a", "b"]);
  });

  it("waits without a signal, longer after each try, and is sent under the same key", async () => {
    await queue(store, act("a"));
    city.away = true;
    expect((await send()).halt).toBe("offline");
    city.away = false;
    city.answers.set("/api/v1/assets/3/reports", problem(503, "store_down", { "Retry-After": "30" }));
    expect(await send()).toMatchObject({ halt: "waiting", again_ms: 30_000 });
    city.answers.clear();
    expect((await send()).halt).toBe("waiting");
    now += 31_000;
    expect(await send()).toEqual({ halt: "none", sent: 1 });
    expect(city.asked.map((one) => one.key)).toEqual(["key-a", "key-a"]);
  });

  it("does not hold up what was done elsewhere", async () => {
    await queue(store, act("a"));
    await queue(store, act("b"));
    await queue(store, act("c", { line: "asset 4", request: { path: "/assets/4/reports", body: { text: "c" } } }));
    city.answers.set("/api/v1/assets/3/reports", problem(422, "invalid_input"));
    expect(await send()).toMatchObject({ sent: 1 });
    expect(await states()).toEqual(["a refused", "b waiting", "c sent"]);
    const [first, second] = await allActs(store);
    expect(heldUp(await allActs(store), second!)?.id).toBe(first?.id);
  });

  it("of somebody else is never sent in one's own name", async () => {
    await queue(store, act("a", { user_id: 8 }));
    expect((await send()).halt).toBe("other_person");
    expect(city.asked).toEqual([]);
  });

  it("stays where it is when the session has ended", async () => {
    await queue(store, act("a"));
    city.user = null;
    expect((await send()).halt).toBe("sign_in");
    expect(await states()).toEqual(["a waiting"]);
    city.user = USER;
    city.answers.set("/api/v1/assets/3/reports", problem(401, "sign_in"));
    expect((await send()).halt).toBe("sign_in");
    expect(await states()).toEqual(["a waiting"]);
  });

  it("stays where it is until its writer chose a password of their own", async () => {
    await queue(store, act("a"));
    city.old_password = true;
    expect((await send()).halt).toBe("password");
    expect([await states(), city.asked]).toEqual([["a waiting"], []]);
    city.old_password = false;
    expect((await send()).sent).toBe(1);
  });

  it("is sent by browsers that know no timeouts of their own", async () => {
    vi.stubGlobal("AbortSignal", Object.assign(class {}, { timeout: undefined }));
    await queue(store, act("a"));
    expect((await send()).sent).toBe(1);
    vi.unstubAllGlobals();
  });

  it("uses the number that the act before it was given, and its version", async () => {
    await queue(store, act("start", { kind: "permit", request: { path: "/assets/3/permits", body: {} } }));
    await queue(store, act("end", { kind: "permit_end", needs: "start", request: { path: "/permits/{id}/end", body: {} } }));
    await queue(store, act("accept", { kind: "move", line: "case 9", request: { path: "/cases/9/moves", body: {}, version: 4 } }));
    await queue(store, act("back", { kind: "move", line: "case 9", needs: "accept", request: { path: "/cases/9/moves", body: {}, version: 4 } }));
    await send();
    expect(city.asked.map((one) => [one.address, one.match])).toEqual([
      ["/api/v1/assets/3/permits", null],
      ["/api/v1/permits/101/end", null],
      ["/api/v1/cases/9/moves", '"4-0"'],
      ["/api/v1/cases/9/moves", '"5-0"'],
    ]);
  });

  it("cannot be sent when what it builds on was dropped, and says so", async () => {
    await queue(store, act("start", { state: "dropped" }));
    await queue(store, act("end", { needs: "start", request: { path: "/permits/{id}/end", body: {} } }));
    await send();
    expect((await allActs(store))[1]).toMatchObject({ state: "refused", trouble: { code: "needs_dropped" } });
    expect(city.asked).toEqual([]);
  });

  it("keeps what it builds on, however long ago that was sent, and goes to no address without its number", async () => {
    await queue(store, act("start", { kind: "permit", state: "sent", settled_ms: NOON - 5 * 86_400_000, answer: { id: 40 } }));
    await queue(store, act("end", { kind: "permit_end", needs: "start", request: { path: "/permits/{id}/end", body: {} } }));
    await queue(store, act("lost", { kind: "permit_end", line: "asset 4", needs: "gone", request: { path: "/permits/{id}/end", body: {} } }));
    await tidy(store, NOON);
    await send();
    expect(city.asked.map((one) => one.address)).toEqual(["/api/v1/permits/40/end"]);
    expect(await states()).toEqual(["start sent", "end sent", "lost refused"]);
    await tidy(store, NOON);
    expect(await states()).toEqual(["end sent", "lost refused"]);
  });

  it("can be sent on the version of now when what it builds on was dropped", async () => {
    await queue(store, act("accept", { kind: "move", line: "case 9", state: "dropped" }));
    await queue(store, act("back", { kind: "move", line: "case 9", subject: { case_id: 9 }, needs: "accept", request: { path: "/cases/9/moves", body: {}, version: 4 } }));
    city.answers.set("/api/v1/cases/9", () => Response.json({ version: 8, stage: "in_hand", entries: [] }));
    await send();
    await sendAnew(store, (await allActs(store))[1]!, "key-new");
    await send();
    expect(await states()).toEqual(["accept dropped", "back sent"]);
    expect(city.asked).toMatchObject([{ key: "key-new", match: '"8-0"' }]);
  });

  it("is shown for decision when its failure is what the server keeps under the key", async () => {
    await queue(store, act("a"));
    city.answers.set("/api/v1/assets/3/reports", problem(500, "internal"));
    await send();
    expect(await states()).toEqual(["a waiting"]);
    city.answers.set("/api/v1/assets/3/reports", problem(500, "internal", { "Idempotency-Replayed": "true" }));
    now += 60_000;
    await send();
    expect(await states()).toEqual(["a unsure"]);
  });

  it("is shown for decision when nobody can know any more whether it arrived", async () => {
    await queue(store, act("a", { tries: 1, first_sent_ms: NOON - 50 * 3_600_000 }));
    await send();
    expect(await states()).toEqual(["a unsure"]);
    expect(city.asked).toEqual([]);
  });

  it("is asked for again when the first try is still being worked on", async () => {
    await queue(store, act("a"));
    city.answers.set("/api/v1/assets/3/reports", problem(409, "still_running"));
    expect((await send()).halt).toBe("waiting");
    expect(await states()).toEqual(["a waiting"]);
  });

  it("is still a draft, and not queued, where the phone could not keep it", async () => {
    const draft: Draft = { id: "a", user_id: 7, kind: "report", subject: { asset_id: 3 }, about: "", fields: { text: "堵了" }, pictures: [], changed_ms: 0 };
    await keepDraft(store, draft);
    vi.spyOn(IDBObjectStore.prototype, "add").mockImplementation(() => {
      throw new DOMException("no room", "QuotaExceededError");
    });
    await expect(queue(store, act("a"), "a")).rejects.toThrow("no room");
    vi.restoreAllMocks();
    expect([await store.count("acts"), await store.get("drafts", "a")]).toEqual([0, draft]);
  });

  it("is forgotten days after it was sent, with its pictures, and not before", async () => {
    const picture = { id: "p", kind: "", taken_at: "" } as const;
    await queue(store, act("a", { pictures: [picture] }));
    await store.put("pictures", { id: "p", bytes: new ArrayBuffer(3), type: "image/jpeg" });
    await send();
    await tidy(store, now + 86_400_000);
    expect(await store.count("acts")).toBe(1);
    await tidy(store, now + 4 * 86_400_000);
    expect([await store.count("acts"), await store.count("pictures")]).toEqual([0, 0]);
  });
});

describe("a phone that is full", () => {
  /** Storage without room: what is written is refused, what is deleted goes. */
  const full = (): void => {
    vi.spyOn(IDBObjectStore.prototype, "put").mockImplementation(() => {
      throw new DOMException("no room", "QuotaExceededError");
    });
  };
  afterEach(() => vi.restoreAllMocks());

  it("sends all the same, each once, and has room after that", async () => {
    for (const id of ["a", "b"]) {
      await store.put("pictures", { id, bytes: new ArrayBuffer(3), type: "image/jpeg" });
      await queue(store, act(id, { line: id, pictures: [{ id, kind: "", taken_at: "" }] }));
    }
    full();
    expect((await send()).sent).toBe(2);
    expect(city.asked.map((one) => one.key)).toEqual(["a-key-a", "key-a", "b-key-b", "key-b"]);
    expect([await store.count("acts"), await store.count("pictures")]).toEqual([0, 0]);
  });

  it("goes on with the others when it can't keep what was said of one, and says that it could not", async () => {
    await queue(store, act("a", { line: "a", request: { path: "/assets/4/reports", body: {} } }));
    await queue(store, act("b", { line: "a" }));
    await queue(store, act("c", { line: "c" }));
    city.answers.set("/api/v1/assets/4/reports", problem(422, "invalid_input"));
    full();
    await expect(send()).rejects.toThrow("no room");
    expect(await states()).toEqual(["a waiting", "b waiting"]);
    expect(city.asked).toHaveLength(2);
  });

  it("keeps what was sent as long as another builds on its answer", async () => {
    await queue(store, act("start", { kind: "permit", request: { path: "/assets/3/permits", body: {} } }));
    await queue(store, act("end", { kind: "permit_end", needs: "start", request: { path: "/permits/{id}/end", body: {} } }));
    full();
    await expect(send()).rejects.toThrow("no room");
    expect(await states()).toEqual(["start waiting", "end waiting"]);
    vi.restoreAllMocks();
    await send();
    expect(city.asked.map((one) => one.key)).toEqual(["key-start", "key-start", "key-end"]);
  });
});

describe("the city's clock", () => {
  const MINUTE_MS = 60_000;
  const apart = (): number => Math.round((cityNow() - Date.now()) / MINUTE_MS);

  it("is heard whenever the city answers, and known on days without a signal", async () => {
    await session(store, city.fetching, () => NOON + 7 * MINUTE_MS);
    expect(apart()).toBe(-7);
    await session(store, city.fetching, () => NOON + 1000);
    expect(apart()).toBe(0);
    await keepFact(store, "skew_ms", 9 * MINUTE_MS);
    await recallClock(store);
    expect(apart()).toBe(9);
    await session(store, () => Promise.resolve(Response.json({ user: null, csrf: "", now: "" })), () => NOON);
    expect(apart()).toBe(9);
    await keepFact(store, "skew_ms", 0);
    await recallClock(store);
  });
});

describe("pictures", () => {
  it("go first, each once, and the act names what they became", async () => {
    const pictures = ["p", "q"].map((id) => ({ id, kind: "after", taken_at: "2026-11-26T03:00:00Z" }) as const);
    for (const { id } of pictures) await store.put("pictures", { id, bytes: new ArrayBuffer(3), type: "image/jpeg" });
    await queue(store, act("a", { pictures, request: { path: "/cases/9/moves", body: { photo_ids: [] } } }));
    city.answers.set("/api/v1/cases/9/moves", problem(503, "store_down"));
    await send();
    city.answers.clear();
    now += 60_000;
    await send();
    const sent = city.asked.filter((one) => one.address.endsWith("/photos"));
    expect(sent.map((one) => one.key)).toEqual(["p-key-a", "q-key-a"]);
    expect(city.asked.at(-1)?.body.photo_ids).toEqual([101, 102]);
  });

  it("of a place without an asset go to its case", async () => {
    await store.put("pictures", { id: "p", bytes: new ArrayBuffer(3), type: "image/jpeg" });
    await queue(store, act("a", { subject: { case_id: 9 }, pictures: [{ id: "p", kind: "", taken_at: "" }], request: null }));
    await send();
    expect(city.asked.map((one) => one.address)).toEqual(["/api/v1/cases/9/photos"]);
  });

  it("that the phone has lost are told, and nothing is sent in their place", async () => {
    await queue(store, act("a", { pictures: [{ id: "p", kind: "", taken_at: "" }] }));
    await send();
    expect((await allActs(store))[0]).toMatchObject({ state: "refused", trouble: { code: "picture_gone" } });
    expect(city.asked).toEqual([]);
  });

  it("that nothing names are thrown away; those of a draft, and of what waits, are not", async () => {
    const of = (id: string) => ({ id, kind: "", taken_at: "" }) as const;
    for (const id of ["orphan", "waits", "sent"]) await store.put("pictures", { id, bytes: new ArrayBuffer(3), type: "image/jpeg" });
    const draft: Draft = { id: "d", user_id: 7, kind: "report", subject: {}, about: "", fields: {}, pictures: [of("drawn")], changed_ms: 0 };
    await keepDraft(store, draft, { id: "drawn", bytes: new ArrayBuffer(3), type: "image/jpeg" });
    await queue(store, act("a", { pictures: [of("waits")] }));
    await queue(store, act("b", { pictures: [of("sent")], state: "sent", settled_ms: NOON }));
    await tidy(store, NOON);
    expect(await store.getAllKeys("pictures")).toEqual(["drawn", "waits"]);
  });
});

describe("a plate that was read", () => {
  const scan = (id: string, more: Partial<Act> = {}): Omit<Act, "seq"> => act(id, { kind: "scan", line: "scans", request: { path: "/scans", body: { token: id } }, ...more });

  it("is told once, and brings nothing new to carry", async () => {
    await queue(store, scan("a"));
    expect(await send()).toEqual({ halt: "none", sent: 0 });
    expect([await states(), city.asked]).toMatchObject([["a sent"], [{ address: "/api/v1/scans", key: "key-a", body: { token: "a" } }]]);
  });

  it("waits for a signal, and for nobody's decision", async () => {
    await queue(store, scan("a"));
    city.answers.set("/api/v1/scans", problem(503, "store_down"));
    await send();
    expect(await states()).toEqual(["a waiting"]);
    city.answers.set("/api/v1/scans", problem(422, "invalid_input"));
    await queue(store, scan("b", { first_sent_ms: NOON - 50 * 3_600_000 }));
    now += 60_000;
    await send();
    expect(await states()).toEqual(["a dropped", "b dropped"]);
  });
});

describe("the choice of what comes next", () => {
  it("takes the first of each line whose time has come", () => {
    const acts = [act("a", { next_ms: NOON + 1 }), act("b"), act("c", { line: "asset 4" })].map((one, at) => ({ ...one, seq: at }) as Act);
    expect(nextAct(acts, 7, NOON)?.id).toBe("c");
    expect(nextAct(acts, 7, NOON + 1)?.id).toBe("a");
    expect(nextAct(acts, 8, NOON + 1)).toBeUndefined();
  });
  it("waits longer each time, and never longer than ten minutes", () => {
    expect([0, 1, 2, 20].map((tries) => pause(tries, 0.5))).toEqual([4000, 8000, 16_000, 600_000]);
  });
  it("gives a line that is too slow more time with each try, and less than the server gives it", () => {
    expect([0, 1, 2, 20].map(patience)).toEqual([90_000, 180_000, 270_000, 270_000]);
  });
  it("leaves a version alone where the act before gave none", () => {
    const one = { ...act("a", { request: { path: "/cases/9/moves", body: {}, version: 4 } }), seq: 1 } as Act;
    expect(made(one, { answer: {} } as Act).version).toBe(4);
  });
});
