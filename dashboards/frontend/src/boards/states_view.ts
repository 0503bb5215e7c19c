// Who was in which state when: a band a line, state as colour and pattern.
import { element } from "../elements";
import { zoneAxis } from "../format";
import { palette } from "./palette";
import { type Answer, called, type Panel, type StateRow, stateRows, type Tone } from "./shapes";
import { type Span, tickParts } from "./span";
import type { Desk, Rows, View } from "./view";

const TONES: Readonly<Record<string, Tone>> = {
  online: "good",
  heard: "good",
  cleared: "good",
  acknowledged: "notice",
  pending: "notice",
  suspect: "notice",
  firing: "alarm",
  silent: "alarm",
  offline: "critical",
};
/** What a state looks like without its colour: whole, striped, or a thin line. */
const HEIGHT: Readonly<Record<Tone | "none", number>> = { good: 0.36, notice: 0.62, alarm: 1, critical: 1, none: 0.1 };
const ROW_PX = 26;
/** Both ends of a day have the same hour: the axis names days sooner than a chart with many ticks. */
const AXIS_WITH_DAYS = 3;

export class StatesView implements View {
  private lines: readonly StateRow[] = [];
  private span: Span = { fromMs: 0, toMs: 1 };
  private readonly list = element("ol", { class: "board-states board-scroll", tabindex: "0" });
  private readonly axis = element("div", { class: "board-states-axis small soft", "aria-hidden": "true" });
  private readonly legend = element("p", { class: "board-states-legend small soft" });
  private readonly line = element("span", { class: "board-states-line", hidden: "" });
  private readonly watching = new ResizeObserver(() => this.draw());

  constructor(
    private readonly box: HTMLElement,
    private readonly desk: Desk,
  ) {
    box.append(this.list, this.axis, this.legend, this.line);
    this.watching.observe(this.list);
    this.list.addEventListener("mousemove", (event) => this.hover(event));
    this.list.addEventListener("mouseleave", () => desk.point(undefined, this));
  }

  get isEmpty(): boolean {
    return this.lines.length === 0;
  }

  show(answer: Answer, panel: Panel): void {
    this.lines = stateRows(answer);
    this.span = { fromMs: answer.from_ms, toMs: answer.to_ms };
    this.list.setAttribute("aria-label", called(panel.title, this.desk.page.language));
    this.list.replaceChildren(
      ...this.lines.map((row) => {
        const name = row.href ? element("a", { href: row.href }, row.name) : element("span", {}, row.name);
        const canvas = element("canvas", { role: "img", "aria-label": this.said(row) });
        return element("li", {}, name, canvas);
      }),
    );
    this.legend.replaceChildren(
      ...this.states().map((state) => {
        const key = element("i", { class: "board-state-key" });
        key.dataset.tone = TONES[state] ?? "none";
        return element("span", {}, key, this.word(state));
      }),
    );
    this.draw();
  }

  redraw(): void {
    this.draw();
  }

  summary(): string {
    return this.desk.page.t("board.summary_rows", { n: this.lines.length });
  }

  rows(): Rows {
    const { t } = this.desk.page;
    return {
      columns: [
        { key: "name", name: t("board.what"), kind: "link" },
        { key: "state", name: t("board.state"), kind: "text" },
        { key: "from", name: t("board.from"), kind: "time" },
        { key: "to", name: t("board.to"), kind: "time" },
      ],
      rows: this.lines.flatMap((row) => row.spans.map(([from, to, state]) => [row.name, this.word(state), from, to])),
      hrefs: this.lines.flatMap((row) => row.spans.map(() => row.href ?? null)),
    };
  }

  point(ms: number | undefined): void {
    const first = this.list.querySelector("canvas");
    const outside = ms === undefined || ms < this.span.fromMs || ms > this.span.toMs;
    this.line.hidden = outside || first === null;
    if (outside || first === null) return;
    const share = (ms - this.span.fromMs) / (this.span.toMs - this.span.fromMs);
    const left = first.getBoundingClientRect().left - this.box.getBoundingClientRect().left;
    this.line.style.left = `${left + share * first.clientWidth}px`;
  }

  paint(pen: CanvasRenderingContext2D, width: number, height: number): void {
    const { ink, font } = palette();
    const left = width * 0.24;
    pen.font = `12px ${font}`;
    pen.textBaseline = "middle";
    const shown = this.lines.slice(0, Math.floor(height / ROW_PX) - 2);
    shown.forEach((row, at) => {
      pen.fillStyle = ink;
      pen.fillText(row.name, 4, at * ROW_PX + ROW_PX / 2, left - 10);
      this.band(pen, row, left, at * ROW_PX + 4, width - left, ROW_PX - 8);
    });
    this.paintBelow(pen, left, shown.length * ROW_PX, width);
  }

  /** The axis, and how each state looks. */
  private paintBelow(pen: CanvasRenderingContext2D, left: number, top: number, width: number): void {
    const { inkSoft } = palette();
    const ticks = this.ticks(width - left);
    ticks.forEach((words, at) => {
      pen.fillStyle = inkSoft;
      const share = at / (ticks.length - 1);
      pen.fillText(words, left + share * (width - left - pen.measureText(words).width), top + ROW_PX / 2);
    });
    let x = left;
    for (const state of this.states()) {
      this.band(pen, { name: "", spans: [[this.span.fromMs, this.span.toMs, state]] }, x, top + ROW_PX + 6, 16, 14);
      pen.fillStyle = inkSoft;
      pen.fillText(this.word(state), x + 22, top + ROW_PX * 1.5);
      x += 40 + pen.measureText(this.word(state)).width;
    }
  }

  close(): void {
    this.watching.disconnect();
    this.box.replaceChildren();
  }

  private states(): string[] {
    return [...new Set(this.lines.flatMap((row) => row.spans.map(([, , state]) => state)))];
  }

  private word(state: string): string {
    return this.desk.page.t(`board.state.${state}`);
  }

  private said(row: StateRow): string {
    const last = row.spans[row.spans.length - 1];
    const { t } = this.desk.page;
    return t("board.state_said", { name: row.name, state: last === undefined ? "–" : this.word(last[2]), n: row.spans.length });
  }

  private draw(): void {
    const ratio = devicePixelRatio;
    this.list.querySelectorAll("canvas").forEach((canvas, at) => {
      const row = this.lines[at];
      const width = canvas.clientWidth;
      const pen = canvas.getContext("2d");
      if (row === undefined || width === 0 || pen === null) return;
      canvas.width = width * ratio;
      canvas.height = canvas.clientHeight * ratio;
      pen.scale(ratio, ratio);
      this.band(pen, row, 0, 0, width, canvas.clientHeight);
    });
    this.writeAxis();
  }

  private band(pen: CanvasRenderingContext2D, row: StateRow, left: number, top: number, width: number, height: number): void {
    const { tones, inkSoft, sunk } = palette();
    const place = (ms: number): number => left + ((Math.min(Math.max(ms, this.span.fromMs), this.span.toMs) - this.span.fromMs) / (this.span.toMs - this.span.fromMs)) * width;
    pen.fillStyle = sunk;
    pen.fillRect(left, top, width, height);
    for (const [from, to, state] of row.spans) {
      const tone = TONES[state];
      const tall = height * HEIGHT[tone ?? "none"];
      pen.fillStyle = tone === undefined ? inkSoft : tones[tone];
      const x = place(from);
      pen.fillRect(x, top + (height - tall) / 2, Math.max(place(to) - x - 0.5, 1.5), tall);
    }
  }

  private writeAxis(): void {
    const first = this.list.querySelector("canvas");
    this.axis.hidden = first === null;
    if (first === null) return;
    this.axis.style.marginLeft = `${first.offsetLeft}px`;
    this.axis.style.width = `${first.clientWidth}px`;
    this.axis.replaceChildren(...this.ticks(first.clientWidth).map((words) => element("span", {}, words)));
  }

  private ticks(width: number): string[] {
    const count = Math.max(2, Math.min(6, Math.floor(width / 110)));
    const length = this.span.toMs - this.span.fromMs;
    const { language, zone } = this.desk.page;
    const clock = zoneAxis(zone, language, tickParts(length / count, AXIS_WITH_DAYS * length));
    return Array.from({ length: count }, (_, at) => clock(this.span.fromMs + (length * at) / (count - 1)));
  }

  private hover(event: MouseEvent): void {
    const canvas = this.list.querySelector("canvas");
    if (canvas === null) return;
    const { left, width } = canvas.getBoundingClientRect();
    const share = (event.clientX - left) / width;
    if (share < 0 || share > 1) return;
    const ms = this.span.fromMs + share * (this.span.toMs - this.span.fromMs);
    const at = (event.target as Element).closest("li");
    const row = at === null ? undefined : this.lines[[...this.list.children].indexOf(at)];
    const found = row?.spans.find(([from, to]) => from <= ms && ms <= to);
    const { moment } = this.desk.page;
    if (at !== null) at.title = row === undefined || found === undefined ? "" : `${row.name} · ${this.word(found[2])} · ${moment(found[0])} – ${moment(found[1])}`;
    this.point(ms);
    this.desk.point(ms, this);
  }
}
