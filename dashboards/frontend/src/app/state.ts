// What the screens share: the store, what is carried, who is signed in, where the phone is, and what they may do.
import { within } from "../answers";
import { cityNow } from "../clock";
import type { Page } from "../page";
import { recallClock } from "./clock";
import { allActs, fact, inOneStep, keepBundle, keepFact, type Store } from "./kept";
import { SETTLED, session, type Halt } from "./sending";
import type { Act, Asset, Bundle, Carried, Draft, Move, Permit, Seen, Task, User } from "./shapes";
import { namePlates } from "./unknown_plates";
import { metres, type Spot } from "./ways";

export interface Scanned {
  readonly asset_id: number;
  readonly token: string;
  readonly at_ms: number;
}

/** Who scanned a plate not longer ago than this stands in front of it. */
const PROOF_MS = 30 * 60_000;
/** A bag of 3,000 things comes on a slow line too; what takes longer stands still. */
const BUNDLE_MS = 60_000;

/** A place that is not farther from the one before is the same: a phone that lies still is found anew each time. */
const SAME_PLACE_M = 10;
/** Who was seen somewhere longer ago than this may be anywhere. */
const STANDS_MS = 30 * 60_000;

/** Where the phone was, and when (by its own clock). */
type Found = Spot & { readonly at_ms?: number };

/** Who signed out here, by their id, while the city has not heard of it. */
const LEFT = "left";

/** Ends the session; false where that did not reach the city. */
async function signOut(csrf: string): Promise<boolean> {
  try {
    return (await fetch("/logout", { method: "POST", headers: { "X-CSRFToken": csrf }, signal: within(BUNDLE_MS) })).ok;
  } catch {
    return false;
  }
}

/** Whether the case at this version is the one that the act made of it. */
const shownBy = (act: Act, version: number): boolean => act.state === "sent" && (act.answer?.version ?? 0) <= version;

/** Whether it counts as done: it was sent, or will be. */
const onItsWay = (act: Act): boolean => !["dropped", "refused", "editing", "conflict"].includes(act.state);

/** Whether an act is about this permit, by its number or by the act that started it. */
const isOf = (act: Act, permitId: number | undefined, actId: string | undefined): boolean =>
  (permitId !== undefined && act.subject.permit_id === permitId) || (actId !== undefined && act.subject.permit_act === actId);

export class State {
  carried: Carried | undefined;
  acts: Act[] = [];
  drafts: Draft[] = [];
  user: User | undefined;
  /** Where the phone was found last, however long ago. */
  here: Spot | undefined;
  private foundMs = 0;
  /** Where the phone was when what is carried was asked for. */
  around: Spot | undefined;
  halt: Halt = "none";
  loading = false;
  /** "": all is well; otherwise the key of a word that says why the bundle could not be fetched. */
  problem = "";
  /** The phone took nothing when it was last asked to keep something: it is full, or the browser keeps nothing. */
  full = false;
  /** As `LEFT`, also on a phone that could not keep it. */
  private left: number | undefined;

  constructor(
    readonly store: Store,
    readonly page: Page,
  ) {}

  async load(): Promise<void> {
    this.carried = await fact<Carried>(this.store, "bundle");
    this.user = await fact<User>(this.store, "user");
    const found = await fact<Found>(this.store, "here");
    this.here = this.around = found;
    this.foundMs = found?.at_ms ?? 0;
    await recallClock(this.store);
    await this.look();
  }

  /** Reads again what changes while the app is open. */
  async look(): Promise<void> {
    this.acts = await allActs(this.store);
    this.drafts = (await this.store.getAll("drafts")).sort((one, other) => other.changed_ms - one.changed_ms);
  }

  /** Does what keeps something. Where that fails every screen says so (`full`), and whoever asked hears it too. */
  async keeping<T>(does: () => Promise<T>): Promise<T> {
    try {
      const done = await does();
      this.full = false;
      return done;
    } catch (problem) {
      this.full = true;
      throw problem;
    }
  }

  /**
   * Who is signed in now; "unknown" when nobody can tell. Somebody else begins with an empty bag. A sign-in that merely
   * ended leaves everything as it is, for the day goes on without it; one that was ended on purpose leaves an empty bag.
   */
  async askWho(): Promise<"in" | "out" | "unknown"> {
    const who = await session(this.store, (address, init) => fetch(address, init), Date.now);
    if (who === undefined) return "unknown";
    const left = this.left ?? (await fact<number>(this.store, LEFT));
    if (left !== undefined && who.user?.id === left && !(await signOut(who.csrf))) return "unknown";
    this.left = undefined;
    if (left !== undefined) await this.store.delete("facts", LEFT);
    if (who.user === null || who.user.id === left) {
      if (this.user !== undefined && (left ?? who.left) === this.user.id) await this.empty(true);
      return "out";
    }
    if (this.user !== undefined && this.user.id !== who.user.id) await this.empty();
    const user = { id: who.user.id, name: who.user.name };
    if (this.user?.id !== user.id || this.user.name !== user.name) await this.keeping(() => keepFact(this.store, "user", user)).catch(() => undefined);
    this.user = user;
    return "in";
  }

  /** Signs out; "unknown": without a signal, so that `askWho` has to tell the city. What was written stays, for its writer alone. */
  async leave(): Promise<"in" | "out" | "unknown"> {
    const { user } = this;
    if (user === undefined) return "out";
    await this.empty(true);
    this.left = user.id;
    await this.keeping(() => keepFact(this.store, LEFT, user.id)).catch(() => undefined);
    return this.askWho();
  }

  /** Nothing of the city and of whoever carried it stays readable here; `left`: nor where they were, for nobody follows them. */
  private async empty(left = false): Promise<void> {
    this.carried = this.user = undefined;
    if (left) this.here = undefined;
    await inOneStep(this.store, ["assets", "facts"], async (tx) => {
      await tx.objectStore("assets").clear();
      for (const name of ["bundle", "scanned", "user", ...(left ? ["here"] : [])]) await tx.objectStore("facts").delete(name);
    });
  }

  /** Fetches what is carried; the old bundle stays until the new one is there. */
  async fetchBundle(): Promise<void> {
    this.loading = true;
    try {
      const who = await this.askWho();
      if (who !== "in") {
        this.problem = this.user === undefined ? "app.sign_in_first" : who === "unknown" ? "app.no_signal" : "app.sign_in_needed";
        return;
      }
      const { here } = this;
      const where = here === undefined ? "" : `?lon=${here.lon.toFixed(5)}&lat=${here.lat.toFixed(5)}`;
      const askedMs = Date.now();
      const answer = await fetch(`/app/bundle.json${where}`, { cache: "no-store", headers: { Accept: "application/json" }, signal: within(BUNDLE_MS) });
      if (!answer.ok) {
        this.problem = answer.status === 401 ? "app.sign_in_needed" : answer.status === 403 ? "app.account_first" : "app.bundle_failed";
        return;
      }
      const bundle = (await answer.json()) as Bundle;
      if (bundle.user_id !== this.user?.id) return; // they signed out meanwhile
      const kept = await this.keeping(() => keepBundle(this.store, bundle, askedMs)).then(() => true, () => false);
      if (kept) this.carried = await fact<Carried>(this.store, "bundle");
      if (kept) this.around = here;
      this.problem = kept ? "" : "app.bundle_not_kept";
      await namePlates(this);
    } catch {
      this.problem = "app.no_signal";
    } finally {
      this.loading = false;
    }
  }

  /** Where they stand, to tell how far things are; undefined where that is too long ago to be true. */
  get standing(): Spot | undefined {
    return Date.now() - this.foundMs < STANDS_MS ? this.here : undefined;
  }

  async keepHere({ lon, lat }: Spot): Promise<void> {
    this.foundMs = Date.now();
    if (this.here === undefined || metres(this.here, { lon, lat }) >= SAME_PLACE_M) this.here = { lon, lat };
    if (this.user === undefined) return; // where a person is, is kept for nobody else
    const found: Found = { lon: this.here.lon, lat: this.here.lat, at_ms: this.foundMs };
    await keepFact(this.store, "here", found).catch(() => undefined); // known as long as the app is open
  }

  asset(id: number): Promise<Asset | undefined> {
    return this.store.get("assets", id);
  }

  kind(key: string): string {
    const kind = this.carried?.kinds[key];
    return kind === undefined ? key : kind[this.page.language];
  }

  /** What a rule is called. */
  rule(key: string): string {
    return this.carried?.rules?.[key]?.[this.page.language] ?? key;
  }

  async scanned(assetId: number): Promise<Scanned | undefined> {
    const last = await fact<Scanned>(this.store, "scanned");
    return last?.asset_id === assetId && Date.now() - last.at_ms < PROOF_MS ? last : undefined;
  }

  task(caseId: number): Task | undefined {
    return [...(this.carried?.cases ?? []), ...(this.carried?.look_cases ?? [])].find((one) => one.case.id === caseId);
  }

  /** What is not settled yet, of whomever. */
  get open(): Act[] {
    return this.acts.filter((act) => !SETTLED.has(act.state));
  }

  get troubled(): Act[] {
    return this.open.filter((act) => act.state !== "waiting");
  }

  mine(one: Draft | Act): boolean {
    return this.user !== undefined && one.user_id === this.user.id;
  }

  /** The newest of one's own moves of a case that what is carried does not show yet. */
  lastMove(caseId: number): Act | undefined {
    return this.newest(caseId, (act) => act.subject.move !== "note", this.task(caseId)?.case.version ?? 0);
  }

  /**
   * One's own move or note on whose answer a form builds: the newest that whoever opened the form, who saw the case at
   * `version`, had made without knowing its answer, or has made since. Of an act that is being changed: the newest before it.
   */
  moveBefore(draft: Draft, version: number): Act | undefined {
    const own = this.acts.find((act) => act.id === draft.id);
    return this.newest(draft.subject.case_id ?? 0, (act) => act.seq < (own?.seq ?? Infinity), version);
  }

  private newest(caseId: number, among: (act: Act) => boolean, version: number): Act | undefined {
    const last = this.ownMoves(caseId).filter(among).at(-1);
    return last !== undefined && shownBy(last, version) ? undefined : last;
  }

  private ownMoves(caseId: number): Act[] {
    return this.acts.filter((act) => act.kind === "move" && act.subject.case_id === caseId && act.state !== "dropped" && this.mine(act));
  }

  /** The moves open once one's own that are on their way have arrived: the server's list is the one of the stage before. */
  movesOf(task: Task): readonly Move[] {
    const made = this.ownMoves(task.case.id).filter((act) => !shownBy(act, task.case.version)).map((act) => act.subject.move ?? "note");
    let open = task.moves;
    const done = new Set<string>();
    for (const name of made.filter((each) => each !== "note")) {
      const move = open.find((one) => one.name === name);
      if (move?.stays === true) done.add(name);
      else open = task.then[name] ?? open.filter((one) => one.name === "note");
    }
    return open.filter((move) => !done.has(move.name));
  }

  /** The case as it is carried now; what a form that is opened now has seen of it. */
  seenOf(caseId: number | undefined): Seen | undefined {
    const task = caseId === undefined ? undefined : this.task(caseId);
    return task === undefined ? undefined : { version: task.case.version, entry: task.seen_entry };
  }

  /** Whether others changed the case of a form since it was opened; what one did oneself meanwhile doesn't count. */
  changedSince(draft: Draft): boolean {
    const now = draft.kind === "move" ? this.seenOf(draft.subject.case_id) : undefined;
    if (now === undefined || draft.seen === undefined || now.version <= draft.seen.version) return false;
    return !this.acts.some((act) => act.subject.case_id === draft.subject.case_id && this.mine(act) && act.answer?.version === now.version);
  }

  /** The permit that runs on an asset: as the bundle has it, or as it was started here and not yet numbered. */
  permitOf(assetId: number): { readonly permit?: Permit; readonly act?: Act; readonly ends_at: string; readonly work: string } | undefined {
    const now = cityNow();
    const ended = (permitId: number | undefined, actId: string | undefined): boolean =>
      this.acts.some((act) => act.kind === "permit_end" && act.state !== "dropped" && isOf(act, permitId, actId));
    const act = this.acts
      .filter((one) => one.kind === "permit" && one.subject.asset_id === assetId && onItsWay(one) && this.mine(one))
      // of what was sent before the bundle was asked for, the bundle knows more: it was prolonged, or the office ended it
      .filter((one) => !this.knownTo(one))
      .at(-1);
    if (act !== undefined && !ended(act.answer?.id, act.id)) {
      const minutes = Number(act.request?.body.minutes ?? 0);
      const ends = Date.parse(act.done_at) + (minutes + this.prolonged(act.answer?.id, act.id)) * 60_000;
      if (ends > now) return { act, ends_at: new Date(ends).toISOString(), work: String(act.request?.body.work ?? "") };
    }
    for (const permit of this.carried?.permits ?? []) {
      if (permit.asset_id !== assetId || permit.ended_at !== null) continue;
      const actId = act?.answer?.id === permit.id ? act.id : this.acts.find((one) => one.kind === "permit" && one.answer?.id === permit.id)?.id;
      const ends = Date.parse(permit.ends_at) + this.prolonged(permit.id, actId) * 60_000;
      if (ends > now && !ended(permit.id, actId)) return { permit, ends_at: new Date(ends).toISOString(), work: permit.work };
    }
    return undefined;
  }

  /** Whether the bundle shows what came of the act: it was asked for after the city had heard. */
  private knownTo(act: Act): boolean {
    return act.state === "sent" && (act.settled_ms ?? 0) <= (this.carried?.asked_ms ?? 0);
  }

  /** The minutes by which a permit was prolonged here and which what is carried does not show. */
  private prolonged(permitId: number | undefined, actId: string | undefined): number {
    return this.acts
      .filter((act) => act.kind === "permit_prolong" && onItsWay(act) && this.mine(act) && !this.knownTo(act) && isOf(act, permitId, actId))
      .reduce((sum, act) => sum + Number(act.request?.body.minutes ?? 0), 0);
  }
}
