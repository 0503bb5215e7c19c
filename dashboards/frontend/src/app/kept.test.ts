import "fake-indexeddb/auto";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { allActs, assetNamed, changeAct, forget, keepBundle, keepDraft, openStore, queue, removeDraft, type Store } from "./kept";
import { drop } from "./sending";
import type { Asset, Bundle, Draft } from "./shapes";
import { act, NOON } from "./told_city";

let store: Store;
const states = async (): Promise<string[]> => (await allActs(store)).map((one) => `${one.id} ${one.state}`);

beforeEach(async () => {
  store = await openStore();
});
afterEach(async () => {
  store.close();
  await forget();
});

describe("a connection that the browser closed", () => {
  it("is opened anew, and what was asked is done once", async () => {
    await store.using((opened) => Promise.resolve(opened.close()));
    await queue(store, act("a"));
    await store.using((opened) => Promise.resolve(opened.close()));
    expect(await states()).toEqual(["a waiting"]);
  });

  it("stays closed when the app closed it itself", async () => {
    store.close();
    await expect(allActs(store)).rejects.toThrow();
  });
});

describe("a draft that is open in two windows", () => {
  const draft = (text: string, changed_ms: number): Draft => ({ id: "d", user_id: 7, kind: "report", subject: {}, about: "", fields: { text }, pictures: [], changed_ms });
  const picture = { id: "p", bytes: new ArrayBuffer(3), type: "image/jpeg" };
  const words = async (): Promise<string | undefined> => (await store.get("drafts", "d"))?.fields.text;

  it("keeps what was written last where it was seen, and nothing of the window that fell behind", async () => {
    expect(await keepDraft(store, draft("一", 1))).toBe("kept");
    expect(await keepDraft(store, draft("一二", 5), undefined, 1)).toBe("kept");
    expect(await keepDraft(store, draft("一三", 9), picture, 1)).toBe("changed");
    expect([await words(), await store.count("pictures")]).toEqual(["一二", 0]);
    expect(await keepDraft(store, draft("一二三", 10), picture, 5)).toBe("kept");
    expect([await words(), await store.count("pictures")]).toEqual(["一二三", 1]);
  });

  it("does not come back when it was handed in, or removed", async () => {
    await keepDraft(store, draft("一", 1));
    await queue(store, act("d"), "d");
    expect(await keepDraft(store, draft("一二", 2), undefined, 1)).toBe("gone");
    expect(await keepDraft(store, draft("一二", 2))).toBe("gone");
    await drop(store, (await allActs(store))[0]!, NOON);
    const other = { ...draft("二", 3), id: "e" };
    await keepDraft(store, other);
    await removeDraft(store, other, NOON);
    expect(await keepDraft(store, { ...other, changed_ms: 4 }, undefined, 3)).toBe("gone");
    expect(await store.count("drafts")).toBe(0);
  });

  it("is kept once when the answer to its keeping was lost", async () => {
    await keepDraft(store, draft("一", 1));
    expect(await keepDraft(store, draft("一", 1))).toBe("kept");
  });
});

describe("what is carried", () => {
  it("is found by any of its plates and by its code, however they are written", async () => {
    const asset = { id: 3, code: "3205080101000003", tokens: ["K3M7PQ2X", "OLDPLATE"] } as unknown as Asset;
    await keepBundle(store, { at: "x", assets: [asset] } as unknown as Bundle, NOON);
    for (const text of ["K3M7-PQ2X", "oldplate", "320508 01 01 000003"]) expect((await assetNamed(store, text))?.id).toBe(3);
    await keepBundle(store, { at: "y", assets: [] } as unknown as Bundle, NOON);
    expect(await assetNamed(store, "K3M7PQ2X")).toBeUndefined();
  });
  it("keeps an act's changes apart from what it was", async () => {
    await queue(store, act("a"));
    expect(await changeAct(store, "a", { tries: 2 })).toMatchObject({ id: "a", tries: 2, state: "waiting" });
    expect(await changeAct(store, "none", { tries: 2 })).toBeUndefined();
  });
});
