// The wall: it looks after itself for months. The stream says that something happened, then the figures are asked for;
// without a stream they are asked for all the same. Nothing grows: rows are filled anew, never added to a pile.
// words: stage.* severity.* kind.* point.* unit.* mobile_kind.*
import "./styles/tokens.css";
import "./styles/wall.css";
import { fetchJson, Refused } from "./answers";
import type { CityMapView } from "./citymap";
import { element, shapeOf } from "./elements";
import { countdown, decimalsOf, quantity, zoneClock } from "./format";
import { KINDS, type LiveEvent, resumeAddress } from "./live";
import { type Page, part, say, thisPage } from "./page";
import { settled } from "./settled";
import { drawTrend } from "./wall_trend";
import { type Contact, figuresOf, freshness, lostWords, share, shifted, soFar, type WallScreen, type WrongRow } from "./wall_model";

const SETTLE_MS = 700;
const ASK_EVERY_MS = 15_000;
const REOPEN_MS = 10_000;
const PLACES_EVERY_MS = 30_000;
const RELOAD_AT_MOST_EVERY_MS = 600_000;

class Wall {
  private readonly box = part("[data-wall]");
  private readonly startedAt = Date.now();
  private answeredAt = 0;
  private failingSince = 0;
  private ended = false;
  private shown: WallScreen | undefined;
  private lastId = 0;
  private source: EventSource | undefined;
  private map: CityMapView | undefined;
  private known = new Set<number>();
  private readonly kiosk = this.box.dataset.kiosk === "yes";
  private readonly ask = settled(async () => this.load(), SETTLE_MS);
  private readonly hours: (ms: number) => string;
  private readonly day: (ms: number) => string;

  constructor(private readonly page: Page) {
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
      this.listen();
      void this.openMap();
    }, () => this.listen());
  }

  private listen(): void {
    if (this.ended) return;
    this.source?.close();
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
    source.onerror = () => {
      if (source.readyState === EventSource.CLOSED) setTimeout(() => this.listen(), REOPEN_MS);
    };
  }

  private hear(event: MessageEvent<string>): void {
    const item = JSON.parse(event.data) as LiveEvent;
    this.lastId = Math.max(this.lastId, item.id);
    this.map?.follow(item);
    this.ask();
  }

  private async load(): Promise<void> {
    if (this.ended) return;
    try {
      const screen = await fetchJson<WallScreen>(this.box.dataset.state ?? "");
      this.answeredAt = Date.now();
      this.failingSince = 0;
      this.lastId = Math.max(this.lastId, screen.feed_id);
      this.shown = screen;
      this.renew(screen.version);
      this.show(screen);
    } catch (problem) {
      if (problem instanceof Refused && [401, 403, 404].includes(problem.status)) this.end();
      else if (this.failingSince === 0) this.failingSince = Date.now();
    }
    this.tick();
  }

  private end(): void {
    this.ended = true;
    this.source?.close();
  }

  /** After an upgrade the server has other scripts: a screen that nobody touches gets them by itself, once. */
  private renew(version: string): void {
    const own = this.box.dataset.version ?? "";
    if (version === "" || own === "" || version === own) return;
    if (Date.now() - this.startedAt > RELOAD_AT_MOST_EVERY_MS) location.reload();
  }

  private contact(): Contact {
    return { answeredAt: this.answeredAt, failingSince: this.failingSince, startedAt: this.startedAt, ended: this.ended };
  }

  /** Every second: the clock, how old the figures are, and whether they may be believed. */
  private tick(): void {
    const now = Date.now();
    const { t } = this.page;
    say(part("[data-clock]"), this.hours(now));
    say(part("[data-date]"), this.day(now));
    const fresh = freshness(this.contact(), now);
    const at = this.shown === undefined ? "" : this.page.clock(Date.parse(this.shown.at));
    const lost = lostWords(fresh, { at, ageMs: now - this.answeredAt, kiosk: this.kiosk }, t);
    const banner = part("[data-lost]");
    if (lost !== undefined) {
      say(part("[data-lost-title]"), lost.title);
      say(part("[data-lost-text]"), lost.text);
    }
    banner.hidden = lost === undefined;
    part("[data-main]").classList.toggle("wall-stale", lost !== undefined);
    const badge = part("[data-fresh]");
    badge.dataset.state = fresh;
    say(part("[data-fresh-text]"), fresh === "starting" ? t("wall.starting") : at === "" ? t("wall.lost") : t("wall.fresh", { clock: at }));
    for (const row of part("[data-wrong]").querySelectorAll<HTMLElement>("[data-due]")) this.fillDue(row, now);
    if (this.kiosk || new URLSearchParams(location.search).has("shift")) {
      const [x, y] = shifted(now);
      document.body.style.translate = `${x}px ${y}px`;
    }
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
    this.showBars(screen);
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

  private showBars(screen: WallScreen): void {
    const { t } = this.page;
    const { stages, units, units_more: unitsMore, mobile } = screen.state;
    const mostStage = Math.max(1, ...stages.map((each) => each.open));
    this.bars("[data-stages]", stages.map((each) => ({
      name: t(`stage.${each.stage}`),
      href: `/cases?stage=${each.stage}`,
      parts: [share(each.open - each.late, mostStage), share(each.late, mostStage)],
      figure: each.open.toLocaleString("en"),
      late: each.late,
      said: t("wall.of_late", { open: each.open, late: each.late }),
    })));
    const mostUnit = Math.max(1, ...units.map((each) => each.open));
    this.bars("[data-units]", units.map((each) => ({
      name: each.name,
      href: `/queues/${each.unit_id}`,
      parts: [share(each.open - each.late, mostUnit), share(each.late, mostUnit)],
      figure: each.open.toLocaleString("en"),
      late: each.late,
      said: t("wall.of_late", { open: each.open, late: each.late }),
    })));
    part("[data-units-none]").hidden = units.length > 0;
    part("[data-units-more]").hidden = unitsMore === 0;
    say(part("[data-units-more]"), t("wall.units_more", { n: unitsMore }));
    this.bars("[data-mobile]", mobile.map((each) => ({
      name: t(`mobile_kind.${each.kind}`),
      href: `/mobile-resources?kind=${each.kind}`,
      parts: [share(each.online, each.total), 0],
      figure: `${each.online.toLocaleString("en")}/${each.total.toLocaleString("en")}`,
      late: 0,
      said: `${Math.round((100 * each.online) / Math.max(1, each.total))}%`,
    })));
    part("[data-mobile-none]").hidden = mobile.length > 0;
  }

  private bars(
    selector: string,
    rows: readonly { name: string; href: string; parts: readonly number[]; figure: string; late: number; said: string }[],
  ): void {
    const list = part(selector);
    while (list.children.length > rows.length) list.lastElementChild?.remove();
    rows.forEach((row, index) => {
      let item = list.children[index] as HTMLElement | undefined;
      if (item === undefined) {
        const bar = element("span", { class: "wall-bar-field", "aria-hidden": "true" }, element("i", { class: "on-time" }), element("i", { class: "late" }));
        item = element("li", {}, this.maybeLink(row.href, "", "wall-bar-line", element("span", { class: "wall-bar-name" }), bar, element("span", { class: "wall-bar-figure" })));
        list.append(item);
      }
      const line = item.firstElementChild;
      if (line instanceof HTMLAnchorElement) line.href = row.href;
      say(part(".wall-bar-name", item), row.name);
      const figure = part(".wall-bar-figure", item);
      if (figure.dataset.said !== `${row.figure} ${row.said}`) {
        figure.dataset.said = `${row.figure} ${row.said}`;
        figure.replaceChildren(element("b", {}, row.figure), ...(row.late > 0 ? [element("em", {}, String(row.late))] : []), element("span", { class: "unseen" }, row.said));
      }
      [".on-time", ".late"].forEach((kind, at) => {
        part<HTMLElement>(kind, item).style.inlineSize = `${(100 * (row.parts[at] ?? 0)).toFixed(1)}%`;
      });
    });
  }

  private showTrend(screen: WallScreen): void {
    const { t } = this.page;
    const { trend } = screen.state;
    const { today, usual } = soFar(trend, Date.parse(screen.at));
    say(part("[data-trend-said]"), usual === null ? t("wall.trend_alone", { today }) : t("wall.trend_said", { today, usual: usual.toFixed(usual < 10 ? 1 : 0) }));
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
      const { openCityMap } = await import("./citymap");
      this.map = openCityMap(part("[data-map]"), this.page, { interactive: false, tilesAddress: tiles, factsAddress: facts });
      if (!(await this.map.ready)) return;
      this.keepWhole(this.map);
      const { showPlaces } = await import("./wall_places");
      const show = (): void => void (this.map !== undefined && showPlaces(this.map, this.box.dataset.places ?? ""));
      show();
      setInterval(show, PLACES_EVERY_MS);
      // tiles follow the stream; what it could not tell is caught up with now and then
      setInterval(() => this.map?.refresh(), 5 * 60_000);
    } catch {
      say(part(".map-wait"), this.page.t("map.failed"));
    }
  }

  /** Nobody moves this map: whatever size its field has, the whole city stands in it. */
  private keepWhole(map: CityMapView): void {
    const bbox = map.facts?.bbox;
    if (bbox === undefined || bbox === null) return;
    new ResizeObserver(settled(async () => map.goTo({ bbox }, true), 300)).observe(part("[data-map]"));
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
