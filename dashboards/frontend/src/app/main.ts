// The phone's app: its screens by the address after #, the line that says what waits, and the sending of it.
import "../styles/tokens.css";
import "../styles/base.css";
import "./app.css";
import { cityNow } from "../clock";
import { part, say, thisPage, type Page } from "../page";
import { agreedBefore } from "../position";
import { refreshTimes } from "../times";
import { asTheme } from "../theme";
import { draftScreen } from "./asking";
import { actOf, draftOf, scanOf } from "./forms";
import { hurry, keepDraft, keepFact, neverTried, openStore, queue, removeDraft, reopen, tidy, type DraftKept } from "./kept";
import { assetScreen, caseScreen, draftsScreen, findMe, tasksScreen, waitingScreen } from "./screens";
import { scanScreen } from "./scanning";
import { askOffices, sendAll } from "./sending";
import { askToLast, askToSync, HOME, keepsNothing, offerInstalling, ownLanguage, startChoices, startWorker, wordShell } from "./shell";
import { State } from "./state";
import type { Act, Asset, Draft, FormKind, Picture, Subject, User } from "./shapes";
import { button, icon, make } from "./ui";
import { metres } from "./ways";

/** What is carried is fetched anew when it is older: a task that was given meanwhile must be seen in an app that stays open. */
const STALE_MS = 5 * 60_000;
const ROUND_MS = 60_000;
/** Who went farther has other things around. */
const MOVED_M = 500;

/** A screen; `end` when another one comes, `save` when the phone puts the page away. */
export interface Shown {
  readonly nodes: readonly Node[];
  readonly end?: () => void | Promise<void>;
  readonly save?: () => Promise<unknown>;
}

/** What tells a control from the others of its screen, to find it when the screen is drawn anew. */
function likeness(one: Element): string {
  const act = one.closest<HTMLElement>("[data-act]")?.dataset.act;
  return [one.tagName, one.id, act, one.getAttribute("href"), one.getAttribute("aria-label"), one.textContent].join(" ");
}

export class App {
  /** A form that was opened and not typed into yet. */
  fresh: Draft | undefined;
  private readonly gone = new Set<string>();
  private shown: Shown | undefined;
  /** Of the screens that were asked for, the newest is drawn. */
  private turn = 0;
  private arriving = false;
  /** What the screen was drawn of. */
  private drawn = "";
  private carrying: Promise<void> = Promise.resolve();
  private freshening = false;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private toasted: ReturnType<typeof setTimeout> | undefined;
  private readonly main = part("main");
  private readonly name = document.title;

  constructor(
    readonly state: State,
    readonly page: Page,
  ) {}

  async start(): Promise<void> {
    await this.state.load();
    addEventListener("hashchange", () => void this.show(true));
    // what a flickering line made wait longer and longer is tried now
    addEventListener("online", () => void hurry(this.state.store).catch(() => undefined).then(() => this.wake()));
    addEventListener("offline", () => this.badge());
    addEventListener("pagehide", () => void this.shown?.save?.());
    document.addEventListener("visibilitychange", () => void (document.hidden ? this.shown?.save?.() : this.wake()));
    setInterval(() => refreshTimes(this.page, document, cityNow()), 10_000);
    setInterval(() => void this.wake(), ROUND_MS);
    await this.show();
    await tidy(this.state.store, Date.now()).catch(() => undefined);
    await this.meet();
    await this.wake();
    await this.place();
  }

  /** Looks where the phone is, if that disturbs nobody: how far things are is shown from there, and others may be around. */
  private async place(): Promise<void> {
    if (!(await agreedBefore())) return;
    await findMe(this);
    await this.carrying;
    if (this.isElsewhere && this.state.problem === "") await this.refresh(false);
    else await this.redraw();
  }

  /** Sends what waits, and fetches what is carried where that is old. */
  private async wake(): Promise<void> {
    await Promise.all([this.send(), this.freshen()]);
  }

  private async freshen(): Promise<void> {
    const age = Math.abs(cityNow() - Date.parse(this.state.carried?.at ?? "1970-01-01"));
    if (document.hidden || this.freshening || age < STALE_MS) return;
    this.freshening = true;
    // who works in the street walks on while the app stays open
    await Promise.all([this.refresh(false), this.place()]).finally(() => (this.freshening = false));
  }

  /** Whether the phone is so far from where it asked for what it carries that other things are around. */
  private get isElsewhere(): boolean {
    const { here, around } = this.state;
    return here !== undefined && (around === undefined || metres(around, here) > MOVED_M);
  }

  /** Fetches what is carried, one at a time: an older answer must not take the place of a newer one. */
  private carry(): Promise<void> {
    this.carrying = this.carrying.then(() => this.state.fetchBundle());
    return this.carrying;
  }

  /** Looks who is signed in: what somebody else carries is not shown, and is not sent. */
  private async meet(): Promise<void> {
    const before = this.state.user?.id;
    await this.state.askWho();
    if (this.state.user?.id !== before && before !== undefined) await this.refresh(false);
  }

  /** The screen that the address names; `arriving`: somebody went there, so that it begins at its top. */
  async show(arriving = false): Promise<void> {
    const turn = ++this.turn;
    this.arriving ||= arriving;
    const before = this.shown;
    this.shown = undefined;
    await before?.end?.();
    const [, name = "tasks", id = ""] = (location.hash || HOME).split("/");
    const drawn = this.mark();
    const shown = await this.screen(name, id);
    if (turn !== this.turn) return void shown.end?.();
    [this.shown, this.drawn] = [shown, drawn];
    const { activeElement } = document;
    const held = activeElement !== null && this.main.contains(activeElement) ? likeness(activeElement) : "";
    this.main.replaceChildren(...shown.nodes);
    this.main.dataset.screen = name;
    for (const tab of document.querySelectorAll<HTMLAnchorElement>(".tabs a")) {
      if (tab.getAttribute("href") === `#/${name}`) tab.setAttribute("aria-current", "page");
      else tab.removeAttribute("aria-current");
    }
    part("[data-back]").hidden = ["tasks", "scan", "drafts", "waiting"].includes(name);
    this.badge();
    this.attend(held);
  }

  /** Tells the reader where it is: the top of a screen that was just entered, or the control that was held before it was redrawn. */
  private attend(held: string): void {
    const heading = this.main.querySelector("h1");
    const words = heading?.textContent ?? document.querySelector(".tabs [aria-current] span")?.textContent ?? "";
    document.title = [words, this.name].filter((each) => each !== "").join(" · ");
    heading?.setAttribute("tabindex", "-1");
    if (this.arriving) {
      (heading ?? this.main).focus({ preventScroll: true });
      scrollTo(0, 0);
    } else if (held !== "") {
      const same = [...this.main.querySelectorAll<HTMLElement>("h1, a, button, input, textarea, select")].find((one) => likeness(one) === held);
      same?.focus({ preventScroll: true });
      if (same === undefined || document.activeElement !== same) this.main.focus({ preventScroll: true });
    }
    this.arriving = false;
  }

  private async screen(name: string, id: string): Promise<Shown> {
    switch (name) {
      case "scan":
        return scanScreen(this);
      case "asset":
        return { nodes: await assetScreen(this, Number(id)) };
      case "case":
        return { nodes: await caseScreen(this, Number(id)) };
      case "draft":
        return draftScreen(this, id);
      case "drafts":
        return { nodes: await draftsScreen(this) };
      case "waiting":
        return { nodes: await waitingScreen(this) };
      default:
        return { nodes: await tasksScreen(this) };
    }
  }

  /** What the screens are drawn of, to tell whether anything of it changed. */
  private mark(): string {
    const { acts, drafts, halt, full, problem, loading, user, carried, standing } = this.state;
    return JSON.stringify([acts, drafts.map((draft) => [draft.id, draft.changed_ms]), halt, full, problem, loading, user?.id, carried?.at, standing]);
  }

  /** Draws the screen anew where that shows anything else: nobody who decides is disturbed for nothing. */
  private async redraw(): Promise<void> {
    if (this.mark() === this.drawn) this.badge();
    else await this.showAgain();
  }

  /** Draws the screen anew where nothing is being typed. */
  private async showAgain(): Promise<void> {
    const name = this.main.dataset.screen ?? "";
    if (name !== "draft" && name !== "scan") {
      const top = scrollY;
      await this.show();
      scrollTo(0, top);
    }
    this.badge();
  }

  /** What waits, always in sight: how much, and whether somebody has to decide. */
  badge(): void {
    const waiting = this.state.open.length;
    const troubled = this.state.troubled.length;
    const mark = part<HTMLAnchorElement>("[data-waiting]");
    const [look, picture, words] = this.flag(waiting, troubled);
    mark.className = `flag flag-${look}`;
    part("i", mark).replaceChildren(icon(picture));
    say(part("span", mark), words);
    const count = part("[data-count=waiting]");
    say(count, waiting > 0 ? String(waiting) : "");
    const drafts = this.state.drafts.filter((draft) => this.state.mine(draft)).length;
    say(part("[data-count=drafts]"), drafts > 0 ? String(drafts) : "");
    part("[data-login]").hidden = this.state.user !== undefined && !this.state.problem.startsWith("app.sign_in");
  }

  private flag(waiting: number, troubled: number): readonly [string, string, string] {
    const { page, state } = this;
    const { t } = page;
    if (state.full) return ["bad", "alerts", t("app.badge_full")];
    if (waiting > 0 && state.halt === "sign_in") return [troubled > 0 ? "bad" : "waiting", "user", t("app.badge_sign_in", { n: waiting })];
    if (troubled > 0) return ["bad", "alerts", t("app.badge_trouble", { n: troubled })];
    if (waiting > 0) return ["waiting", "clock", t("app.badge_waiting", { n: waiting })];
    if (state.user === undefined && state.problem === "app.sign_in_first") return ["waiting", "user", t("app.badge_nobody")];
    return navigator.onLine ? ["good", "check", t("app.badge_sent")] : ["waiting", "clock", t("app.badge_offline")];
  }

  async refresh(asked: boolean): Promise<void> {
    const placed = asked ? findMe(this) : undefined;
    const done = this.carry();
    // who waits for the first time is told that something comes
    if (asked || (this.state.carried === undefined && this.state.user !== undefined)) await this.showAgain();
    await done;
    await this.redraw();
    // what is there is shown at once; a place may take long, or nobody answers whether it may be looked for
    await placed;
    if (asked && this.isElsewhere) {
      await this.carry();
      await this.redraw();
    }
  }

  async sortBy(sort: "near" | "due"): Promise<void> {
    await this.state.keeping(() => keepFact(this.state.store, "sort", sort)).catch(() => undefined);
    await this.show();
    if (sort === "due") return;
    const { t } = this.page;
    this.toast(t("place.asking"));
    if (!(await findMe(this))) this.toast(t("app.no_place"));
    else if (this.isElsewhere) await this.refresh(false);
    else await this.redraw();
  }

  /** Opens a form; it becomes a draft with its first letter. */
  async ask(kind: FormKind, subject: Subject, about: string): Promise<void> {
    const user_id = this.state.user?.id ?? 0;
    // the case as it is when the form is opened: what changes between that and handing it in is somebody's to see
    const seen = kind === "move" ? this.state.seenOf(subject.case_id) : undefined;
    this.fresh = { id: crypto.randomUUID(), user_id, kind, subject, about, fields: {}, pictures: [], changed_ms: cityNow(), ...(seen === undefined ? {} : { seen }) };
    location.hash = `#/draft/${this.fresh.id}`;
    return Promise.resolve();
  }

  /** Rejects where the phone could not keep it; the form that is open still holds it then. */
  async keepDraft(draft: Draft, picture?: Picture, known?: number): Promise<DraftKept> {
    const fresh = this.fresh?.id === draft.id;
    if (fresh) this.fresh = draft;
    try {
      const kept = await this.state.keeping(() => keepDraft(this.state.store, draft, picture, known));
      if (fresh && kept !== "kept") this.fresh = undefined;
      await this.state.look();
      void askToLast();
      return kept;
    } finally {
      this.badge();
    }
  }

  isGone(draftId: string): boolean {
    return this.gone.has(draftId);
  }

  async removeDraft(draft: Draft): Promise<void> {
    this.gone.add(draft.id);
    await removeDraft(this.state.store, draft, Date.now());
    await this.state.look();
    await this.redraw();
  }

  /** Takes what was refused or never tried back into its form: it can be changed and handed in again, in its old place and time. */
  async change(act: Act): Promise<void> {
    const { state } = this;
    const now = act.kind === "move" ? state.seenOf(act.subject.case_id) : undefined;
    const told = act.office?.version ?? 0;
    const seen = now === undefined || now.version >= told ? now : { ...now, version: told };
    const draft = draftOf(act, seen ?? (told > 0 ? { version: told, entry: act.seen_entry ?? 0 } : undefined), cityNow());
    const there = new Set(await state.store.getAllKeys("pictures"));
    const pictures = draft.pictures.filter((one) => one.sent_as !== undefined || there.has(one.id));
    const opened = await state.keeping(() => reopen(state.store, { ...draft, pictures }, neverTried(act))).catch(() => false);
    await state.look();
    this.gone.delete(act.id);
    if (opened) location.hash = `#/draft/${act.id}`;
    else await this.show();
  }

  /** That a plate was read in the app: the city hears of it as of one that was read with the phone's camera, now or later. */
  async tellScan(asset: Asset, token: string): Promise<void> {
    const { state } = this;
    const { user } = state;
    if (user === undefined) return;
    const [id, key] = [crypto.randomUUID(), crypto.randomUUID()];
    const act = scanOf(asset, token, { user, done_at: new Date(cityNow()).toISOString(), id, key });
    await state.keeping(() => queue(state.store, act)).catch(() => undefined);
    await state.look();
    void this.send();
  }

  /** From a draft to something that is sent, now or when there is a signal. Rejects where the phone could not keep it. */
  async submit(draft: Draft): Promise<void> {
    const { state } = this;
    const { user } = state;
    if (user === undefined || this.gone.has(draft.id) || !state.mine(draft)) return;
    this.gone.add(draft.id);
    try {
      await this.handIn(draft, user);
    } catch (problem) {
      this.gone.delete(draft.id); // it is a draft as before
      this.badge();
      throw problem;
    }
    void this.send();
  }

  private async handIn(draft: Draft, user: User): Promise<void> {
    const { state } = this;
    const { asset_id, case_id } = draft.subject;
    // a draft of an older version of the app does not know what its writer saw
    const seen = draft.kind === "move" ? (draft.seen ?? state.seenOf(case_id)) : undefined;
    const act = actOf(draft, {
      user,
      done_at: new Date(cityNow()).toISOString(),
      id: draft.id, // handed in from two tabs it is still one act
      key: crypto.randomUUID(),
      token: asset_id === undefined ? undefined : (await state.scanned(asset_id))?.token,
      version: seen?.version,
      seen_entry: seen?.entry,
      after: this.before(draft, seen?.version ?? 0),
    });
    await state.keeping(() => queue(state.store, act, draft.id));
    void askToLast();
    if (this.fresh?.id === draft.id) this.fresh = undefined;
    await state.look();
    this.toast(this.page.t(navigator.onLine ? "app.queued" : "app.queued_offline"));
    location.replace(asset_id !== undefined ? `#/asset/${asset_id}` : case_id !== undefined ? `#/case/${case_id}` : HOME);
  }

  /** The act on whose answer this one builds: a permit without a number, or one's own last move of the case. */
  private before(draft: Draft, version: number): Act | undefined {
    const { acts } = this.state;
    if (draft.subject.permit_act !== undefined && draft.subject.permit_id === undefined) return acts.find((act) => act.id === draft.subject.permit_act);
    return draft.kind !== "move" || draft.subject.case_id === undefined ? undefined : this.state.moveBefore(draft, version);
  }

  /** Sends what waits: one sender at a time, whichever page or worker it is. */
  async send(asked = false): Promise<void> {
    clearTimeout(this.timer);
    const { state } = this;
    const round = await navigator.locks
      .request("covercode-acts", { ifAvailable: !asked }, async (lock) => {
        if (lock === null) return undefined;
        if (asked) await hurry(state.store);
        const fetching = (address: string, init?: RequestInit): Promise<Response> => fetch(address, init);
        const done = await sendAll(state.store, fetching, Date.now, () => void state.look().then(() => this.badge()));
        if (done.halt !== "offline" && state.user !== undefined) await askOffices(state.store, fetching, state.user.id);
        return done;
      })
      .catch(() => "not kept" as const);
    await state.look();
    if (round === "not kept") {
      // what was sent is sent again under its key, which the city knows
      state.full = true;
      await this.redraw();
      return;
    }
    if (round === undefined) return;
    state.halt = round.halt;
    if (round.halt === "other_person") await this.meet();
    if (round.sent > 0) {
      state.full = false;
      await tidy(state.store, Date.now()).catch(() => undefined); // the city has these pictures now
      await this.carry();
    }
    if (asked) await this.showAgain();
    else await this.redraw();
    if (round.again_ms !== undefined) this.timer = setTimeout(() => void this.send(), round.again_ms);
    if (state.open.some((act) => act.state === "waiting")) await askToSync();
  }

  /** The worker sent something, or tried to; trying at once again would undo its pause. */
  async changedElsewhere(): Promise<void> {
    const before = this.state.open.length;
    await this.state.look();
    if (this.state.open.length < before) await this.carry();
    await this.redraw();
  }

  async settled(): Promise<void> {
    await this.state.look();
    await this.show();
    await this.send(true);
  }

  confirm(words: string, does: () => void): void {
    const { t } = this.page;
    const box = make("dialog", { class: "sure", "aria-label": words });
    const close = (): void => box.close();
    box.addEventListener("close", () => box.remove()); // also by the key Escape
    box.append(
      make("p", {}, words),
      make("div", { class: "stack-tight" }, button(t("app.yes_drop"), () => (close(), does()), "grave big", "bin"), button(t("app.no_keep"), close, "big")),
    );
    document.body.append(box);
    box.showModal();
  }

  toast(words: string): void {
    const place = part("[data-toast]");
    place.textContent = words;
    place.classList.add("shown");
    clearTimeout(this.toasted);
    this.toasted = setTimeout(() => place.classList.remove("shown"), 4000);
  }
}

async function start(): Promise<void> {
  const root = document.documentElement;
  const language = ownLanguage() ?? root.dataset.lang ?? "zh";
  root.dataset.lang = language;
  root.lang = language === "zh" ? "zh-CN" : "en";
  root.dataset.theme = asTheme(/(?:^|; )theme=(\w+)/.exec(document.cookie)?.[1]);
  const page = await thisPage();
  wordShell(page);
  startChoices(page);
  offerInstalling();
  let store;
  try {
    store = await openStore();
  } catch {
    keepsNothing(page);
    return;
  }
  const app = new App(new State(store, page), page);
  void startWorker(app).catch(() => undefined);
  await app.start();
}

void start();
