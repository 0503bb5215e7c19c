// The wall: it looks after itself for months. The stream says that something happened, then the figures are asked for;
// without a stream they are asked for all the same. Nothing grows: rows are filled anew, never added to a pile.
// words: stage.* severity.* kind.* rule.* point.* unit.*
import "./styles/tokens.css";
import "./styles/wall.css";
import { fetchJson, Refused } from "./answers";
import { element, shapeOf } from "./elements";
import { countdown, decimalsOf, duration, quantity, zoneClock } from "./format";
import { KINDS, type LiveEvent, resumeAddress } from "./live";
import { type Page, part, say, thisPage } from "./page";
import { settled } from "./settled";
import { WallBars } from "./wall_bars";
import { WallMap } from "./wall_map";
import { ageWords, cameUp, type Contact, figuresOf, freshness, isCalm, isJudged, keyOf, lostWords, ServerClock, shifted, soFar, type WallScreen, type WrongRow } from "./wall_model";
import { drawTrend } from "./wall_trend";

const SETTLE_MS = 700;
const REST_MS = 2_000;
const ASK_EVERY_MS = 15_000;
const REOPEN_MS = 10_000;
/** Three heartbeats of the stream. */
const SILENT_MS = 50_000;
const RELOAD_AT_MOST_EVERY_MS = 600_000;
/** The two clocks of a screen part by this much when one of them was set, or the screen slept. */
const JUMP_MS = 5_000;

class Wall {
  private readonly box = part("[data-wall]");
  // moments of the page's own counter, which nobody sets: the clock of a screen on a wall may be wrong
  private readonly startedAt = performance.now();
  private answeredAt = 0;
  private failingSince = 0;
  private unjudgedSince = 0;
  private listenedAt = Number.NEGATIVE_INFINITY;
  private readonly serverClock = new ServerClock();
  private apart = Date.now() - performance.now();
  /** the status that a refusal had: who may not see this is told so, and asked for again, since that may change */
  private refused = 0;
  private shown: WallScreen | undefined;
  private lastId = 0;
  /** the newest event since the last answer, which has to know of it */
  private heardId = 0;
  private streamAt = 0;
  private source: EventSource | undefined;
  private readonly map: WallMap;
  private readonly kiosk = this.box.dataset.kiosk === "yes";
  private readonly ask = settled(async () => this.load(), SETTLE_MS, REST_MS);
  private readonly bars: WallBars;
  private readonly hours: (ms: number) => string;
  private readonly day: (ms: number) => string;

  constructor(private readonly page: Page) {
    this.map = new WallMap(page, this.box.dataset);
    this.bars = new WallBars(page, (...piece) => this.maybeLink(...piece));
    this.hours = zoneClock(page.zone, page.language, { hour: "2-digit", minute: "2-digit" });
    this.day = zoneClock(page.zone, page.language, { month: "long", day: "numeric", weekday: "long" });
  }

  start(): void {
    this.tick();
    setInterval(() => this.tick(), 1_000);
    setInterval(this.ask, ASK_EVERY_MS);
    addEventListener("online", this.ask);
    addEventListener("resize", () => this.fitRows());
    document.addEventListener("visibilitychange", () => {
      if (!document.hidden) {
        this.ask();
        void this.stayAwake();
      }
    });
    addEventListener("pagehide", () => this.source?.close());
    addEventListener("pageshow", (event) => {
      if (event.persisted) this.listen();
    });
    this.offerFullScreen();
    void this.stayAwake();
    void this.load().then(() => {
      if (this.refused === 0) this.map.open();
    });
  }

  /** A stream ends for good with the session it was opened in, and where no more may be open: each answer is a reason to try. */
  private attend(): void {
    const counter = performance.now();
    const closed = this.source === undefined || this.source.readyState === EventSource.CLOSED;
    // one that was cut somewhere on its way looks open
    const silent = counter - Math.max(this.streamAt, this.listenedAt) > SILENT_MS;
    if ((closed || silent) && counter - this.listenedAt >= REOPEN_MS) this.listen();
  }

  private listen(): void {
    this.source?.close();
    this.listenedAt = performance.now();
    const source = new EventSource(resumeAddress(this.box.dataset.stream ?? "", this.lastId));
    this.source = source;
    for (const kind of KINDS) source.addEventListener(kind, (event: MessageEvent<string>) => this.hear(event));
    source.addEventListener("heartbeat", () => {
      this.streamAt = performance.now();
    });
    source.addEventListener("resync", (event: MessageEvent<string>) => {
      this.streamAt = performance.now();
      this.lastId = Math.max(this.lastId, (JSON.parse(event.data) as { newest_id: number }).newest_id);
      this.ask();
    });
    // the figures tell why, when they are asked for next
    source.addEventListener("session_ended", () => {
      source.close();
      this.ask();
    });
  }

  private hear(event: MessageEvent<string>): void {
    const item = JSON.parse(event.data) as LiveEvent;
    this.streamAt = performance.now();
    this.lastId = Math.max(this.lastId, item.id);
    this.heardId = Math.max(this.heardId, item.id);
    this.map.follow(item);
    this.ask();
  }

  private async load(): Promise<void> {
    try {
      const screen = await fetchJson<WallScreen>(this.box.dataset.state ?? "");
      this.answeredAt = performance.now();
      this.failingSince = 0;
      this.serverClock.hear(Date.parse(screen.at), this.answeredAt);
      this.unjudgedSince = isJudged(screen) ? 0 : this.unjudgedSince || this.answeredAt;
      if (this.refused !== 0) this.goOn();
      this.lastId = Math.max(this.lastId, screen.feed_id);
      // the server gives one answer to all screens for a moment: it may be from before what this one heard
      if (screen.feed_id < this.heardId) this.ask();
      this.heardId = 0;
      this.renew(screen.version);
      const isNew = cameUp(this.shown, screen);
      this.shown = screen;
      this.show(screen, isNew);
      this.attend();
    } catch (problem) {
      if (problem instanceof Refused && [401, 403, 404].includes(problem.status)) this.end(problem.status);
      else if (this.failingSince === 0) this.failingSince = performance.now();
    }
    this.tick();
  }

  /** Somebody signed in again, or whatever stood before the server is gone. */
  private goOn(): void {
    this.refused = 0;
    this.map.refresh();
    this.map.open();
  }

  private end(status: number): void {
    if (this.kiosk && this.refused === 0) this.forget();
    this.refused = status;
    this.source?.close();
  }

  /** A link that is over shows nothing any more, not even what it showed until then. */
  private forget(): void {
    this.shown = undefined;
    for (const value of document.querySelectorAll("[data-value]")) say(value, "–");
    for (const whole of document.querySelectorAll("[data-of]")) say(whole, "");
    for (const box of document.querySelectorAll("[data-some]")) box.removeAttribute("data-some");
    for (const name of ["seasons", "announce", "wrong", "stages", "units", "mobile", "trend", "trend-said"]) {
      const box = part(`[data-${name}]`);
      box.replaceChildren();
      delete box.dataset.said;
      delete box.dataset.drawn;
    }
    for (const name of ["seasons", "calm", "wrong-more", "trend-said", "units-more", "units-none", "mobile-none"]) part(`[data-${name}]`).hidden = true;
    this.map.clear();
  }

  /** After an upgrade the server has other scripts, or the map's never came: a screen that nobody touches gets them by itself. */
  private renew(version: string): void {
    const own = this.box.dataset.version ?? "";
    const others = version !== "" && own !== "" && version !== own;
    if ((others || this.map.stuck) && performance.now() - this.startedAt > RELOAD_AT_MOST_EVERY_MS) location.reload();
  }

  private contact(): Contact {
    const { answeredAt, failingSince, unjudgedSince, startedAt, refused } = this;
    return { answeredAt, failingSince, unjudgedSince, startedAt, refused };
  }

  /** Every second: the clock, how old the figures are, and whether they may be believed. */
  private tick(): void {
    const counter = performance.now();
    const now = this.serverClock.now(counter, Date.now());
    this.noticeJump(Date.now() - counter);
    const { t } = this.page;
    say(part("[data-clock]"), this.hours(now));
    say(part("[data-date]"), this.day(now));
    const fresh = freshness(this.contact(), counter);
    const at = this.shown === undefined ? "" : this.page.clock(Date.parse(this.shown.at));
    const until = this.shown?.state.worker_until ?? null;
    const judgedUntil = until === null ? "" : this.page.moment(Date.parse(until));
    const unjudgedMs = until === null ? 0 : now - Date.parse(until);
    const ageMs = counter - this.answeredAt;
    const lost = lostWords(fresh, { at, ageMs, judgedUntil, unjudgedMs, kiosk: this.kiosk, refused: this.refused }, t);
    const banner = part("[data-lost]");
    if (lost !== undefined) {
      say(part("[data-lost-title]"), lost.title);
      say(part("[data-lost-text]"), lost.text);
    }
    banner.hidden = lost === undefined;
    const signIn = document.querySelector<HTMLElement>("[data-sign-in]");
    if (signIn !== null) signIn.hidden = this.refused !== 401;
    part("[data-main]").classList.toggle("wall-stale", fresh === "lost" || fresh === "ended");
    const badge = part("[data-fresh]");
    badge.dataset.state = fresh;
    say(part("[data-fresh-text]"), fresh === "starting" ? t("wall.starting") : at === "" ? t("wall.lost") : t("wall.fresh", { clock: at, ago: ageWords(ageMs, t) }));
    this.fillTimes(now);
    // a small window scrolls, and is held in a hand: nothing burns in there
    const stands = !matchMedia("(width < 1100px), (height < 600px)").matches;
    const moves = stands && (this.kiosk || new URLSearchParams(location.search).has("shift"));
    document.body.toggleAttribute("data-shifted", moves);
    if (!moves) return;
    const [x, y] = shifted(counter);
    document.body.style.setProperty("--shift-x", `${x}px`);
    document.body.style.setProperty("--shift-y", `${y}px`);
  }

  /** A screen that slept, or whose clock was set, asks at once: its counter may have stood still. */
  private noticeJump(apart: number): void {
    if (Math.abs(apart - this.apart) > JUMP_MS) this.ask();
    this.apart = apart;
  }

  private show(screen: WallScreen, isNew: ReadonlySet<string>): void {
    const figures = figuresOf(screen);
    for (const box of document.querySelectorAll<HTMLElement>("[data-number]")) {
      const figure = figures[box.dataset.number ?? ""];
      if (figure === undefined) continue;
      const value = part("[data-value]", box);
      const words = figure.value.toLocaleString("en");
      say(value, words);
      // what it may be written as large as: two digits always have the room
      if (words.length > 2) value.dataset.long = String(Math.min(words.length, 6));
      else delete value.dataset.long;
      box.toggleAttribute("data-some", figure.of === undefined ? figure.value > 0 : figure.value < figure.of);
      if (figure.of !== undefined) say(part("[data-of]", box), `/${figure.of.toLocaleString("en")}`);
    }
    this.showSeasons(screen);
    this.showWrong(screen, isNew);
    this.bars.show(screen);
    this.showTrend(screen);
  }

  private showSeasons(screen: WallScreen): void {
    const line = part("[data-seasons]");
    const names = screen.state.seasons.map((each) => (this.page.language === "zh" ? each.name_zh : each.name_en));
    line.hidden = names.length === 0;
    if (line.dataset.said === names.join()) return;
    line.dataset.said = names.join();
    line.replaceChildren(...names.map((name) => this.maybeLink("/seasons", name, "wall-chip")));
  }

  private showWrong(screen: WallScreen, isNew: ReadonlySet<string>): void {
    const { t } = this.page;
    const list = part<HTMLOListElement>("[data-wrong]");
    const { counters } = screen.state;
    const held = list.querySelector("a:focus")?.closest("li")?.dataset.key;
    while (list.children.length > screen.wrong.length) list.lastElementChild?.remove();
    screen.wrong.forEach((row, index) => {
      const said = JSON.stringify(row);
      const there = list.children[index] as HTMLElement | undefined;
      if (there?.dataset.said === said) return;
      const made = this.wrongRow(row, isNew.has(keyOf(row)));
      made.dataset.said = said;
      if (there === undefined) list.append(made);
      else there.replaceWith(made);
    });
    // whoever goes through the list by keyboard stays with the same case
    if (held !== undefined) list.querySelector<HTMLElement>(`[data-key="${held}"] a`)?.focus({ preventScroll: true });
    const open = counters.cases_open ?? 0;
    const calm = isCalm(screen);
    list.hidden = calm;
    part("[data-calm]").hidden = !calm;
    say(part("[data-calm-text]"), t("wall.calm_text", { assets: (counters.assets ?? 0).toLocaleString("en"), devices: (counters.devices ?? 0).toLocaleString("en") }));
    const more = part("[data-wrong-more]");
    more.hidden = open === 0;
    say(more, t("wall.wrong_all", { n: open.toLocaleString("en") }));
    this.fitRows();
    const first = screen.wrong.find((row) => isNew.has(keyOf(row)));
    if (first !== undefined) say(part("[data-announce]"), this.announced(first));
    this.fillTimes(this.serverClock.now(performance.now(), Date.now()));
  }

  private announced(row: WrongRow): string {
    const { t } = this.page;
    const what = row.what || row.road;
    return row.case_id === null ? t("wall.new_alert", { rule: t(`rule.${row.rule_key}`), what }) : t("wall.new", { kind: t(`kind.${row.kind}`), what });
  }

  /** A line that is cut in half can't be read: what does not fit is not there. */
  private fitRows(): void {
    const list = part("[data-wrong]");
    const height = list.getBoundingClientRect().bottom;
    for (const row of list.children) row.classList.toggle("beyond", row.getBoundingClientRect().bottom > height + 1);
  }

  private wrongRow(row: WrongRow, isNew: boolean): HTMLLIElement {
    const { t } = this.page;
    const bus = row.bus === "" ? "" : t("alerts.bus", { bus: row.bus });
    const place = [row.what, row.what.startsWith(row.road) ? "" : row.road, bus].filter((each) => each !== "").join(" ");
    const measured = row.point !== null && row.value !== null;
    const value = measured ? quantity(row.value, decimalsOf(row.point ?? ""), t(`unit.${row.unit ?? "1"}`)) : "";
    const line = this.maybeLink(
      row.case_id === null ? `/alerts/${row.alert_id}` : `/cases/${row.case_id}`,
      "",
      "wall-line",
      element("span", { class: "wall-shape" }, shapeOf(row.severity), element("span", { class: "unseen" }, t(`severity.${row.severity}`))),
      element("span", { class: "wall-what" }, element("strong", {}, row.case_id === null ? t(`rule.${row.rule_key}`) : t(`kind.${row.kind}`)), element("span", {}, place === "" ? "\u00a0" : place)),
      this.stateOf(row),
      element("span", { class: "wall-value" }, element("b", {}, value), element("span", {}, measured ? t(`point.${row.point}`) : "")),
    );
    return element("li", { "data-key": keyOf(row), "data-severity": String(row.severity), ...(row.overdue ? { "data-late": "" } : {}), ...(isNew ? { class: "wall-new" } : {}) }, line);
  }

  /** How far a case is and when it is due; of an alert why it has no case, and how long it has lasted. */
  private stateOf(row: WrongRow): HTMLElement {
    const { t } = this.page;
    if (row.stage === null) {
      const why = row.mark === "expected" ? t("alerts.expected") : row.mark === "waits" ? t("wall.waits") : t("wall.no_case");
      return element("span", { class: "wall-state" }, element("span", { class: "wall-stage" }, why), element("span", { class: "wall-due", "data-since": row.opened_at }));
    }
    const settledDown = ["handed_back", "verified", "suspended"].includes(row.stage);
    const due = element("span", { class: "wall-due", ...(settledDown || row.due_at === null ? {} : { "data-due": row.due_at }) });
    return element("span", { class: "wall-state" }, element("span", { class: "wall-stage" }, t(`stage.${row.stage}`)), due);
  }

  /** What is left until things are due, and how long others have lasted. */
  private fillTimes(now: number): void {
    const { t } = this.page;
    for (const box of part("[data-wrong]").querySelectorAll<HTMLElement>("[data-due], [data-since]")) {
      if (box.dataset.since !== undefined) {
        say(box, t("wall.lasting", { span: duration((now - Date.parse(box.dataset.since)) / 1000, t) }));
        continue;
      }
      const words = countdown(Date.parse(box.dataset.due ?? ""), now, t);
      say(box, words.text);
      box.classList.toggle("late", words.state === "late");
      box.classList.toggle("soon", words.state === "soon");
    }
  }

  private showTrend(screen: WallScreen): void {
    const { t } = this.page;
    const { trend } = screen.state;
    const { today, usual } = soFar(trend, Date.parse(screen.at));
    const line = part("[data-trend-said]");
    line.hidden = false;
    say(line, usual === null ? t("wall.trend_alone", { today }) : t("wall.trend_said", { today, usual: Number(usual.toFixed(usual < 10 ? 1 : 0)) }));
    drawTrend(part("[data-trend]"), trend, t);
  }

  private maybeLink(href: string, text: string, className: string, ...children: readonly Node[]): HTMLElement {
    const inside = text === "" ? children : [document.createTextNode(text), ...children];
    return this.kiosk ? element("span", { class: className }, ...inside) : element("a", { class: className, href }, ...inside);
  }

  private offerFullScreen(): void {
    const button = part<HTMLButtonElement>("[data-full]");
    if (!document.fullscreenEnabled) return;
    button.hidden = false;
    button.addEventListener("click", () => {
      if (document.fullscreenElement === null) void document.documentElement.requestFullscreen();
      else void document.exitFullscreen();
    });
  }

  /** A screen that sleeps shows nothing; browsers that can't promise it need the system's own setting. */
  private async stayAwake(): Promise<void> {
    try {
      await navigator.wakeLock?.request("screen");
    } catch {
      // the battery is low, or the page is hidden
    }
  }
}

void thisPage().then((page) => new Wall(page).start());
