// Who was in which state when: a band a line, state as colour and pattern.
import { element } from "../elements";
import { zoneAxis } from "../format";
import { say } from "../page";
import { palette } from "./palette";
import { type Answer, called, type Panel, type StateRow, stateRows, type Tone } from "./shapes";
import { type Span, tickParts } from "./span";
import { changedAt, changesOf, nextChange, stateAt } from "./states";
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
/** So many rows the card beside the crosshair tells of. */
const MOST_TOLD = 6;
/** Both ends of a day have the same hour: the axis names days sooner than a chart with many ticks. */
const AXIS_WITH_DAYS = 3;

export class StatesView implements View {
  private lines: readonly StateRow[] = [];
  /** there are rows beyond those shown */
  private more = false;
  /** where the keys have walked to */
  private walked: number | undefined;
  private span: Span = { fromMs: 0, toMs: 1 };
  private readonly list = element("ol", { class: "board-states board-scroll", tabindex: "0", "aria-keyshortcuts": "ArrowLeft ArrowRight" });
  private readonly axis = element("div", { class: "board-states-axis small soft", "aria-hidden": "true" });
  private readonly legend = element("p", { class: "board-states-legend small soft" });
  private readonly rest = element("p", { class: "soft small board-more", hidden: "" });
  private readonly line = element("span", { class: "board-states-line", hidden: "" });
  private readonly tip = element("div", { class: "board-tip", hidden: "" });
  private readonly spoken = element("p", { class: "unseen", "aria-live": "polite" });
  private readonly watching = new ResizeObserver(() => this.draw());

  constructor(
    private readonly box: HTMLElement,
    private readonly desk: Desk,
  ) {
    say(this.rest, desk.page.t("board.more_rows"));
    box.append(this.list, this.rest, this.axis, this.legend, this.line, this.tip, this.spoken);
    this.watching.observe(this.list);
    this.list.addEventListener("mousemove", (event) => this.hover(event));
    this.list.addEventListener("mouseleave", () => this.leave());
    this.list.addEventListener("keydown", (event) => this.key(event));
    this.list.addEventListener("focusout", ({ relatedTarget }) => {
      if (!(relatedTarget instanceof Node && this.list.contains(relatedTarget))) this.leave();
    });
  }

  get isEmpty(): boolean {
    return this.lines.length === 0;
  }

  show(answer: Answer, panel: Panel): void {
    this.lines = stateRows(answer);
    this.more = answer.more === true;
    this.rest.hidden = !this.more;
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

  /** `share`: how wide the page is on paper, of what it is on the screen. Bands are as wide as their column there. */
  fitPaper(share: number): void {
    const first = this.list.querySelector("canvas");
    if (first !== null) this.writeTicks(first.clientWidth * share);
  }

  /** As wide as its box. */
  resize(): void {
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
    const { ink, inkSoft, font } = palette();
    const left = width * 0.24;
    pen.font = `12px ${font}`;
    pen.textBaseline = "middle";
    const room = Math.floor(height / ROW_PX) - 2;
    const cut = this.more || this.lines.length > room;
    const shown = this.lines.slice(0, Math.max(0, cut ? room - 1 : room));
    shown.forEach((row, at) => {
      pen.fillStyle = ink;
      pen.fillText(row.name, 4, at * ROW_PX + ROW_PX / 2, left - 10);
      this.band(pen, row, left, at * ROW_PX + 4, width - left, ROW_PX - 8);
    });
    this.paintBelow(pen, left, shown.length * ROW_PX, width);
    if (!cut) return;
    pen.fillStyle = inkSoft;
    pen.fillText(this.desk.page.t("board.more_rows"), 4, (shown.length + 2.5) * ROW_PX, width - 8);
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
    this.writeTicks(first.clientWidth);
  }

  private writeTicks(width: number): void {
    this.axis.replaceChildren(...this.ticks(width).map((words) => element("span", {}, words)));
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
    this.walked = undefined;
    this.tell(ms, at === null ? [] : [[...this.list.children].indexOf(at)]);
    this.point(ms);
    this.desk.point(ms, this);
  }

  private key(event: KeyboardEvent): void {
    const by = event.key === "ArrowLeft" ? -1 : event.key === "ArrowRight" ? 1 : undefined;
    const plain = !event.shiftKey && !event.ctrlKey && !event.altKey && !event.metaKey;
    if (by !== undefined && plain) this.walk(by);
    else if (event.key === "Escape" && this.walked !== undefined) this.leave();
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  /** From change to change: shown in every other panel, told beside the row and read out. */
  private walk(by: 1 | -1): void {
    const ms = nextChange(changesOf(this.lines, this.span), this.walked, by);
    if (ms === undefined) return;
    this.walked = ms;
    const changed = changedAt(this.lines, ms, this.span);
    this.list.children[changed[0] ?? 0]?.scrollIntoView({ block: "nearest" });
    this.point(ms);
    this.desk.point(ms, this);
    say(this.spoken, [this.desk.page.moment(ms), ...this.tell(ms, changed)].join(", "));
  }

  private leave(): void {
    this.walked = undefined;
    this.tip.hidden = true;
    this.line.hidden = true;
    this.desk.point(undefined, this);
  }

  /** The card beside the first of these rows (by their places), with what was when in each of them; answers its words. */
  private tell(ms: number, places: readonly number[]): string[] {
    const { moment, t } = this.desk.page;
    const words = places.flatMap((at) => {
      const row = this.lines[at];
      if (row === undefined) return [];
      const found = stateAt(row, ms);
      return [found === undefined ? `${row.name} –` : `${row.name} · ${this.word(found[2])} · ${moment(found[0])} – ${moment(found[1])}`];
    });
    const rest = words.length - MOST_TOLD;
    const told = rest > 0 ? [...words.slice(0, MOST_TOLD), t("board.and_more", { n: rest })] : words;
    this.tip.replaceChildren(element("strong", {}, moment(ms)), ...told.map((each) => element("span", {}, element("span", {}, each))));
    this.tip.hidden = told.length === 0;
    const row = this.list.children[places[0] ?? 0];
    const canvas = row?.querySelector("canvas");
    if (this.tip.hidden || row === undefined || canvas === null || canvas === undefined) return told;
    const [box, bar, band] = [this.box.getBoundingClientRect(), row.getBoundingClientRect(), canvas.getBoundingClientRect()];
    const x = band.left - box.left + ((ms - this.span.fromMs) / (this.span.toMs - this.span.fromMs)) * band.width;
    const left = x + 14 + this.tip.offsetWidth > box.width ? x - this.tip.offsetWidth - 14 : x + 14;
    const under = bar.bottom - box.top + 4;
    const top = under + this.tip.offsetHeight > box.height ? bar.top - box.top - this.tip.offsetHeight - 4 : under;
    this.tip.style.left = `${Math.max(0, left)}px`;
    this.tip.style.top = `${Math.max(0, top)}px`;
    return told;
  }
}
