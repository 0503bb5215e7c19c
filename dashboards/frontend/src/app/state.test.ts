import "fake-indexeddb/auto";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Page } from "../page";
import { missing } from "./forms";
import { allActs, forget, keepDraft, openStore, queue, removeDraft, reopen } from "./kept";
import type { Act, Asset, Carried, Draft, Task } from "./shapes";
import { State } from "./state";
import { namePlates } from "./unknown_plates";

const NOW = Date.now();
const MINUTE_MS = 60_000;

function act(more: Partial<Act>): Act {
  const plain = { seq: 1, id: "a", key: "k", user_id: 7, user_name: "王强", about: "", line: "", done_at: new Date(NOW).toISOString(), request: null, pictures: [], tries: 0, next_ms: 0 } as const;
  return { ...plain, kind: "move", subject: { case_id: 9, move: "accept" }, state: "waiting", ...more };
}

const carried = (version: number, more: Partial<Carried> = {}): Carried => ({ cases: [{ case: { id: 9, version } }], permits: [], ...more }) as unknown as Carried;

let state: State;
beforeEach(async () => {
  state = new State(await openStore(), {} as Page);
  state.user = { id: 7, name: "王强" };
});
afterEach(async () => {
  state.store.close();
  await forget();
});

describe("the last move of a case", () => {
  it("leads on as long as what is carried does not show it", () => {
    state.carried = carried(4);
    state.acts = [act({})];
    expect(state.lastMove(9)?.id).toBe("a");
    state.acts = [act({ state: "sent", answer: { version: 5 } })];
    expect(state.lastMove(9)?.id).toBe("a");
    state.carried = carried(5);
    expect(state.lastMove(9)).toBeUndefined();
  });
  it("is one's own", () => {
    state.carried = carried(4);
    state.acts = [act({ user_id: 8 })];
    expect(state.lastMove(9)).toBeUndefined();
  });
});

describe("what may be done with a case", () => {
  const move = (name: string, stays = false): unknown => ({ name, stays, note_required: false, note_or_photo: false, before_and_after: false, verdict_required: false });
  const inHand = [move("secure", true), move("hand_back"), move("request_extension", true), move("note", true)];
  const task = { case: { id: 9, version: 4 }, moves: [move("accept"), move("request_extension", true), move("note", true)], then: { accept: inHand } } as unknown as Task;
  const made = (...names: string[]): Act[] => names.map((name, at) => act({ seq: at + 1, id: name, subject: { case_id: 9, move: name } }));
  const open = (...names: string[]): string[] => {
    state.acts = made(...names);
    return state.movesOf(task).map((one) => one.name);
  };

  it("goes on without a signal from one's own moves that wait: accept, make safe, hand back", () => {
    expect(open()).toEqual(["accept", "request_extension", "note"]);
    expect(open("accept")).toEqual(["secure", "hand_back", "request_extension", "note"]);
    expect(open("accept", "secure")).toEqual(["hand_back", "request_extension", "note"]);
    expect(open("request_extension", "accept", "secure")).toEqual(["hand_back", "note"]);
    expect(open("accept", "secure", "hand_back")).toEqual(["note"]);
  });
  it("leaves nothing out for a remark", () => {
    expect(open("accept", "note")).toContain("note");
  });
});

describe("a form about a case", () => {
  const draft = (version: number): Draft => ({ id: "d", user_id: 7, kind: "move", subject: { case_id: 9, move: "hand_back" }, about: "", fields: {}, pictures: [], changed_ms: NOW, seen: { version, entry: 20 } });
  const opened = (version: number) => state.moveBefore(draft(version), version)?.id;

  it("builds on one's own move that was on its way when it was opened, also after that has arrived", () => {
    state.carried = carried(4);
    state.acts = [act({})];
    expect(opened(4)).toBe("a");
    state.acts = [act({ state: "sent", answer: { version: 5 } })];
    state.carried = carried(5);
    expect(opened(4)).toBe("a");
    expect(opened(5)).toBeUndefined();
  });
  it("builds on what came before it where it is one that was refused", () => {
    state.carried = carried(4);
    state.acts = [act({}), act({ seq: 2, id: "d", state: "editing" }), act({ seq: 3, id: "c" })];
    expect(opened(4)).toBe("a");
  });
  it("tells what others changed since it was opened, and not what one did oneself", () => {
    state.carried = carried(5);
    expect([state.changedSince(draft(5)), state.changedSince(draft(4))]).toEqual([false, true]);
    state.acts = [act({ state: "sent", answer: { version: 5 } })];
    expect(state.changedSince(draft(4))).toBe(false);
    state.carried = carried(6);
    expect(state.changedSince(draft(4))).toBe(true);
  });
});

describe("what was handed in", () => {
  it("can be taken back into its form as long as it was never tried", async () => {
    const draft = { id: "a", user_id: 7, kind: "move" } as unknown as Draft;
    await queue(state.store, act({}), undefined);
    expect(await reopen(state.store, draft)).toBe(false);
    expect(await reopen(state.store, draft, true)).toBe(true);
    await queue(state.store, act({ state: "waiting", first_sent_ms: NOW }), "a");
    expect(await reopen(state.store, draft, true)).toBe(false);
    expect((await allActs(state.store)).map((one) => one.state)).toEqual(["waiting"]);
  });
});

describe("a report about a plate that is not carried", () => {
  afterEach(() => vi.unstubAllGlobals());

  it("stays a draft until the city says whose plate it is", async () => {
    const draft = { id: "d", user_id: 7, kind: "report", subject: { token: "ABC234" }, about: "ABC234", fields: { text: "坏了" }, pictures: [], changed_ms: NOW } as Draft;
    await state.store.put("drafts", draft);
    const named = async (fetched: () => Promise<Response>): Promise<string> => {
      vi.stubGlobal("fetch", fetched);
      await state.look();
      await namePlates(state);
      return missing(state.drafts[0]!, undefined, false);
    };
    expect(await named(() => Promise.reject(new TypeError("no signal")))).toBe("asset");
    expect(await named(() => Promise.resolve(Response.json({ items: [{ asset_id: 5, name: "另一个", matched: "440" }] })))).toBe("asset");
    expect(await named(() => Promise.resolve(Response.json({ items: [{ asset_id: 3, name: "上水井盖 1", matched: "ABC234" }] })))).toBe("");
    expect(state.drafts[0]).toMatchObject({ about: "上水井盖 1", subject: { asset_id: 3 } });
  });

  it("keeps what is written while the city is asked, and stays away where it was removed meanwhile", async () => {
    const draft = { id: "d", user_id: 7, kind: "report", subject: { token: "ABC234" }, about: "ABC234", fields: { text: "坏" }, pictures: [], changed_ms: 1 } as Draft;
    const answered = (meanwhile: () => Promise<unknown>) => {
      vi.stubGlobal("fetch", async () => {
        await meanwhile();
        return Response.json({ items: [{ asset_id: 3, name: "上水井盖 1", matched: "ABC234" }] });
      });
      return state.look().then(() => namePlates(state));
    };
    await keepDraft(state.store, draft);
    const more = { ...draft, fields: { text: "坏了" }, changed_ms: 2 };
    await answered(() => keepDraft(state.store, more, undefined, 1));
    expect(state.drafts).toMatchObject([{ about: "上水井盖 1", subject: { asset_id: 3 }, fields: { text: "坏了" } }]);
    // the form that is open does not know the name, and does not take it away
    expect(await keepDraft(state.store, { ...more, fields: { text: "坏了。" }, changed_ms: 3 }, undefined, 2)).toBe("kept");
    expect(await state.store.get("drafts", "d")).toMatchObject({ subject: { asset_id: 3 }, fields: { text: "坏了。" } });
    await state.store.put("drafts", draft);
    await answered(() => removeDraft(state.store, draft, NOW));
    expect(state.drafts).toEqual([]);
  });
});

describe("signing out", () => {
  const said = (user: object | null, more: object = {}): Record<string, unknown> => ({ user, csrf: "word", now: new Date(NOW).toISOString(), ...more });
  let told: string[];
  const city = (session: Record<string, unknown> | undefined): void => {
    told = [];
    vi.stubGlobal("fetch", (address: string) => {
      told.push(address);
      return session === undefined ? Promise.reject(new TypeError("no signal")) : Promise.resolve(Response.json(address === "/logout" ? {} : session));
    });
  };
  const filled = async (): Promise<void> => {
    await state.store.put("assets", { id: 3, tokens: [], code: "x" } as unknown as Asset);
    for (const name of ["bundle", "here", "scanned", "user"]) await state.store.put("facts", {}, name);
    await state.store.put("drafts", { id: "d", user_id: 7 } as unknown as Draft);
    state.carried = carried(4);
  };
  const kept = async (): Promise<unknown[]> => [await state.store.count("assets"), await state.store.getAllKeys("facts"), await state.store.count("drafts"), state.carried, state.user];
  afterEach(() => vi.unstubAllGlobals());

  it("empties the bag at once, keeps what was written, and is told to the city with the next signal", async () => {
    await filled();
    city(undefined);
    await state.leave();
    expect(await kept()).toEqual([0, ["left"], 1, undefined, undefined]);
    city(said({ id: 7, name: "王强" }));
    expect(await state.askWho()).toBe("out");
    expect(told).toEqual(["/app/session.json", "/logout"]);
    expect(await state.askWho()).toBe("in"); // they signed in again
    expect(state.mine({ user_id: 7 } as Act)).toBe(true);
  });
  it("empties the bag also where it was done on another page, and not where the sign-in merely ended", async () => {
    await filled();
    city(said(null));
    expect(await state.askWho()).toBe("out");
    expect(state.carried).toBeDefined();
    city(said(null, { left: 7 }));
    await state.askWho();
    expect((await kept()).slice(0, 1)).toEqual([0]);
    expect(state.mine({ user_id: 7 } as Act)).toBe(false);
  });
});

describe("where somebody stands", () => {
  it("is forgotten when it was too long ago to be true, and what is around there is not", async () => {
    await state.keepHere({ lon: 113.3, lat: 23.1 });
    await state.keepHere({ lon: 113.30005, lat: 23.1 }); // five metres beside
    expect(state.standing).toEqual({ lon: 113.3, lat: 23.1 });
    const kept = async (ago_ms: number): Promise<State> => {
      await state.store.put("facts", { lon: 113.3, lat: 23.1, at_ms: Date.now() - ago_ms }, "here");
      const opened = new State(state.store, {} as Page);
      await opened.load();
      return opened;
    };
    expect((await kept(MINUTE_MS)).standing).toMatchObject({ lon: 113.3 });
    const yesterday = await kept(1440 * MINUTE_MS);
    expect([yesterday.standing, yesterday.here]).toMatchObject([undefined, { lon: 113.3 }]);
  });
});

describe("what is carried, on a phone that is full", () => {
  it("is what it was, and says so instead of blaming the signal", async () => {
    const answers: Record<string, unknown> = { "/app/session.json": { user: { id: 7, name: "王强" }, csrf: "", now: "" }, "/app/bundle.json": { at: "x", user_id: 7, assets: [] } };
    vi.stubGlobal("fetch", (address: string) => Promise.resolve(Response.json(answers[address])));
    const put = vi.spyOn(IDBObjectStore.prototype, "put").mockImplementation(() => {
      throw new DOMException("no room", "QuotaExceededError");
    });
    state.carried = carried(4);
    await state.fetchBundle();
    expect([state.problem, state.full, state.carried.cases.length]).toEqual(["app.bundle_not_kept", true, 1]);
    put.mockRestore();
    await state.fetchBundle();
    expect([state.problem, state.full]).toEqual(["", false]);
    vi.unstubAllGlobals();
  });
});

describe("a permit that was started here", () => {
  const started = (more: Partial<Act>): Act => act({ kind: "permit", subject: { asset_id: 3 }, request: { path: "", body: { minutes: 60, work: "清淤" } }, ...more });

  it("runs while it waits, and as the city says once that was asked", () => {
    state.acts = [started({})];
    expect(state.permitOf(3)?.act?.id).toBe("a");
    state.acts = [started({ state: "sent", settled_ms: NOW, answer: { id: 40 } })];
    state.carried = carried(1, { asked_ms: NOW - MINUTE_MS });
    expect(state.permitOf(3)?.act?.id).toBe("a");
    const ends_at = new Date(NOW + 120 * MINUTE_MS).toISOString();
    state.carried = carried(1, { asked_ms: NOW + 1, permits: [{ id: 40, asset_id: 3, ended_at: null, ends_at, work: "清淤" }] as unknown as Carried["permits"] });
    expect(state.permitOf(3)).toMatchObject({ permit: { id: 40 }, ends_at });
    state.carried = carried(1, { asked_ms: NOW + 1 });
    expect(state.permitOf(3)).toBeUndefined();
  });
  it("does not run where somebody else was first: theirs does", () => {
    const ends_at = new Date(NOW + 20 * MINUTE_MS).toISOString();
    const theirs = { id: 41, asset_id: 3, ended_at: null, ends_at, work: "巡检" };
    state.acts = [started({ state: "conflict" })];
    state.carried = carried(1, { permits: [theirs] as unknown as Carried["permits"] });
    expect(state.permitOf(3)).toMatchObject({ permit: theirs, ends_at });
  });
  it("runs longer for what was prolonged here, started here or not, until what is carried knows", () => {
    const minute = (n: number): string => new Date(NOW + n * MINUTE_MS).toISOString();
    const longer = act({ seq: 2, id: "p", kind: "permit_prolong", subject: { asset_id: 3, permit_act: "a" }, request: { path: "", body: { minutes: 60 } } });
    const begun = started({ done_at: minute(-61) });
    state.acts = [begun];
    expect(state.permitOf(3)).toBeUndefined();
    state.acts = [begun, longer];
    expect(state.permitOf(3)?.ends_at).toBe(minute(59));
    const mine = { ...longer, subject: { asset_id: 3, permit_id: 40 } };
    state.carried = carried(1, { asked_ms: NOW - 5, permits: [{ id: 40, asset_id: 3, ended_at: null, ends_at: minute(-1), work: "清淤" }] as unknown as Carried["permits"] });
    state.acts = [mine];
    expect(state.permitOf(3)?.ends_at).toBe(minute(59));
    state.acts = [{ ...mine, state: "sent", settled_ms: NOW - 10 }];
    expect(state.permitOf(3)).toBeUndefined();
    state.acts = [mine, act({ seq: 3, id: "e", kind: "permit_end", subject: { asset_id: 3, permit_id: 40 } })];
    expect(state.permitOf(3)).toBeUndefined();
  });
});
