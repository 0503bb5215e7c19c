// Any point against any other: lines on one chart, an axis for each unit, and the same time before for comparison.
import { fetchJson, post } from "../answers";
import { aheadMs, cityNow } from "../clock";
import { element } from "../elements";
import { type Page, part, say, thisPage } from "../page";
import { THEME_CHANGED } from "../theme";
import { PATIENCE_MS, problemWords } from "./asking";
import { BoardMarks } from "./board_marks";
import { type Explored, readExplored, USUAL, writeExplored } from "./explored";
import { Chooser } from "./chooser";
import { keepingFocus, menuWatch } from "./focus";
import { type FrameDesk, PanelFrame } from "./frame";
import { lineStyle } from "./palette";
import { onPaper } from "./paper";
import type { Answer, Choice, Line, Mark, Panel } from "./shapes";
import { fixed, isLive, lengthOf, lengthWords, type Saying, type Span, spanNow } from "./span";
import { RefreshPicker, TimePicker } from "./time_picker";
import { written } from "./tones";

const BEFORE = ["-1d", "-7d", "-4w", "-1y"] as const;
const EVERY_S = 30;

interface FoundPoint {
  readonly point_id: number;
  readonly name: string;
  readonly unit: string;
  readonly decimals: number;
  readonly asset?: string | null;
  readonly asset_id?: number | null;
}

interface Statistics {
  readonly point_id: number;
  readonly min: number | null;
  readonly mean: number | null;
  readonly max: number | null;
  readonly last: number | null;
  readonly last_ms?: number | null;
  readonly readings?: number;
}

type ExploreAnswer = Answer & { readonly statistics?: readonly Statistics[] };

const PANEL: Panel = { id: "explore", title: { zh: "", en: "" }, kind: "time_series", x: 0, y: 0, w: 24, h: 14, source: { of: "series", points: [] }, options: {} };

class ExplorePage implements FrameDesk {
  readonly map: HTMLElement;
  private readonly frame: PanelFrame;
  private readonly picker: TimePicker;
  private readonly chooser: Chooser;
  private readonly happenings: BoardMarks;
  private readonly known = new Map<number, FoundPoint>();
  private explored: Explored;
  private past: Saying[] = [];
  private run: AbortController | undefined;
  private statistics: readonly Statistics[] = [];
  private lines: readonly Line[] = [];
  /** what was explored when the last answer came */
  private answeredOf = "";
  private everyS = EVERY_S;
  private askedAt = 0;

  constructor(
    private readonly box: HTMLElement,
    readonly page: Page,
  ) {
    this.map = box;
    this.explored = readExplored(location.search);
    const section = part("[data-panel]", box);
    this.frame = new PanelFrame(section, { ...PANEL, title: { zh: page.t("nav.explore"), en: page.t("nav.explore") } }, this);
    this.picker = new TimePicker(part("[data-time]", box), page, (said) => this.go(said), USUAL);
    new RefreshPicker(part("[data-refresh]", box), page, EVERY_S, (seconds) => (this.everyS = seconds), () => void this.load());
    this.chooser = new Chooser(
      {
        label: page.t("explore.points"),
        several: true,
        remote: true,
        none: page.t("explore.none_chosen"),
        find: (search) => this.find({ q: search }),
        named: (ids) => this.find({ ids: ids.join(",") }),
        onChange: (chosen) => this.change({ points: chosen.map(Number) }),
      },
      page,
    );
    const chosen = () => ({ span: this.span(), choices: { point: this.explored.points.map(String) } });
    this.happenings = new BoardMarks(box, { annotations: [], panels: [PANEL] }, page, box.dataset.annotations ?? "", chosen, () => this.frame.redraw());
    const room = part("[data-points]", box);
    room.replaceChildren(this.chooser.box, this.beforeSelect());
    this.show();
    void this.load();
    addEventListener("popstate", () => {
      this.explored = readExplored(location.search);
      this.show();
      void this.load();
    });
    onPaper({
      before: () => {
        const { t, moment } = page;
        const span = this.span();
        say(part("[data-printed]", box), `${t("board.from_to", { from: moment(span.fromMs), to: moment(span.toMs) })} · ${t("board.printed", { at: moment(cityNow()) })}`);
      },
      paint: (share) => this.frame.fitPaper(share),
      after: () => this.frame.fitScreen(),
    });
    addEventListener(THEME_CHANGED, () => {
      this.frame.redraw();
      this.writeStatistics();
    });
    const hadMenu = menuWatch();
    addEventListener("keydown", (event) => {
      const isFilled = this.frame.section.classList.contains("board-filled");
      if (event.key !== "Escape" || !isFilled || hadMenu()) return;
      event.preventDefault();
      this.fill();
    });
    setInterval(() => {
      const due = this.everyS > 0 && Date.now() - this.askedAt > this.everyS * 1000;
      if (due && !document.hidden && this.run === undefined && isLive(this.explored.time)) void this.load();
    }, 1_000);
  }

  readonly isExplore = true;

  marks = (): readonly Mark[] => this.happenings.shown;

  point(): void {}

  zoom(span: Span): void {
    this.past.push(this.explored.time);
    this.change({ time: fixed(span) });
  }

  back(): void {
    this.change({ time: this.past.pop() ?? USUAL });
  }

  /** Lets the chart fill the screen, or puts it back. */
  fill(): void {
    const { section } = this.frame;
    const filled = section.classList.toggle("board-filled");
    document.body.classList.toggle("board-has-filled", filled);
    section.focus({ preventScroll: true });
  }

  move(by: number): void {
    this.picker.move(by);
  }

  scale(factor: number): void {
    this.picker.scale(factor);
  }

  private go(time: Saying): void {
    this.past.push(this.explored.time);
    this.change({ time });
  }

  private change(change: Partial<Explored>): void {
    this.explored = { ...this.explored, ...change };
    history.pushState(null, "", `${location.pathname}${writeExplored(this.explored)}`);
    this.show();
    void this.load();
  }

  private show(): void {
    this.picker.show(this.explored.time);
    this.chooser.set(this.explored.points.map(String));
    const select = this.box.querySelector<HTMLSelectElement>("[data-before]");
    if (select !== null) select.value = this.explored.before;
  }

  private beforeSelect(): HTMLElement {
    const { t } = this.page;
    const options = [
      element("option", { value: "" }, t("explore.before_none")),
      ...BEFORE.map((length) => element("option", { value: length }, t("explore.before", { span: lengthWords(length, t) }))),
    ];
    const select = element("select", { class: "input board-every", "data-before": "", "aria-label": t("explore.compare") }, ...options);
    select.addEventListener("change", () => this.change({ before: select.value }));
    return select;
  }

  private async find(more: Readonly<Record<string, string>>): Promise<readonly Choice[]> {
    const { found } = await fetchJson<{ found: FoundPoint[] }>(`${this.box.dataset.search ?? ""}?${new URLSearchParams(more)}`);
    for (const point of found) this.known.set(point.point_id, point);
    return found.map((point) => ({ value: point.point_id, name: point.name }));
  }

  private span(): Span {
    return spanNow(this.explored.time);
  }

  private async load(): Promise<void> {
    this.run?.abort();
    const { t, clock } = this.page;
    this.askedAt = Date.now();
    part("[data-begin]", this.box).hidden = this.explored.points.length > 0;
    this.frame.section.hidden = this.explored.points.length === 0;
    if (this.explored.points.length === 0) {
      this.statistics = [];
      this.lines = [];
      this.writeStatistics();
      this.box.dataset.drawn = "0";
      return;
    }
    const mine = new AbortController();
    const patience = setTimeout(() => mine.abort(), PATIENCE_MS);
    const asked = JSON.stringify(this.explored);
    this.run = mine;
    this.frame.waiting();
    const status = part("[data-status]", this.box);
    try {
      const span = this.span();
      const shift = lengthOf(this.explored.before) ?? 0;
      const [now, before] = await Promise.all([
        this.ask(span, mine.signal),
        shift === 0 ? undefined : this.ask({ fromMs: span.fromMs - shift, toMs: span.toMs - shift }, mine.signal),
      ]);
      const lines = now.series ?? [];
      const shifted = (before?.series ?? []).filter((line) => line.t.length > 0).map((line): Line => ({
        ...line,
        name: t("explore.before_name", { name: line.name, span: lengthWords(this.explored.before, t) }),
        t: line.t.map((at) => at + shift),
        like: lines.findIndex((other) => other.point_id === line.point_id),
      }));
      this.statistics = now.statistics ?? [];
      this.lines = lines;
      this.answeredOf = asked;
      this.frame.answer({ ...now, panel: PANEL.id, series: [...lines, ...shifted] });
      this.writeStatistics();
      say(status, t("board.as_of", { clock: clock(Date.parse(now.at ?? "") || cityNow()) }));
      status.dataset.state = "answered";
      this.box.dataset.drawn = String(lines.length);
      void this.happenings.load();
    } catch (problem) {
      if (this.run !== mine) return;
      const why = problemWords(problem);
      const other = this.answeredOf !== asked;
      status.dataset.state = "unreachable";
      say(status, why ?? t("board.unreachable", { clock: clock(cityNow()) }));
      if (why === undefined) this.frame.unanswered(other);
      else this.frame.tell(why, 2);
      if (!other) return;
      // figures of other points or of another time
      this.statistics = [];
      this.writeStatistics();
    } finally {
      clearTimeout(patience);
      if (this.run === mine) this.run = undefined;
    }
  }

  private async ask(span: Span, signal: AbortSignal): Promise<ExploreAnswer> {
    const body = {
      points: this.explored.points,
      from_ms: Math.round(span.fromMs),
      to_ms: Math.round(span.toMs),
      width_px: Math.min(2_000, Math.max(300, this.box.clientWidth)),
    };
    const ahead = aheadMs();
    const response = await post(this.box.dataset.answers ?? "", body, signal);
    if (aheadMs() !== ahead && isLive(this.explored.time)) this.askedAt = 0; // asked again at once
    return (await response.json()) as ExploreAnswer;
  }

  private writeStatistics(): void {
    const { lines } = this;
    const { t } = this.page;
    const table = part("[data-statistics]", this.box);
    table.hidden = this.explored.points.length === 0;
    const body = part("tbody", table);
    const rows = this.explored.points.map((id) => {
      const at = lines.findIndex((line) => line.point_id === id);
      const line = lines[at];
      const point = this.known.get(id);
      const said = this.statistics.find((each) => each.point_id === id);
      const key = element("i", { class: "board-key" });
      if (at >= 0) key.style.backgroundColor = lineStyle(at).stroke;
      const name = line?.name ?? point?.name ?? `#${id}`;
      const asset = line?.asset_id ?? point?.asset_id;
      const unit = line?.unit ?? point?.unit;
      const decimals = line?.decimals ?? point?.decimals;
      const number = (value: number | null | undefined): HTMLElement => element("td", { class: "number" }, written(value, unit, decimals, this.page));
      const away = element("button", { type: "button", class: "button quiet board-away", "aria-label": t("explore.remove", { name }), title: t("explore.remove", { name }) }, "×");
      away.addEventListener("click", () => this.change({ points: this.explored.points.filter((each) => each !== id) }));
      const lead = asset ? element("a", { href: `/assets/${asset}` }, name) : element("span", {}, name);
      const last = said?.last_ms ? element("small", { class: "sub" }, this.page.moment(said.last_ms)) : element("small");
      const lastCell = number(said?.last);
      lastCell.append(last);
      return element("tr", {}, element("th", { scope: "row" }, element("span", { class: "board-named" }, key, lead)), number(said?.min), number(said?.mean), number(said?.max), lastCell, element("td", { class: "number" }, away));
    });
    keepingFocus(body, () => body.replaceChildren(...rows));
  }
}

export async function openExplore(box: HTMLElement): Promise<void> {
  new ExplorePage(box, await thisPage());
}
