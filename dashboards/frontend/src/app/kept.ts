// What the phone keeps: the city around, what was done and waits to be sent, drafts and pictures. All in IndexedDB.
import { deleteDB, openDB, type DBSchema, type IDBPDatabase } from "idb";
import type { Act, ActState, Asset, Bundle, Carried, Draft, Picture } from "./shapes";

interface Kept extends DBSchema {
  facts: { key: string; value: unknown };
  assets: { key: number; value: Asset; indexes: { tokens: string; code: string } };
  acts: { key: number; value: Act; indexes: { id: string } };
  pictures: { key: string; value: Picture };
  drafts: { key: string; value: Draft };
}

export type Store = IDBPDatabase<Kept>;

export const STORE_NAME = "covercode-app";
const VERSION = 1;
/** What was sent is shown for so long, so that nobody wonders whether it was. */
const SENT_SHOWN_MS = 3 * 86_400_000;

export function openStore(name = STORE_NAME): Promise<Store> {
  return openDB<Kept>(name, VERSION, {
    upgrade(store) {
      store.createObjectStore("facts");
      const assets = store.createObjectStore("assets", { keyPath: "id" });
      assets.createIndex("tokens", "tokens", { multiEntry: true });
      assets.createIndex("code", "code");
      const acts = store.createObjectStore("acts", { keyPath: "seq", autoIncrement: true });
      acts.createIndex("id", "id", { unique: true });
      store.createObjectStore("pictures", { keyPath: "id" });
      store.createObjectStore("drafts", { keyPath: "id" });
    },
    blocking(_current, _blocked, event) {
      (event.target as IDBDatabase).close(); // a newer version of the app wants in
    },
  });
}

export const forget = (name = STORE_NAME): Promise<void> => deleteDB(name);

export async function fact<T>(store: Store, key: string): Promise<T | undefined> {
  return (await store.get("facts", key)) as T | undefined;
}

export async function keepFact(store: Store, key: string, value: unknown): Promise<void> {
  await store.put("facts", value, key);
}

/** Puts a bundle in the place of the one before; either all of it is there afterwards or the old one. */
export async function keepBundle(store: Store, bundle: Bundle, askedMs: number): Promise<void> {
  const { assets, ...more } = bundle;
  const rest: Carried = { ...more, asked_ms: askedMs };
  const tx = store.transaction(["assets", "facts"], "readwrite");
  const shelf = tx.objectStore("assets");
  await shelf.clear();
  await Promise.all([...assets.map((asset) => shelf.put(asset)), tx.objectStore("facts").put(rest, "bundle")]);
  await tx.done;
}

/** The asset that a plate or a code names, if the phone carries it. */
export async function assetNamed(store: Store, text: string): Promise<Asset | undefined> {
  const plain = text.replace(/[\s-]/g, "").toUpperCase();
  return (await store.getFromIndex("assets", "tokens", plain)) ?? (await store.getFromIndex("assets", "code", plain));
}

/**
 * Turns a draft into something to be sent: in one step, so that it is never both nor neither. An act that is queued already
 * (a draft handed in from two tabs) stays as it is.
 */
export async function queue(store: Store, act: Omit<Act, "seq">, draftId?: string): Promise<void> {
  const tx = store.transaction(["acts", "drafts"], "readwrite");
  const acts = tx.objectStore("acts");
  if ((await acts.index("id").getKey(act.id)) === undefined) await acts.add(act as Act);
  if (draftId !== undefined) await tx.objectStore("drafts").delete(draftId);
  await tx.done;
}

/** Every act in the order in which things were done. */
export const allActs = (store: Store): Promise<Act[]> => store.getAll("acts");

/** Changes an act; with `among` only while it is in one of these states, whatever a screen still shows of it. */
export async function changeAct(store: Store, id: string, change: Partial<Act>, among?: readonly ActState[]): Promise<Act | undefined> {
  const tx = store.transaction("acts", "readwrite");
  const before = await tx.store.index("id").get(id);
  const after = before === undefined || among?.includes(before.state) === false ? undefined : { ...before, ...change };
  if (after !== undefined) await tx.store.put(after);
  await tx.done;
  return after;
}

/** Lets everything that waits be tried now. Read and written in one step: a worker may have sent some of it just now. */
export async function hurry(store: Store): Promise<void> {
  const tx = store.transaction("acts", "readwrite");
  for (const act of await tx.store.getAll()) if (act.state === "waiting") await tx.store.put({ ...act, next_ms: 0 });
  await tx.done;
}

/** Drops what was settled days ago, with its pictures. */
export async function tidy(store: Store, nowMs: number): Promise<void> {
  const tx = store.transaction(["acts", "pictures"], "readwrite");
  for (const act of await tx.objectStore("acts").getAll()) {
    const settled = act.state === "sent" || act.state === "dropped";
    if (!settled || nowMs - (act.settled_ms ?? 0) < SENT_SHOWN_MS) continue;
    await Promise.all(act.pictures.map((one) => tx.objectStore("pictures").delete(one.id)));
    await tx.objectStore("acts").delete(act.seq);
  }
  await tx.done;
}
