// What the phone keeps: the city around, what was done and waits to be sent, drafts and pictures. All in IndexedDB.
import { deleteDB, openDB, type DBSchema, type IDBPDatabase, type IDBPTransaction, type IndexNames, type IndexKey, type StoreKey, type StoreValue } from "idb";
import type { Act, ActState, Asset, Bundle, Carried, Draft, Picture } from "./shapes";

interface Kept extends DBSchema {
  facts: { key: string; value: unknown };
  assets: { key: number; value: Asset; indexes: { tokens: string; code: string } };
  acts: { key: number; value: Act; indexes: { id: string } };
  pictures: { key: string; value: Picture };
  drafts: { key: string; value: Draft };
}

type Shelf = "facts" | "assets" | "acts" | "pictures" | "drafts";
type Opened = IDBPDatabase<Kept>;

export const STORE_NAME = "covercode-app";
const VERSION = 1;
/** What was sent is shown for so long, so that nobody wonders whether it was. */
const SENT_SHOWN_MS = 3 * 86_400_000;

/** What a browser says of a connection that it closed under a page in the background (iOS), or that broke. */
const LOST = new Set(["InvalidStateError", "UnknownError"]);

/** What is kept, behind one door: a connection that the browser closed is opened anew, and what was asked is asked once more. */
export class Store {
  private connection: Promise<Opened> | undefined;
  private closed = false;

  constructor(private readonly name: string) {}

  /** Rejects where the browser keeps nothing. */
  async using<T>(does: (opened: Opened) => Promise<T>): Promise<T> {
    const now = this.open();
    try {
      return await does(await now);
    } catch (problem) {
      if (this.closed || !(problem instanceof DOMException && LOST.has(problem.name))) throw problem;
      if (this.connection === now) this.lose(now);
      return does(await this.open());
    }
  }

  get<Name extends Shelf>(shelf: Name, key: StoreKey<Kept, Name>): Promise<StoreValue<Kept, Name> | undefined> {
    return this.using((opened) => opened.get(shelf, key));
  }

  getFromIndex<Name extends Shelf, Index extends IndexNames<Kept, Name>>(shelf: Name, index: Index, key: IndexKey<Kept, Name, Index>): Promise<StoreValue<Kept, Name> | undefined> {
    return this.using((opened) => opened.getFromIndex(shelf, index, key));
  }

  getAll<Name extends Shelf>(shelf: Name): Promise<StoreValue<Kept, Name>[]> {
    return this.using((opened) => opened.getAll(shelf));
  }

  getAllKeys<Name extends Shelf>(shelf: Name): Promise<StoreKey<Kept, Name>[]> {
    return this.using((opened) => opened.getAllKeys(shelf));
  }

  count(shelf: Shelf): Promise<number> {
    return this.using((opened) => opened.count(shelf));
  }

  put<Name extends Shelf>(shelf: Name, value: StoreValue<Kept, Name>, key?: StoreKey<Kept, Name>): Promise<StoreKey<Kept, Name>> {
    return this.using((opened) => opened.put(shelf, value, key));
  }

  delete<Name extends Shelf>(shelf: Name, key: StoreKey<Kept, Name>): Promise<void> {
    return this.using((opened) => opened.delete(shelf, key));
  }

  clear(shelf: Shelf): Promise<void> {
    return this.using((opened) => opened.clear(shelf));
  }

  /** For good: what is asked after that rejects. */
  close(): void {
    this.closed = true;
    void this.connection?.then((opened) => opened.close());
  }

  private open(): Promise<Opened> {
    this.connection ??= connect(this.name, () => (this.connection = undefined));
    const now = this.connection;
    // one that could not be opened is no connection; the next to ask may have more luck
    now.catch(() => this.connection === now && (this.connection = undefined));
    return now;
  }

  private lose(lost: Promise<Opened>): void {
    this.connection = undefined;
    void lost.then((opened) => opened.close()).catch(() => undefined);
  }
}

/** Rejects where the browser keeps nothing. */
export async function openStore(name = STORE_NAME): Promise<Store> {
  const store = new Store(name);
  await store.using(() => Promise.resolve());
  return store;
}

async function connect(name: string, ended: () => void): Promise<Opened> {
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
    terminated: ended,
  });
}

export const forget = (name = STORE_NAME): Promise<void> => deleteDB(name);

/** What a person may take back into a form: not what may have arrived. */
export const MAY_BE_CHANGED: readonly ActState[] = ["refused", "conflict"];

/** Whether an act is its writer's to take back: the city can't have heard of it. */
export const neverTried = (act: Act): boolean => act.state === "waiting" && act.first_sent_ms === undefined;

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
  await inOneStep(store, ["assets", "facts"], async (tx) => {
    const shelf = tx.objectStore("assets");
    await shelf.clear();
    await Promise.all([...assets.map((asset) => shelf.put(asset)), tx.objectStore("facts").put(rest, "bundle")]);
  });
}

/** The asset that a plate or a code names, if the phone carries it. */
export async function assetNamed(store: Store, text: string): Promise<Asset | undefined> {
  const plain = text.replace(/[\s-]/g, "").toUpperCase();
  return (await store.getFromIndex("assets", "tokens", plain)) ?? (await store.getFromIndex("assets", "code", plain));
}

/**
 * Turns a draft into something to be sent: in one step, so that it is never both nor neither. An act that is queued already
 * (a draft handed in from two tabs) stays as it is; one that was being changed takes its new words and keeps its place.
 */
export async function queue(store: Store, act: Omit<Act, "seq">, draftId?: string): Promise<void> {
  await inOneStep(store, ["acts", "drafts"], async (tx) => {
    const acts = tx.objectStore("acts");
    const before = await acts.index("id").get(act.id);
    if (before === undefined) await acts.add(act as Act);
    else if (before.state === "editing") await acts.put({ ...act, seq: before.seq });
    if (draftId !== undefined) await tx.objectStore("drafts").delete(draftId);
  });
}

/**
 * Makes a draft of what was refused, or (`untried`) of what was never tried. Nothing if it is otherwise by now, whatever a
 * screen still shows of it.
 */
export async function reopen(store: Store, draft: Draft, untried = false): Promise<boolean> {
  return inOneStep(store, ["acts", "drafts"], async (tx) => {
    const acts = tx.objectStore("acts");
    const before = await acts.index("id").get(draft.id);
    if (before === undefined || !(untried ? neverTried(before) : MAY_BE_CHANGED.includes(before.state))) return false;
    await acts.put({ ...before, state: "editing" });
    await tx.objectStore("drafts").put(draft);
    return true;
  });
}

/** The draft of a form, with the asset of its plate where the city has named that since the form was opened. */
export function named(draft: Draft, kept: Draft | undefined): Draft {
  const { token, asset_id } = draft.subject;
  if (token === undefined || asset_id !== undefined || kept?.subject.asset_id === undefined) return draft;
  return { ...draft, subject: { ...draft.subject, asset_id: kept.subject.asset_id }, about: kept.about };
}

/** What became of a draft that was to be kept; changed, gone: in another window, and nothing was kept. */
export type DraftKept = "kept" | "changed" | "gone";

/**
 * Keeps a draft, and with it the picture that was just taken for it: a picture that nothing names is thrown away. `known`:
 * the `changed_ms` of what the phone kept when the form last knew; undefined: nothing. A form that stood open in another
 * window must not take newer words away, nor bring back what was handed in or removed.
 */
export async function keepDraft(store: Store, draft: Draft, picture?: Picture, known?: number): Promise<DraftKept> {
  return inOneStep(store, ["acts", "drafts", "pictures"], async (tx) => {
    const drafts = tx.objectStore("drafts");
    const [before, act] = await Promise.all([drafts.get(draft.id), tx.objectStore("acts").index("id").get(draft.id)]);
    if ((act !== undefined && act.state !== "editing") || (before === undefined && known !== undefined)) return "gone";
    if (before !== undefined && before.changed_ms !== known && before.changed_ms !== draft.changed_ms) return "changed";
    await Promise.all([picture === undefined ? undefined : tx.objectStore("pictures").put(picture), drafts.put(named(draft, before))]);
    return "kept";
  });
}

/** Removes a draft with its pictures; what was being changed in it is dropped. */
export async function removeDraft(store: Store, draft: Draft, nowMs: number): Promise<void> {
  await inOneStep(store, ["acts", "drafts", "pictures"], async (tx) => {
    const act = await tx.objectStore("acts").index("id").get(draft.id);
    if (act?.state === "editing") await tx.objectStore("acts").put({ ...act, state: "dropped", settled_ms: nowMs, pictures: [] });
    await tx.objectStore("drafts").delete(draft.id);
    for (const one of draft.pictures) await tx.objectStore("pictures").delete(one.id);
  });
}

/** Drops an act that nobody has settled, with the draft that it may have become. */
export async function dropAct(store: Store, id: string, nowMs: number, among: readonly ActState[]): Promise<void> {
  await inOneStep(store, ["acts", "drafts"], async (tx) => {
    const acts = tx.objectStore("acts");
    const before = await acts.index("id").get(id);
    if (before === undefined || !among.includes(before.state)) return;
    await acts.put({ ...before, state: "dropped", settled_ms: nowMs });
    await tx.objectStore("drafts").delete(id);
  });
}

/** All of `does`, or nothing; rejects where it could not be kept (the phone is full, the browser keeps nothing). */
export async function inOneStep<Names extends Shelf[], T>(store: Store, shelves: Names, does: (tx: IDBPTransaction<Kept, Names, "readwrite">) => Promise<T>): Promise<T> {
  return store.using(async (opened) => {
    const tx = opened.transaction(shelves, "readwrite");
    const work = does(tx).catch((problem: unknown) => {
      try {
        tx.abort();
      } catch {
        // it ended by itself
      }
      throw problem;
    });
    const [done] = await Promise.all([work, tx.done]);
    return done;
  });
}

/** Every act in the order in which things were done. */
export const allActs = (store: Store): Promise<Act[]> => store.getAll("acts");

/** Changes an act; with `among` only while it is in one of these states, whatever a screen still shows of it. */
export async function changeAct(store: Store, id: string, change: Partial<Act>, among?: readonly ActState[]): Promise<Act | undefined> {
  return inOneStep(store, ["acts"], async (tx) => {
    const acts = tx.objectStore("acts");
    const before = await acts.index("id").get(id);
    const after = before === undefined || among?.includes(before.state) === false ? undefined : { ...before, ...change };
    if (after !== undefined) await acts.put(after);
    return after;
  });
}

/**
 * Notes that the city has an act; its pictures leave first, since a phone that is full has room only after that. Where even
 * the note finds no room, the act itself leaves, unless another waits for what it was answered.
 */
export async function settleAct(store: Store, id: string, change: Partial<Act>): Promise<void> {
  const leave = (noting: boolean): Promise<void> =>
    inOneStep(store, ["acts", "pictures"], async (tx) => {
      const acts = tx.objectStore("acts");
      const before = await acts.index("id").get(id);
      if (before === undefined) return;
      for (const one of before.pictures) await tx.objectStore("pictures").delete(one.id);
      if (noting) await acts.put({ ...before, ...change });
      else await acts.delete(before.seq);
    });
  try {
    await leave(true);
  } catch (problem) {
    if ((await allActs(store)).some((one) => one.needs === id)) throw problem;
    await leave(false);
  }
}

/** Lets everything that waits be tried now. Read and written in one step: a worker may have sent some of it just now. */
export async function hurry(store: Store): Promise<void> {
  await inOneStep(store, ["acts"], async (tx) => {
    const acts = tx.objectStore("acts");
    for (const act of await acts.getAll()) if (act.state === "waiting") await acts.put({ ...act, next_ms: 0 });
  });
}

/**
 * Forgets what was settled days ago, but for the moves of a case that somebody is still writing about and for what others
 * that are not settled build on, and every picture that nothing names any more: the city has it, or its form was never handed in.
 */
export async function tidy(store: Store, nowMs: number): Promise<void> {
  await inOneStep(store, ["acts", "pictures", "drafts"], async (tx) => {
    const drafts = await tx.objectStore("drafts").getAll();
    const written = new Set(drafts.map((draft) => draft.subject.case_id));
    const named = new Set(drafts.flatMap((draft) => draft.pictures.map((one) => one.id)));
    const acts = await tx.objectStore("acts").getAll();
    const isSettled = (act: Act): boolean => act.state === "sent" || act.state === "dropped";
    const needed = new Set([...drafts.map((draft) => draft.subject.permit_act), ...acts.filter((act) => !isSettled(act)).map((act) => act.needs)]);
    for (const act of acts) {
      const old = isSettled(act) && !needed.has(act.id) && nowMs - (act.settled_ms ?? 0) >= SENT_SHOWN_MS;
      if (old && !(act.kind === "move" && written.has(act.subject.case_id))) await tx.objectStore("acts").delete(act.seq);
      else if (act.state !== "sent") for (const one of act.pictures) named.add(one.id);
    }
    const pictures = tx.objectStore("pictures");
    for (const id of await pictures.getAllKeys()) if (!named.has(id)) await pictures.delete(id);
  });
}
