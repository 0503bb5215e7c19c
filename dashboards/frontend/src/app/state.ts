// What the screens share: the store, what is carried, who is signed in, where the phone is, and what they may do.
import type { Page } from "../page";
import { allActs, fact, keepBundle, keepFact, type Store } from "./kept";
import { SETTLED, session, type Halt } from "./sending";
import type { Act, Asset, Bundle, Carried, Draft, Permit, Task, User } from "./shapes";
import type { Spot } from "./ways";

export interface Scanned {
  readonly asset_id: number;
  readonly token: string;
  readonly at_ms: number;
}

/** Who scanned a plate not longer ago than this stands in front of it. */
const PROOF_MS = 30 * 60_000;

export class State {
  carried: Carried | undefined;
  acts: Act[] = [];
  drafts: Draft[] = [];
  user: User | undefined;
  here: Spot | undefined;
  halt: Halt = "none";
  loading = false;
  /** "": all is well; otherwise the key of a word that says why the bundle could not be fetched. */
  problem = "";

  constructor(
    readonly store: Store,
    readonly page: Page,
  ) {}

  async load(): Promise<void> {
    this.carried = await fact<Carried>(this.store, "bundle");
    this.user = await fact<User>(this.store, "user");
    this.here = await fact<Spot>(this.store, "here");
    await this.look();
  }

  /** Reads again what changes while the app is open. */
  async look(): Promise<void> {
    this.acts = await allActs(this.store);
    this.drafts = (await this.store.getAll("drafts")).sort((one, other) => other.changed_ms - one.changed_ms);
  }

  /** Who is signed in now; undefined when nobody can tell. Somebody else begins with an empty bag. */
  async askWho(): Promise<"in" | "out" | "unknown"> {
    const who = await session((address, init) => fetch(address, init));
    if (who === undefined) return "unknown";
    if (who.user === null) return "out";
    if (this.user !== undefined && this.user.id !== who.user.id) {
      this.carried = undefined;
      await this.store.clear("assets");
      await this.store.delete("facts", "bundle");
      await this.store.delete("facts", "scanned"); // who stood in front of a plate was the one before
    }
    this.user = { id: who.user.id, name: who.user.name };
    await keepFact(this.store, "user", this.user);
    return "in";
  }

  /** Fetches what is carried; the old bundle stays until the new one is there. */
  async fetchBundle(): Promise<void> {
    this.loading = true;
    try {
      const who = await this.askWho();
      if (who !== "in") {
        this.problem = who === "out" ? "app.sign_in_needed" : "app.no_signal";
        return;
      }
      const where = this.here === undefined ? "" : `?lon=${this.here.lon.toFixed(5)}&lat=${this.here.lat.toFixed(5)}`;
      const askedMs = Date.now();
      const answer = await fetch(`/app/bundle.json${where}`, { cache: "no-store", headers: { Accept: "application/json" } });
      if (!answer.ok) {
        this.problem = answer.status === 401 ? "app.sign_in_needed" : answer.status === 403 ? "app.account_first" : "app.bundle_failed";
        return;
      }
      await keepBundle(this.store, (await answer.json()) as Bundle, askedMs);
      this.carried = await fact<Carried>(this.store, "bundle");
      this.problem = "";
    } catch {
      this.problem = "app.no_signal";
    } finally {
      this.loading = false;
    }
  }

  async keepHere(spot: Spot): Promise<void> {
    this.here = { lon: spot.lon, lat: spot.lat };
    await keepFact(this.store, "here", this.here);
  }

  asset(id: number): Promise<Asset | undefined> {
    return this.store.get("assets", id);
  }

  kind(key: string): string {
    const kind = this.carried?.kinds[key];
    return kind === undefined ? key : kind[this.page.language];
  }

  async scanned(assetId: number): Promise<Scanned | undefined> {
    const last = await fact<Scanned>(this.store, "scanned");
    return last?.asset_id === assetId && Date.now() - last.at_ms < PROOF_MS ? last : undefined;
  }

  task(caseId: number): Task | undefined {
    return this.carried?.cases.find((one) => one.case.id === caseId);
  }

  /** What is not settled yet, of whomever. */
  get open(): Act[] {
    return this.acts.filter((act) => !SETTLED.has(act.state));
  }

  get troubled(): Act[] {
    return this.open.filter((act) => act.state !== "waiting");
  }

  mine(one: Draft | Act): boolean {
    return this.user === undefined || one.user_id === this.user.id;
  }

  /** The newest of one's own moves of a case (and its notes, if asked) that what is carried does not show yet. */
  lastMove(caseId: number, withNotes = false): Act | undefined {
    const moves = this.acts.filter((act) => act.kind === "move" && act.subject.case_id === caseId && act.state !== "dropped" && this.mine(act));
    const last = moves.filter((act) => withNotes || act.subject.move !== "note").at(-1);
    const known = last?.state === "sent" && (last.answer?.version ?? 0) <= (this.task(caseId)?.case.version ?? 0);
    return known ? undefined : last;
  }

  /** The permit that runs on an asset: as the bundle has it, or as it was started here and not yet numbered. */
  permitOf(assetId: number): { readonly permit?: Permit; readonly act?: Act; readonly ends_at: string; readonly work: string } | undefined {
    const now = Date.now();
    const ended = (permitId: number | undefined, actId: string | undefined): boolean =>
      this.acts.some(
        (act) =>
          act.kind === "permit_end" &&
          act.state !== "dropped" &&
          ((permitId !== undefined && act.subject.permit_id === permitId) || (actId !== undefined && act.subject.permit_act === actId)),
      );
    const act = this.acts
      .filter((one) => one.kind === "permit" && one.subject.asset_id === assetId && one.state !== "dropped" && one.state !== "refused" && this.mine(one))
      // of what was sent before the bundle was asked for, the bundle knows more: it was prolonged, or the office ended it
      .filter((one) => one.state !== "sent" || (one.settled_ms ?? 0) > (this.carried?.asked_ms ?? 0))
      .at(-1);
    if (act !== undefined && !ended(act.answer?.id, act.id)) {
      const ends = Date.parse(act.done_at) + Number(act.request?.body.minutes ?? 0) * 60_000;
      if (ends > now) return { act, ends_at: new Date(ends).toISOString(), work: String(act.request?.body.work ?? "") };
    }
    const permit = this.carried?.permits.find((one) => one.asset_id === assetId && one.ended_at === null && Date.parse(one.ends_at) > now);
    if (permit === undefined || ended(permit.id, act?.answer?.id === permit.id ? act.id : undefined)) return undefined;
    return { permit, ends_at: permit.ends_at, work: permit.work };
  }
}
