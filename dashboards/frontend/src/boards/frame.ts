// A panel's frame: its title and menu, what it says while it waits or when something is wrong, and the view inside.
import { element, shapeOf } from "../elements";
import type { LiveEvent } from "../live";
import { say } from "../page";
import { BarsView } from "./bars_view";
import { csvOf } from "./csv";
import { MOST_POINTS, USUAL, writeExplored } from "./explored";
import { keepingFocus } from "./focus";
import { type Sorting, tableOf } from "./grid_table";
import { HeatView } from "./heat_view";
import { LinesView } from "./lines_view";
import { MapView } from "./map_view";
import { keep, keepPicture, pictureOf } from "./picture";
import { type Answer, called, type Panel, type PanelKind } from "./shapes";
import { fixed, isLive, type Saying, type Span } from "./span";
import { StatView } from "./stat_view";
import { StatesView } from "./states_view";
import { paintRows, TableView } from "./table_view";
import { joined, tailFrom } from "./tail";
import { symbolOf } from "./tones";
import { paintNote } from "./text_paint";
import { TextView } from "./text_view";
import type { Desk, View } from "./view";

export interface FrameDesk extends Desk {
  /** the element on which the template wrote where maps ask */
  readonly map: HTMLElement;
  /** Where the panel's values are to be had as a file; none in the editor. */
  csvAddress?(panel: Panel): string;
  fill?(panel: Panel): void;
  /** Which span is shown, as it is said. */
  said?(): Saying;
  /** Explore leads to no other Explore, and its page makes the file of what it shows itself. */
  readonly isExplore?: boolean;
}

type Shown = PanelKind | "none";

/** Views of figures alone: the same figures at another time look the same. */
const TIMELESS: ReadonlySet<Shown> = new Set(["stat", "bar", "table", "heat_map"]);

export class PanelFrame {
  private readonly body: HTMLElement;
  private readonly inside = element("div", { class: "board-view" });
  private readonly asTable = element("div", { class: "board-as-table board-scroll board-rows", tabindex: "0", hidden: "" });
  private readonly note = element("div", { class: "board-note", hidden: "" });
  private view: View | undefined;
  private shown: Shown = "none";
  private span: Span | undefined;
  private sorting: Sorting | undefined;
  private last: Answer | undefined;
  /** what a timeless view was told */
  private said = "";
  private isBusy = false;
  /** who waits until nothing is being asked any more */
  private readonly onRest: (() => void)[] = [];

  constructor(
    readonly section: HTMLElement,
    public panel: Panel,
    private readonly desk: FrameDesk,
  ) {
    const body = section.querySelector<HTMLElement>("[data-body]");
    if (body === null) throw new Error("a panel without a body");
    this.body = body;
    body.replaceChildren(this.inside, this.asTable, this.note);
    this.fillMenu();
    section.addEventListener("keydown", (event) => this.key(event));
    if (panel.kind === "text") this.answer(undefined);
  }

  get title(): string {
    return called(this.panel.title, this.desk.page.language);
  }

  /** The panel was changed in the editor. */
  change(panel: Panel): void {
    this.panel = panel;
    const heading = this.section.querySelector("h2");
    if (heading !== null) say(heading, this.title);
    this.section.dataset.kind = panel.kind;
    if (panel.kind === "text") this.answer(undefined);
  }

  waiting(): void {
    if (this.panel.source === null) return; // words are there already
    this.section.dataset.state = this.last === undefined ? "waiting" : "refreshing";
    this.busy(true);
  }

  answer(answer: Answer | undefined): void {
    this.section.dataset.state = "answered";
    this.busy(false);
    if (answer?.problem !== undefined) {
      // asking for a choice is no fault
      this.tell(answer.problem.text, answer.problem.code === "choose" ? undefined : 2);
      return;
    }
    const shape = shapeFor(this.panel.kind, answer);
    const isNew = this.shown !== shape;
    if (isNew) {
      this.view?.close?.();
      this.inside.replaceChildren();
      this.view = this.made(shape);
      this.shown = shape;
    }
    this.last = answer;
    const given: Answer = answer ?? { panel: this.panel.id, from_ms: 0, to_ms: 0 };
    this.span = answer === undefined ? undefined : { fromMs: given.from_ms, toMs: given.to_ms };
    const said = TIMELESS.has(shape) ? saidBy(given, this.panel) : "";
    if (isNew || said === "" || said !== this.said) {
      keepingFocus(this.body, () => {
        this.view?.show(given, this.panel);
        if (!this.asTable.hidden) this.writeTable();
      });
    }
    this.said = said;
    if (this.view?.isEmpty === true) this.tell(this.desk.page.t(this.panel.kind === "table" ? "board.nothing_listed" : "board.empty"), undefined);
    else this.quiet();
  }

  /** From when on its curves can go on with what came since; undefined where all of it is to be asked for. */
  get end(): number | undefined {
    const { kind, source } = this.panel;
    const goesOn = kind === "time_series" && source?.of === "series" && this.section.dataset.state === "answered";
    return goesOn && this.last !== undefined ? tailFrom(this.last) : undefined;
  }

  /** Takes what came since the last answer; false where the two don't fit together. */
  grow(tail: Answer, span: Span): boolean {
    const whole = this.last === undefined ? undefined : joined(this.last, tail, span);
    if (whole !== undefined) this.answer(whole);
    return whole !== undefined;
  }

  /** The question failed: what is shown stays, where there is something and it was not of another span or choice (`other`). */
  unanswered(other: boolean): void {
    const { state } = this.section.dataset;
    if (state === "waiting" || (state === "refreshing" && other)) this.tell(this.desk.page.t("board.no_answer"), 2);
    else if (state === "refreshing") this.section.dataset.state = this.note.hidden ? "answered" : "told";
    this.busy(false);
  }

  /** What stands in place of the picture when there is none. */
  tell(text: string, severity: number | undefined): void {
    this.section.dataset.state = "told";
    this.busy(false);
    this.note.replaceChildren(...(severity === undefined ? [] : [shapeOf(severity)]), element("p", {}, text));
    this.note.hidden = false;
    // an empty chart stays, so that whoever zoomed into nothing gets back the way they came
    const gone = this.staysBehindNote ? [this.asTable] : [this.asTable, this.inside];
    // what is out of sight can't keep the focus
    if (gone.some((each) => each.contains(document.activeElement))) this.section.focus({ preventScroll: true });
    for (const each of gone) each.classList.toggle("board-view-behind", true);
  }

  point(ms: number | undefined, from: View): void {
    if (this.view !== from) this.view?.point?.(ms);
  }

  redraw(): void {
    this.view?.redraw?.();
  }

  /** Settles once a map has drawn what it shows. */
  async still(): Promise<void> {
    if (this.view instanceof MapView) await this.view.still();
  }

  /** Paper can't show everything that a screen can: keeps a picture of it. Lists say how long they are. */
  forPaper(): void {
    this.body.style.setProperty("--lines", String(this.body.querySelectorAll(".board-table tbody tr, .board-bars li, .board-states li").length));
    if (this.view instanceof MapView) this.view.forPaper();
  }

  /** Draws for paper, which is narrower than the screen by `share`. */
  fitPaper(share: number): void {
    if (this.view instanceof LinesView || this.view instanceof StatesView) this.view.fitPaper(share);
  }

  fitScreen(): void {
    if (this.view instanceof LinesView || this.view instanceof StatesView) this.view.resize();
  }

  follow(event: LiveEvent): void {
    if (this.view instanceof MapView) this.view.follow(event);
  }

  close(): void {
    this.view?.close?.();
    this.view = undefined;
    this.shown = "none";
  }

  private busy(on: boolean): void {
    this.isBusy = on;
    this.body.setAttribute("aria-busy", String(on));
    if (!on) for (const go of this.onRest.splice(0)) go();
  }

  private quiet(): void {
    this.note.hidden = true;
    this.inside.classList.toggle("board-view-behind", false);
    this.asTable.classList.toggle("board-view-behind", false);
  }

  private get staysBehindNote(): boolean {
    return this.view instanceof LinesView;
  }

  private made(shape: Shown): View | undefined {
    const { inside, desk } = this;
    switch (shape) {
      case "time_series":
        return new LinesView(inside, desk);
      case "stat":
        return new StatView(inside, desk);
      case "table":
        return new TableView(inside, desk);
      case "bar":
        return new BarsView(inside, desk);
      case "heat_map":
        return new HeatView(inside, desk);
      case "state_timeline":
        return new StatesView(inside, desk);
      case "map":
        return new MapView(inside, desk, desk.map);
      case "text":
        return new TextView(inside, desk);
      default:
        return undefined;
    }
  }

  private fillMenu(): void {
    const menu = this.section.querySelector<HTMLElement>("[data-menu]");
    if (menu === null) return;
    const { t } = this.desk.page;
    const entries: HTMLElement[] = [];
    const shut = (): void => {
      const details = menu.closest("details");
      if (details !== null) details.open = false;
    };
    const act = (words: string, hint: string, work: () => void): void => {
      const button = element("button", { type: "button" }, words, element("kbd", {}, hint));
      button.addEventListener("click", () => {
        shut();
        work();
      });
      entries.push(button);
    };
    if (this.desk.fill !== undefined) act(t("board.fill"), "F", () => this.desk.fill?.(this.panel));
    if (this.panel.kind !== "map" && this.panel.kind !== "text") act(t("board.as_table"), "T", () => this.toggleTable());
    const csv = this.panel.kind === "text" ? undefined : this.desk.csvAddress?.(this.panel);
    if (csv !== undefined) {
      const link = element("a", { href: csv, download: "" }, t("board.csv"));
      // the span and the choices of now, and not those of when the page was opened
      link.addEventListener("click", () => {
        link.href = this.desk.csvAddress?.(this.panel) ?? csv;
        shut();
      });
      entries.push(link);
    }
    if (this.desk.isExplore === true) act(t("board.csv"), "", () => void this.keepRows());
    act(t("board.png"), "", () => void this.keepPicture());
    const source = this.panel.source;
    if (source?.of === "series" && this.desk.isExplore !== true) {
      const link = element("a", { href: "/explore" }, t("board.explore"));
      link.addEventListener("click", () => {
        link.href = `/explore${this.exploreQuery()}`;
      });
      entries.push(link);
    }
    menu.replaceChildren(...entries);
  }

  /** The curves that are shown, for Explore: of the same span, which goes on there where it does here. */
  private exploreQuery(): string {
    const ids = (this.last?.series ?? []).flatMap((line) => (line.point_id === undefined ? [] : [line.point_id]));
    const said = this.desk.said?.();
    const time = said !== undefined && isLive(said) ? said : this.span === undefined ? undefined : fixed(this.span);
    return writeExplored({ points: [...new Set(ids)].slice(0, MOST_POINTS), time: time ?? USUAL, before: "" });
  }

  private key(event: KeyboardEvent): void {
    const field = event.target instanceof Element && event.target.closest("input, select, textarea") !== null;
    if (field || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "f" && this.desk.fill !== undefined) this.desk.fill(this.panel);
    else if (event.key === "t" && this.panel.kind !== "map" && this.panel.kind !== "text") this.toggleTable();
    else return;
    event.preventDefault();
  }

  private toggleTable(): void {
    this.asTable.hidden = !this.asTable.hidden;
    this.inside.hidden = !this.asTable.hidden;
    if (!this.asTable.hidden) {
      this.writeTable();
      this.asTable.focus();
    } else this.view?.redraw?.();
  }

  private writeTable(): void {
    if (this.view === undefined) return;
    const { page } = this.desk;
    this.asTable.setAttribute("aria-label", this.title);
    const onSort = (sorting: Sorting): void => {
      this.sorting = sorting;
      this.writeTable();
    };
    const { rows } = this.view;
    const given = rows.call(this.view);
    const shown = 500;
    const more = given.rows.length > shown ? [element("p", { class: "soft small board-more" }, page.t("board.table_cut", { n: shown, of: given.rows.length }))] : [];
    keepingFocus(this.asTable, () => this.asTable.replaceChildren(tableOf(given, page, this.sorting, onSort, shown), ...more));
  }

  /** Settles once nothing is being asked for this panel: whoever takes it along means what was asked for. */
  private async given(): Promise<void> {
    while (this.isBusy) await new Promise<void>((done) => this.onRest.push(done));
    await this.still();
  }

  private async keepRows(): Promise<void> {
    await this.given();
    // words in the place of curves: there is nothing to take along, and what lies behind is of another time
    if (this.view === undefined || !(this.note.hidden || this.view.isEmpty)) return;
    const { page } = this.desk;
    const text = csvOf(this.view.rows(), page.moment, ({ name, unit }) => {
      const symbol = symbolOf(unit, page);
      return symbol === "" ? name : `${name} (${symbol})`;
    });
    keep(new Blob([text], { type: "text/csv;charset=utf-8" }), `${this.panel.id}.csv`);
  }

  private async keepPicture(): Promise<void> {
    await this.given();
    const box = this.asTable.hidden ? this.inside : this.asTable;
    const size = { width: Math.max(box.clientWidth, 320), height: Math.max(box.clientHeight, 160) };
    const paint = (pen: CanvasRenderingContext2D, width: number, height: number): void => this.paint(pen, width, height);
    await keepPicture(pictureOf(paint, this.title, this.span, size, this.desk.page), `${this.panel.id}.png`);
  }

  /** What is seen: the picture or the table in its place, or what is said where there is neither. */
  private paint(pen: CanvasRenderingContext2D, width: number, height: number): void {
    const isTold = !this.note.hidden;
    if (this.asTable.hidden) {
      if (!isTold || this.staysBehindNote) this.view?.paint(pen, width, height);
    } else if (!isTold && this.view !== undefined) paintRows(pen, this.view.rows(), width, height, this.desk, this.sorting);
    if (isTold) paintNote(pen, this.note.textContent ?? "", width, height);
  }
}

/** An answer without when it was given, and how it is to be shown: what a timeless view depends on. */
function saidBy(answer: Answer, panel: Panel): string {
  const { at: _at, took_ms: _took, from_ms: _from, to_ms: _to, ...figures } = answer;
  return JSON.stringify([figures, panel.options, panel.title]);
}

/** What can draw an answer: mostly what the panel is, but counts by the day of a bar panel are drawn over time. */
function shapeFor(kind: PanelKind, answer: Answer | undefined): Shown {
  if (kind === "text" || kind === "map" || answer === undefined) return kind;
  if (answer.series !== undefined && kind !== "stat") return "time_series";
  if (answer.bars !== undefined) return "bar";
  if (answer.columns !== undefined) return "table";
  return kind;
}

/** The frame of a panel as the template writes it, for panels that were added since. */
export function panelSection(panel: Panel, title: string, menuWords: string): HTMLElement {
  const heading = element("h2", { id: `panel-${panel.id}` }, title);
  const menu = element(
    "details",
    { class: "menu board-panel-menu" },
    element("summary", { class: "tool", "aria-label": menuWords, title: menuWords }, "⋮"),
    element("div", { class: "menu-body", "data-menu": "" }),
  );
  const section = element(
    "section",
    { class: "card board-panel", "data-panel": panel.id, "data-kind": panel.kind, "data-state": "waiting", "aria-labelledby": `panel-${panel.id}` },
    element("header", { class: "board-panel-head" }, heading, menu),
    element("div", { class: "board-panel-body", "data-body": "" }),
  );
  return section;
}

/** Puts a panel where the board says; what the style sheet began with is the same. */
export function putPanel(section: HTMLElement, panel: Panel): void {
  section.style.gridColumn = `${panel.x + 1} / span ${panel.w}`;
  section.style.gridRow = `${panel.y + 1} / span ${panel.h}`;
  section.style.setProperty("--rows", String(panel.h));
}
