// The phone's app: its screens by the address after #, the line that says what waits, and the sending of it.
import "../styles/tokens.css";
import "../styles/base.css";
import "./app.css";
import { part, say, thisPage, type Page } from "../page";
import { refreshTimes } from "../times";
import { asTheme } from "../theme";
import { draftScreen } from "./asking";
import { cityNow } from "./clock";
import { actOf, draftOf } from "./forms";
import { hurry, keepDraft, keepFact, openStore, queue, removeDraft, reopen, tidy } from "./kept";
import { assetScreen, caseScreen, draftsScreen, findMe, tasksScreen, waitingScreen } from "./screens";
import { scanScreen } from "./scanning";
import { sendAll } from "./sending";
import { askToLast, askToSync, HOME, keepsNothing, offerInstalling, ownLanguage, startChoices, startWorker, wordShell } from "./shell";
import { State } from "./state";
import type { Act, Draft, FormKind, Picture, Subject, User } from "./shapes";
import { button, icon, make } from "./ui";

const STALE_MS = 15 * 60_000;
const ROUND_MS = 60_000;

export class App {
  /** A form that was opened and not typed into yet. */
  fresh: Draft | undefined;
  private readonly gone = new Set<string>();
  private end: (() => void) | undefined;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private readonly main = part("main");

  constructor(
    readonly state: State,
    readonly page: Page,
  ) {}

  async start(): Promise<void> {
    await this.state.load();
    addEventListener("hashchange", () => void this.show().then(() => scrollTo(0, 0)));
    addEventListener("online", () => void this.send());
    addEventListener("offline", () => this.badge());
    document.addEventListener("visibilitychange", () => {
      if (!document.hidden) void this.send();
    });
    setInterval(() => refreshTimes(this.page, document, cityNow()), 10_000);
    setInterval(() => void this.send(), ROUND_MS);
    await this.show();
    await tidy(this.state.store, Date.now()).catch(() => undefined);
    await this.meet();
    await this.send();
    await findMe(this);
    const age = cityNow() - Date.parse(this.state.carried?.at ?? "1970-01-01");
    if (age > STALE_MS) await this.refresh(false);
  }

  /** Looks who is signed in: what somebody else carries is not shown, and is not sent. */
  private async meet(): Promise<void> {
    const before = this.state.user?.id;
    await this.state.askWho();
    if (this.state.user?.id !== before && before !== undefined) await this.refresh(false);
  }

  /** The screen that the address names. */
  async show(): Promise<void> {
    this.end?.();
    this.end = undefined;
    const [, name = "tasks", id = ""] = (location.hash || HOME).split("/");
    const nodes = await this.screen(name, id);
    this.main.replaceChildren(...nodes);
    this.main.dataset.screen = name;
    for (const tab of document.querySelectorAll<HTMLAnchorElement>(".tabs a")) {
      if (tab.getAttribute("href") === `#/${name}`) tab.setAttribute("aria-current", "page");
      else tab.removeAttribute("aria-current");
    }
    part("[data-back]").hidden = ["tasks", "scan", "drafts", "waiting"].includes(name);
    this.badge();
  }

  private screen(name: string, id: string): Promise<Node[]> {
    switch (name) {
      case "scan": {
        const opened = scanScreen(this);
        this.end = opened.end;
        return Promise.resolve(opened.nodes);
      }
      case "asset":
        return assetScreen(this, Number(id));
      case "case":
        return caseScreen(this, Number(id));
      case "draft":
        return draftScreen(this, id);
      case "drafts":
        return draftsScreen(this);
      case "waiting":
        return waitingScreen(this);
      default:
        return tasksScreen(this);
    }
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
    if (asked) await findMe(this);
    const done = this.state.fetchBundle();
    await this.showAgain();
    await done;
    await this.showAgain();
  }

  async sortBy(sort: "near" | "due"): Promise<void> {
    await this.state.keeping(() => keepFact(this.state.store, "sort", sort)).catch(() => undefined);
    if (sort === "near") await findMe(this);
    await this.show();
  }

  /** Opens a form; it becomes a draft with its first letter. */
  async ask(kind: FormKind, subject: Subject, about: string): Promise<void> {
    const user_id = this.state.user?.id ?? 0;
    // the case as it is when the form is opened: what changes between that and handing it in is somebody's to see
    const seen = kind === "move" ? this.state.seenOf(subject.case_id) : undefined;
    this.fresh = { id: crypto.randomUUID(), user_id, kind, subject, about, fields: {}, pictures: [], changed_ms: Date.now(), ...(seen === undefined ? {} : { seen }) };
    location.hash = `#/draft/${this.fresh.id}`;
    return Promise.resolve();
  }

  /** Rejects where the phone could not keep it; the form that is open still holds it then. */
  async keepDraft(draft: Draft, picture?: Picture): Promise<void> {
    if (this.fresh?.id === draft.id) this.fresh = draft;
    try {
      await this.state.keeping(() => keepDraft(this.state.store, draft, picture));
      await this.state.look();
    } finally {
      this.badge();
    }
    void askToLast();
  }

  isGone(draftId: string): boolean {
    return this.gone.has(draftId);
  }

  async removeDraft(draft: Draft): Promise<void> {
    this.gone.add(draft.id);
    await removeDraft(this.state.store, draft, Date.now());
    await this.state.look();
    await this.show();
  }

  /** Takes what was refused back into its form: it can be changed and handed in again, in its old place and time. */
  async change(act: Act): Promise<void> {
    const { state } = this;
    const now = act.kind === "move" ? state.seenOf(act.subject.case_id) : undefined;
    const told = act.office?.version ?? 0;
    const seen = now === undefined || now.version >= told ? now : { ...now, version: told };
    const draft = draftOf(act, seen ?? (told > 0 ? { version: told, entry: act.seen_entry ?? 0 } : undefined), Date.now());
    const there = new Set(await state.store.getAllKeys("pictures"));
    const pictures = draft.pictures.filter((one) => one.sent_as !== undefined || there.has(one.id));
    const opened = await state.keeping(() => reopen(state.store, { ...draft, pictures })).catch(() => false);
    await state.look();
    this.gone.delete(act.id);
    if (opened) location.hash = `#/draft/${act.id}`;
    else await this.show();
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
        return sendAll(state.store, (address, init) => fetch(address, init), Date.now, () => void state.look().then(() => this.badge()));
      })
      .catch(() => "not kept" as const);
    await state.look();
    if (round === "not kept") {
      // what was sent is sent again under its key, which the city knows
      state.full = true;
      this.badge();
      return;
    }
    if (round === undefined) return;
    const changed = state.halt !== round.halt || round.sent > 0 || asked;
    state.halt = round.halt;
    if (round.halt === "other_person") await this.meet();
    if (round.sent > 0) {
      state.full = false;
      await tidy(state.store, Date.now()).catch(() => undefined); // the city has these pictures now
      await state.fetchBundle();
    }
    if (changed || state.troubled.length > 0) await this.showAgain();
    this.badge();
    if (round.again_ms !== undefined) this.timer = setTimeout(() => void this.send(), round.again_ms);
    if (state.open.some((act) => act.state === "waiting")) await askToSync();
  }

  /** The worker sent something, or tried to; trying at once again would undo its pause. */
  async changedElsewhere(): Promise<void> {
    const before = this.state.open.length;
    await this.state.look();
    if (this.state.open.length < before) await this.state.fetchBundle();
    await this.showAgain();
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
    setTimeout(() => place.classList.remove("shown"), 4000);
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
