// The wall: it looks after itself for months. The stream says that something happened, then the figures are asked for;
// without a stream they are asked for all the same. Nothing grows: rows are filled anew, never added to a pile.
// words: stage.* severity.* kind.* point.* unit.*
import "./styles/tokens.css";
import "./styles/wall.css";
import { fetchJson, Refused } from "./answers";
import type { CityMapView } from "./citymap";
import { element, shapeOf } from "./elements";
import { countdown, decimalsOf, quantity, zoneClock } from "./format";
import { KINDS, type LiveEvent, resumeAddress } from "./live";
import { type Page, part, say, thisPage } from "./page";
import { settled } from "./settled";
import { WallBars } from "./wall_bars";
import { type Contact, figuresOf, freshness, lostWords, magnified, shifted, soFar, type WallScreen, type WrongRow } from "./wall_model";
import { drawTrend } from "./wall_trend";

const SETTLE_MS = 700;
const REST_MS = 2_000;
const ASK_EVERY_MS = 15_000;
const REOPEN_MS = 10_000;
const MAP_AGAIN_MS = 30_000;
const RELOAD_AT_MOST_EVERY_MS = 600_000;

class Wall {
  private readonly box = part("[data-wall]");
  private readonly startedAt = Date.now();
  private answeredAt = 0;
  private failingSince = 0;
  /** the status that a refusal had: who may not see this is told so, and asked for again, since that may change */
  private refused = 0;
  private shown: WallScreen | undefined;
  private lastId = 0;
  private source: EventSource | undefined;
  private listenedAt = 0;
  private map: CityMapView | undefined;
  private known = new Set<number>();
  private readonly kiosk = this.box.dataset.kiosk === "yes";
  private readonly ask = settled(async () => this.load(), SETTLE_MS, REST_MS);
  private readonly bars: WallBars;
  private readonly hours: (ms: number) => string;
  private readonly day: (ms: number) => string;

  constructor(private readonly page: Page) {
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
    void this.load().then(() => void this.openMap());
  }

  /** A stream ends for good with the session it was opened in, and where no more may be open: each answer is a reason to try. */
  private attend(): void {
    const open = this.source !== undefined && this.source.readyState !== EventSource.CLOSED;
    if (!open && Date.now() - this.listenedAt >= REOPEN_MS) this.listen();
  }

  private listen(): void {
    this.source?.close();
    this.listenedAt = Date.now();
    const source = new EventSource(resumeAddress(this.box.dataset.stream ?? "", this.lastId));
    this.source = source;
    for (const kind of KINDS) source.addEventListener(kind, (event: MessageEvent<string>) => this.hear(event));
    source.addEventListener("resync", (event: MessageEvent<string>) => {
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
    this.lastId = Math.max(this.lastId, item.id);
    this.map?.follow(item);
    this.ask();
  }

  private async load(): Promise<void> {
    try {
      const screen = await fetchJson<WallScreen>(this.box.dataset.state ?? "");
      this.answeredAt = Date.now();
      this.failingSince = 0;
      // somebody signed in again, or whatever stood before the server is gone
      if (this.refused !== 0) this.map?.refresh();
      this.refused = 0;
      this.lastId = Math.max(this.lastId, screen.feed_id);
      this.shown = screen;
      this.renew(screen.version);
      this.show(screen);
      this.attend();
    } catch (problem) {
      if (problem instanceof Refused && [401, 403, 404].includes(problem.status)) this.end(problem.status);
      else if (this.failingSince === 0) this.failingSince = Date.now();
    }
    this.tick();
  }

  private end(status: number): void {
    this.refused = status;
    this.source?.close();
  }

  /** After an upgrade the server has other scripts: a screen that nobody touches gets them by itself, once. */
  private renew(version: string): void {
    const own = this.box.dataset.version ?? "";
    if (version === "" || own === "" || version === own) return;
    if (Date.now() - this.startedAt > RELOAD_AT_MOST_EVERY_MS) location.reload();
  }

  private contact(): Contact {
    return { answeredAt: this.answeredAt, failingSince: this.failingSince, startedAt: this.startedAt, refused: this.refused };
  }

  /** Every second: the clock, how old the figures are, and whether they may be believed. */
  private tick(): void {
    const now = Date.now();
    const { t } = this.page;
    say(part("[data-clock]"), this.hours(now));
    say(part("[data-date]"), this.day(now));
    const fresh = freshness(this.contact(), now);
    const at = this.shown === undefined ? "" : this.page.clock(Date.parse(this.shown.at));
    const lost = lostWords(fresh, { at, ageMs: now - this.answeredAt, kiosk: this.kiosk, refused: this.refused }, t);
    const banner = part("[data-lost]");
    if (lost !== undefined) {
      say(part("[data-lost-title]"), lost.title);
      say(part("[data-lost-text]"), lost.text);
    }
    banner.hidden = lost === undefined;
    const signIn = document.querySelector<HTMLElement>("[data-sign-in]");
    if (signIn !== null) signIn.hidden = this.refused !== 401;
    part("[data-main]").classList.toggle("wall-stale", lost !== undefined);
    const badge = part("[data-fresh]");
    badge.dataset.state = fresh;
    say(part("[data-fresh-text]"), fresh === "starting" ? t("wall.starting") : at === "" ? t("wall.lost") : t("wall.fresh", { clock: at }));
    for (const row of part("[data-wrong]").querySelectorAll<HTMLElement>("[data-due]")) this.fillDue(row, now);
    // a small window scrolls, and is held in a hand: nothing burns in there
    const stands = !matchMedia("(width < 1100px), (height < 600px)").matches;
    const moves = stands && (this.kiosk || new URLSearchParams(location.search).has("shift"));
    document.body.toggleAttribute("data-shifted", moves);
    if (!moves) return;
    const [x, y] = shifted(now);
    document.body.style.setProperty("--shift-x", `${x}px`);
    document.body.style.setProperty("--shift-y", `${y}px`);
  }

  private show(screen: WallScreen): void {
    const figures = figuresOf(screen);
    for (const box of document.querySelectorAll<HTMLElement>("[data-number]")) {
      const figure = figures[box.dataset.number ?? ""];
      if (figure === undefined) continue;
      say(part("[data-value]", box), figure.value.toLocaleString("en"));
      box.toggleAttribute("data-some", figure.of === undefined ? figure.value > 0 : figure.value < figure.of);
      if (figure.of !== undefined) say(part("[data-of]", box), `/${figure.of.toLocaleString("en")}`);
    }
    this.showSeasons(screen);
    this.showWrong(screen);
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

  private showWrong(screen: WallScreen): void {
    const { t } = this.page;
    const list = part<HTMLOListElement>("[data-wrong]");
    const { counters } = screen.state;
    while (list.children.length > screen.wrong.length) list.lastElementChild?.remove();
    const fresh: WrongRow[] = [];
    screen.wrong.forEach((row, index) => {
      if (this.known.size > 0 && !this.known.has(row.case_id)) fresh.push(row);
      const said = JSON.stringify(row);
      const there = list.children[index] as HTMLElement | undefined;
      if (there?.dataset.said === said) return;
      const made = this.wrongRow(row, this.known.size > 0 && !this.known.has(row.case_id));
      made.dataset.said = said;
      if (there === undefined) list.append(made);
      else there.replaceWith(made);
    });
    this.known = new Set(screen.wrong.map((row) => row.case_id));
    const open = counters.cases_open ?? 0;
    const calm = screen.wrong.length === 0;
    list.hidden = calm;
    part("[data-calm]").hidden = !calm;
    say(part("[data-calm-text]"), t("wall.calm_text", { assets: (counters.assets ?? 0).toLocaleString("en"), devices: (counters.devices ?? 0).toLocaleString("en") }));
    const more = part("[data-wrong-more]");
    more.hidden = calm;
    say(more, t("wall.wrong_all", { n: open.toLocaleString("en") }));
    this.fitRows();
    const first = fresh[0];
    if (first !== undefined) say(part("[data-announce]"), t("wall.new", { kind: t(`kind.${first.kind}`), what: first.what || first.road }));
    const now = Date.now();
    for (const row of list.querySelectorAll<HTMLElement>("[data-due]")) this.fillDue(row, now);
  }

  /** A line that is cut in half can't be read: what does not fit is not there. */
  private fitRows(): void {
    const list = part("[data-wrong]");
    const height = list.getBoundingClientRect().bottom;
    for (const row of list.children) row.classList.toggle("beyond", row.getBoundingClientRect().bottom > height + 1);
  }

  private wrongRow(row: WrongRow, isNew: boolean): HTMLLIElement {
    const { t } = this.page;
    const place = row.road !== "" && !row.what.startsWith(row.road) ? `${row.what} ${row.road}`.trim() : row.what;
    const measured = row.point !== null && row.value !== null;
    const value = measured ? quantity(row.value, decimalsOf(row.point ?? ""), t(`unit.${row.unit ?? "1"}`)) : "";
    const settledDown = ["handed_back", "verified", "suspended"].includes(row.stage);
    const due = element("span", { class: "wall-due", ...(settledDown ? {} : { "data-due": row.due_at }) });
    const line = this.maybeLink(
      `/cases/${row.case_id}`,
      "",
      "wall-line",
      element("span", { class: "wall-shape" }, shapeOf(row.severity), element("span", { class: "unseen" }, t(`severity.${row.severity}`))),
      element("span", { class: "wall-what" }, element("strong", {}, t(`kind.${row.kind}`)), element("span", {}, place === "" ? "\u00a0" : place)),
      element("span", { class: "wall-state" }, element("span", { class: "wall-stage" }, t(`stage.${row.stage}`)), due),
      element("span", { class: "wall-value" }, element("b", {}, value), element("span", {}, measured ? t(`point.${row.point}`) : "")),
    );
    return element("li", { "data-severity": String(row.severity), ...(row.overdue ? { "data-late": "" } : {}), ...(isNew ? { class: "wall-new" } : {}) }, line);
  }

  private fillDue(box: HTMLElement, now: number): void {
    const words = countdown(Date.parse(box.dataset.due ?? ""), now, this.page.t);
    say(box, words.text);
    box.classList.toggle("late", words.state === "late");
    box.classList.toggle("soon", words.state === "soon");
  }

  private showTrend(screen: WallScreen): void {
    const { t } = this.page;
    const { trend } = screen.state;
    const { today, usual } = soFar(trend, Date.parse(screen.at));
    say(part("[data-trend-said]"), usual === null ? t("wall.trend_alone", { today }) : t("wall.trend_said", { today, usual: Number(usual.toFixed(usual < 10 ? 1 : 0)) }));
    drawTrend(part("[data-trend]"), trend, t);
  }

  private maybeLink(href: string, text: string, className: string, ...children: readonly Node[]): HTMLElement {
    const inside = text === "" ? children : [document.createTextNode(text), ...children];
    return this.kiosk ? element("span", { class: className }, ...inside) : element("a", { class: className, href }, ...inside);
  }

  private async openMap(): Promise<void> {
    const { facts = "", tiles = "" } = this.box.dataset;
    try {
      // the figures are there before the map's quarter of a megabyte
      const { MobileLayer, openCityMap } = await import("./citymap");
      const map = openCityMap(part("[data-map]"), this.page, { interactive: false, tilesAddress: tiles, factsAddress: facts, mobile: true });
      this.map = map;
      if (!(await map.ready)) {
        // without WebGL it stays so; what could not be asked for can be asked for again
        if (map.facts === undefined) setTimeout(() => void this.openMap(), MAP_AGAIN_MS);
        map.close();
        this.map = undefined;
        return;
      }
      this.keepWhole(map);
      new MobileLayer(map, this.page, this.box.dataset.places ?? "", { named: false }).show(true);
      // tiles follow the stream; what it could not tell is caught up with now and then
      setInterval(() => map.refresh(), 5 * 60_000);
    } catch {
      say(part(".map-wait"), this.page.t("map.failed"));
    }
  }

  /** Nobody moves this map: whatever size its field has, the whole city stands in it, and its signs grow with the screen. */
  private keepWhole(map: CityMapView): void {
    const field = part("[data-map]");
    const fit = (): void => {
      const by = magnified(Number.parseFloat(getComputedStyle(document.documentElement).fontSize));
      field.style.setProperty("--magnified", String(by));
      map.canvas?.setPixelRatio(devicePixelRatio * by);
      map.canvas?.resize();
      if (map.facts?.bbox) map.goTo({ bbox: map.facts.bbox }, true);
    };
    fit();
    new ResizeObserver(settled(async () => fit(), 300)).observe(part(".wall-map"));
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
