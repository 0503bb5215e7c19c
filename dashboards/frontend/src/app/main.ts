// The phone's app: its screens by the address after #, the line that says what waits, and the sending of it.
// words: nav.other_language app.whole_site app.install app.new_version app.reload app.back app.menu app.tabs app.tasks app.scan app.drafts app.waiting nav.login
import "../styles/tokens.css";
import "../styles/base.css";
import "./app.css";
import { part, say, thisPage, type Page } from "../page";
import { refreshTimes } from "../times";
import { asTheme, nextTheme } from "../theme";
import { draftScreen } from "./asking";
import { readsByItself } from "./camera";
import { actOf } from "./forms";
import { hurry, keepFact, openStore, queue, tidy } from "./kept";
import { assetScreen, caseScreen, draftsScreen, findMe, tasksScreen, waitingScreen } from "./screens";
import { scanScreen } from "./scanning";
import { cityNow, sendAll } from "./sending";
import { State } from "./state";
import type { Act, Draft, FormKind, Move, Subject, User } from "./shapes";
import { button, icon, make } from "./ui";

const STALE_MS = 15 * 60_000;
const ROUND_MS = 60_000;
const HOME = "#/tasks";
const LANGUAGE = "covercode.language";

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
    setInterval(() => refreshTimes(this.page), 10_000);
    setInterval(() => void this.send(), ROUND_MS);
    await this.show();
    await tidy(this.state.store, Date.now());
    await this.meet();
    await this.send();
    await findMe(this);
    const age = Date.now() - Date.parse(this.state.carried?.at ?? "1970-01-01");
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
    const { t } = this.page;
    const waiting = this.state.open.length;
    const troubled = this.state.troubled.length;
    const mark = part<HTMLAnchorElement>("[data-waiting]");
    const signIn = waiting > 0 && this.state.halt === "sign_in";
    const words = signIn ? t("app.badge_sign_in", { n: waiting }) : troubled > 0 ? t("app.badge_trouble", { n: troubled }) : waiting > 0 ? t("app.badge_waiting", { n: waiting }) : navigator.onLine ? t("app.badge_sent") : t("app.badge_offline");
    mark.className = `flag ${troubled > 0 ? "flag-bad" : waiting > 0 ? "flag-waiting" : navigator.onLine ? "flag-good" : "flag-waiting"}`;
    part("i", mark).replaceChildren(icon(troubled > 0 ? "alerts" : waiting > 0 || !navigator.onLine ? "clock" : "check"));
    say(part("span", mark), words);
    const count = part("[data-count=waiting]");
    say(count, waiting > 0 ? String(waiting) : "");
    const drafts = this.state.drafts.filter((draft) => this.state.mine(draft)).length;
    say(part("[data-count=drafts]"), drafts > 0 ? String(drafts) : "");
  }

  async refresh(asked: boolean): Promise<void> {
    if (asked) await findMe(this);
    const done = this.state.fetchBundle();
    await this.showAgain();
    await done;
    await this.showAgain();
  }

  async sortBy(sort: "near" | "due"): Promise<void> {
    await keepFact(this.state.store, "sort", sort);
    if (sort === "near") await findMe(this);
    await this.show();
  }

  /** Opens a form; it becomes a draft with its first letter. */
  async ask(kind: FormKind, subject: Subject, about: string): Promise<void> {
    const user_id = this.state.user?.id ?? 0;
    this.fresh = { id: crypto.randomUUID(), user_id, kind, subject, about, fields: {}, pictures: [], changed_ms: Date.now() };
    location.hash = `#/draft/${this.fresh.id}`;
    return Promise.resolve();
  }

  async keepDraft(draft: Draft): Promise<void> {
    if (this.fresh?.id === draft.id) this.fresh = draft;
    await this.state.store.put("drafts", draft);
    await this.state.look();
    this.badge();
  }

  isGone(draftId: string): boolean {
    return this.gone.has(draftId);
  }

  async removeDraft(draft: Draft): Promise<void> {
    this.gone.add(draft.id);
    await this.state.store.delete("drafts", draft.id);
    for (const one of draft.pictures) await this.state.store.delete("pictures", one.id);
    await this.state.look();
    await this.show();
  }

  /** From a draft to something that is sent, now or when there is a signal. */
  async submit(draft: Draft, move: Move | undefined): Promise<void> {
    const { state } = this;
    const { user } = state;
    if (user === undefined || this.gone.has(draft.id) || !state.mine(draft)) return;
    this.gone.add(draft.id);
    try {
      await this.handIn(draft, move, user);
    } catch (problem) {
      this.gone.delete(draft.id); // it is a draft as before
      throw problem;
    }
    void this.send();
  }

  private async handIn(draft: Draft, move: Move | undefined, user: User): Promise<void> {
    const { state } = this;
    const { asset_id, case_id } = draft.subject;
    const task = case_id === undefined ? undefined : state.task(case_id);
    const act = actOf(draft, {
      user,
      done_at: (await cityNow(state.store, Date.now())).toISOString(),
      id: draft.id, // handed in from two tabs it is still one act
      key: crypto.randomUUID(),
      token: asset_id === undefined ? undefined : (await state.scanned(asset_id))?.token,
      version: move === undefined && draft.kind !== "move" ? undefined : task?.case.version,
      seen_entry: draft.kind === "move" ? task?.seen_entry : undefined,
      after: this.before(draft),
    });
    await queue(state.store, act, draft.id);
    if (this.fresh?.id === draft.id) this.fresh = undefined;
    await state.look();
    this.toast(this.page.t(navigator.onLine ? "app.queued" : "app.queued_offline"));
    location.replace(asset_id !== undefined ? `#/asset/${asset_id}` : case_id !== undefined ? `#/case/${case_id}` : HOME);
  }

  /** The act on whose answer this one builds: a permit without a number, or one's own last move of the case. */
  private before(draft: Draft): Act | undefined {
    const { acts } = this.state;
    if (draft.subject.permit_act !== undefined && draft.subject.permit_id === undefined) return acts.find((act) => act.id === draft.subject.permit_act);
    return draft.kind !== "move" || draft.subject.case_id === undefined ? undefined : this.state.lastMove(draft.subject.case_id, true);
  }

  /** Sends what waits: one sender at a time, whichever page or worker it is. */
  async send(asked = false): Promise<void> {
    clearTimeout(this.timer);
    const { state } = this;
    if (asked) await hurry(state.store);
    const round = await navigator.locks.request("covercode-acts", { ifAvailable: !asked }, async (lock) => {
      if (lock === null) return undefined;
      return sendAll(state.store, (address, init) => fetch(address, init), Date.now, () => void state.look().then(() => this.badge()));
    });
    await state.look();
    if (round === undefined) return;
    const changed = state.halt !== round.halt || round.sent > 0 || asked;
    state.halt = round.halt;
    if (round.halt === "other_person") await this.meet();
    if (round.sent > 0) await state.fetchBundle();
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

/** Where the browser can: it sends by itself when a signal is back, also with the app closed. */
async function askToSync(): Promise<void> {
  try {
    const ready = (await navigator.serviceWorker.ready) as ServiceWorkerRegistration & { sync?: { register(tag: string): Promise<void> } };
    await ready.sync?.register("acts");
  } catch {
    // the open app sends
  }
}

/** Keeps the shell, tells of a new version, and changes to it only when the person says so: what they type is theirs. */
async function startWorker(app: App): Promise<void> {
  if (!("serviceWorker" in navigator)) return;
  let had = navigator.serviceWorker.controller !== null;
  const kept = await navigator.serviceWorker.register("/app/sw.js", { scope: "/app", updateViaCache: "none" });
  const offer = (): void => {
    const waiting = kept.waiting;
    if (waiting === null || navigator.serviceWorker.controller === null) return;
    const banner = part("[data-update]");
    banner.hidden = false;
    part("button", banner).onclick = () => waiting.postMessage({ say: "take over" });
  };
  offer();
  kept.addEventListener("updatefound", () => {
    kept.installing?.addEventListener("statechange", offer);
  });
  navigator.serviceWorker.addEventListener("controllerchange", () => {
    if (had) location.reload();
    had = true; // the first one only takes the page that it was started by
  });
  navigator.serviceWorker.addEventListener("message", (event: MessageEvent<{ say?: string }>) => {
    if (event.data.say === "acts changed") void app.changedElsewhere();
  });
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden) void kept.update().catch(() => undefined);
  });
  if (!(await readsByItself())) (await navigator.serviceWorker.ready).active?.postMessage({ say: "keep the reader" });
}

function startChoices(page: Page): void {
  const root = document.documentElement;
  const theme = part<HTMLButtonElement>("[data-theme]", document.body);
  const show = (): void => say(part("span", theme), page.t(`nav.theme_${asTheme(root.dataset.theme)}`));
  show();
  theme.addEventListener("click", () => {
    const next = nextTheme(asTheme(root.dataset.theme));
    root.dataset.theme = next;
    document.cookie = `theme=${next}; path=/; max-age=31536000; samesite=lax`;
    show();
  });
  part("[data-language]").addEventListener("click", () => {
    localStorage.setItem(LANGUAGE, page.language === "zh" ? "en" : "zh");
    location.reload();
  });
  part("[data-back]").addEventListener("click", () => {
    if (history.length > 1) history.back();
    else location.hash = HOME;
  });
}

/** Offers to install the app where the browser lets a page ask; elsewhere its own menu does. */
function offerInstalling(): void {
  const offer = part<HTMLButtonElement>("[data-install]");
  addEventListener("beforeinstallprompt", (event) => {
    event.preventDefault();
    offer.hidden = false;
    offer.onclick = () => void (event as Event & { prompt(): Promise<unknown> }).prompt();
  });
  addEventListener("appinstalled", () => {
    offer.hidden = true;
  });
}

/** The shell is kept in one language; which one its words are in is this phone's choice. */
function wordShell(page: Page): void {
  for (const place of document.querySelectorAll<HTMLElement>("[data-words]")) say(place, page.t(place.dataset.words ?? ""));
  for (const place of document.querySelectorAll<HTMLElement>("[data-label]")) place.setAttribute("aria-label", page.t(place.dataset.label ?? ""));
}

async function start(): Promise<void> {
  const root = document.documentElement;
  const language = localStorage.getItem(LANGUAGE) ?? root.dataset.lang ?? "zh";
  root.dataset.lang = language;
  root.lang = language === "zh" ? "zh-CN" : "en";
  root.dataset.theme = asTheme(/(?:^|; )theme=(\w+)/.exec(document.cookie)?.[1]);
  const page = await thisPage();
  wordShell(page);
  startChoices(page);
  offerInstalling();
  const app = new App(new State(await openStore(), page), page);
  void startWorker(app).catch(() => undefined);
  await navigator.storage?.persist?.().catch(() => false);
  await app.start();
}

void start();
