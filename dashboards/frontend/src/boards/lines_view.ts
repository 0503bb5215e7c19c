// Lines and bars over time: mean as a line, least to greatest as a band, thresholds across, marks of what happened.
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { cityNow } from "../clock";
import { element } from "../elements";
import type { Page } from "../page";
import { say } from "../page";
import { nearest } from "./aligned";
import { keepingFocus } from "./focus";
import { LinesLegend } from "./lines_legend";
import { clipped, paintBands, paintMark, paintThresholds } from "./lines_paint";
import { ShownLines } from "./lines_shown";
import { LinesTip } from "./lines_tip";
import { followTouch } from "./lines_touch";
import { near, placed, type PlacedMark } from "./marks";
import { palette } from "./palette";
import type { Answer, Panel } from "./shapes";
import { dragged, type Span } from "./span";
import type { Desk, Rows, View } from "./view";

const REACH_PX = 7;
const MOST_AXES = 5;
/** As the style sheet keeps for a chart on paper at least. */
const PAPER_TALL_PX = 150;
const WHOLE_STEPS = [0, 1, 2, 3, 4, 5, 6, 7].flatMap((power) => [1, 2, 5].map((step) => step * 10 ** power));
/** More marks than this are drawn with faint lines, or they would hide the curves. */
const MANY_MARKS = 16;

export class LinesView implements View {
  private readonly chart = element("div", { class: "board-plot", tabindex: "0", role: "img" });
  private readonly legend: LinesLegend;
  private readonly tip: LinesTip;
  private readonly spoken = element("p", { class: "unseen", "aria-live": "polite" });
  private plot: uPlot | undefined;
  private readonly hidden = new Set<string>();
  private shown: ShownLines;
  private marksPlaced: readonly PlacedMark[] = [];
  private readonly watching: ResizeObserver;

  constructor(
    private readonly box: HTMLElement,
    private readonly desk: Desk,
  ) {
    this.shown = new ShownLines(desk.page, this.hidden);
    this.legend = new LinesLegend(desk.page, (at, alone) => this.toggle(at, alone));
    box.append(this.chart, this.legend.list, this.spoken);
    this.tip = new LinesTip(box, desk.page);
    this.watching = new ResizeObserver(() => this.resize());
    this.watching.observe(this.chart);
    this.chart.addEventListener("keydown", (event) => this.key(event));
    this.chart.addEventListener("blur", () => this.desk.point(undefined, this));
  }

  get isEmpty(): boolean {
    return this.shown.isEmpty;
  }

  show(answer: Answer, panel: Panel): void {
    const before = this.shown.shape;
    this.shown = new ShownLines(this.page, this.hidden, answer, panel);
    if (this.plot === undefined || this.shown.shape !== before) {
      this.legend.write(this.shown);
      this.draw();
    } else {
      this.plot.setData(this.shown.columns());
      this.read(this.plot.cursor.idx);
    }
    this.chart.setAttribute("aria-label", `${this.shown.title}. ${this.summary()}`);
  }

  summary(): string {
    return this.shown.summary();
  }

  rows(): Rows {
    return this.shown.rows();
  }

  redraw(): void {
    if (this.plot === undefined) return;
    keepingFocus(this.legend.list, () => this.legend.write(this.shown));
    this.draw();
  }

  /** `share`: how wide the page is on paper, of what it is on the screen. */
  fitPaper(share: number): void {
    const { width, height } = this.size();
    this.plot?.setSize({ width: Math.round(width * share), height: Math.max(PAPER_TALL_PX, Math.round(height * share)) });
  }

  close(): void {
    this.watching.disconnect();
    this.tip.close();
    this.plot?.destroy();
    this.plot = undefined;
    this.box.replaceChildren();
  }

  /** The crosshair of another panel. */
  point(ms: number | undefined): void {
    if (this.plot === undefined || this.tip.isPinned) return;
    if (ms === undefined || ms < this.shown.span.fromMs || ms > this.shown.span.toMs) {
      this.plot.setCursor({ left: -10, top: -10 }, false);
      this.read(undefined);
      return;
    }
    this.plot.setCursor({ left: this.plot.valToPos(ms, "x"), top: -10 }, false);
    this.read(nearest(this.shown.aligned.t, ms));
  }

  paint(pen: CanvasRenderingContext2D, width: number, height: number): void {
    const drawn = this.plot?.ctx.canvas;
    if (drawn === undefined) return;
    const legend = this.shown.lines.slice(0, 12);
    const left = this.shown.lines.length - legend.length + this.shown.leftOut;
    const rows = Math.ceil(legend.length / 3) + (left > 0 ? 1 : 0);
    pen.drawImage(drawn, 0, 0, width, height - rows * 18);
    pen.font = `12px ${palette().font}`;
    pen.textBaseline = "middle";
    legend.forEach((line, at) => {
      const x = 8 + (at % 3) * (width / 3);
      const y = height - rows * 18 + Math.floor(at / 3) * 18 + 9;
      pen.fillStyle = this.shown.style(at).stroke;
      pen.fillRect(x, y - 2, 14, 4);
      pen.fillStyle = palette().inkSoft;
      pen.fillText(line.name, x + 20, y, width / 3 - 28);
    });
    if (left > 0) pen.fillText(this.page.t("board.and_more", { n: left }), 8, height - 9, width - 16);
  }

  private get page(): Page {
    return this.desk.page;
  }

  /** As large as its box. */
  resize(): void {
    const { width, height } = this.size();
    if (this.plot !== undefined && (this.plot.width !== width || this.plot.height !== height)) this.plot.setSize({ width, height });
  }

  private size(): { width: number; height: number } {
    return { width: Math.max(this.chart.clientWidth, 80), height: Math.max(this.chart.clientHeight, 60) };
  }

  private draw(): void {
    this.plot?.destroy();
    this.plot = new uPlot(this.plotOptions(), this.shown.columns(), this.chart);
    this.plot.over.addEventListener("mouseleave", () => {
      if (!this.tip.isPinned) this.leave();
    });
    this.plot.over.addEventListener("click", (event) => this.click(event));
    followTouch(this.plot.over, {
      readAt: (left) => this.readUnder(left),
      span: (left, width, done) => this.plot?.setSelect({ left, top: 0, width, height: this.plot.over.clientHeight }, done),
    });
  }

  private plotOptions(): uPlot.Options {
    const colours = palette();
    const axis: uPlot.Axis = {
      stroke: colours.inkSoft,
      grid: { stroke: colours.line, width: 1 },
      ticks: { stroke: colours.line, width: 1, size: 4 },
      font: `11px ${colours.font}`,
      gap: 4,
    };
    const narrow = this.chart.clientWidth < 420;
    return {
      ...this.size(),
      ms: 1,
      tzDate: (ms) => uPlot.tzDate(new Date(ms), this.page.zone),
      legend: { show: false },
      // without an axis on the left, half of the first day's name stands there
      padding: [8, this.shown.axes.length > 1 ? 0 : 10, 0, this.shown.axes.length === 0 ? 20 : 0],
      scales: {
        x: { range: () => [this.shown.span.fromMs, this.shown.span.toMs] },
        ...Object.fromEntries(this.shown.axes.map(({ scale, unit }) => [scale, { range: () => this.shown.range(unit) }])),
      },
      series: [{}, ...this.shown.order().map((at) => this.series(at))],
      axes: [
        { ...axis, size: 26, space: narrow ? 60 : 80, values: (_plot, ticks) => this.shown.ticks(ticks) },
        // a line without an axis of its own would be read on another's
        ...this.shown.axes.slice(0, narrow ? 2 : MOST_AXES).map(
          ({ scale, unit }, at): uPlot.Axis => ({
            ...axis,
            stroke: this.shown.axisColour(unit) ?? colours.inkSoft,
            scale,
            side: at === 0 ? 3 : 1,
            size: (_plot, values) => 16 + 7 * Math.max(3, ...(values ?? []).map((each) => each.length)),
            space: 30,
            // nobody counts halves
            ...(this.shown.counted ? { incrs: WHOLE_STEPS } : {}),
            ...(at === 0 ? {} : { grid: { show: false } }),
            values: (_plot, ticks) => ticks.map((tick) => `${Number(tick.toFixed(4)).toLocaleString("en-US")}${this.shown.tickSymbol(unit)}`),
          }),
        ),
      ],
      cursor: {
        y: false,
        drag: { x: true, y: false, setScale: false },
        points: { size: 7 },
        bind: {
          mousedown: (plot, _target, handle) => (event) => {
            if (event.shiftKey) this.pan(plot, event);
            else handle(event);
            return null;
          },
          dblclick: () => () => {
            this.desk.back();
            return null;
          },
        },
      },
      hooks: {
        drawAxes: [(plot) => paintBands(plot, this.shown)],
        draw: [(plot) => this.paintOver(plot)],
        setCursor: [(plot) => this.cursorMoved(plot)],
        setSelect: [(plot) => this.selected(plot)],
      },
    };
  }

  private series(at: number): uPlot.Series {
    const { stroke, dash } = this.shown.style(at);
    const scale = `y ${this.shown.unitOf(this.shown.lines[at])}`;
    const show = !this.shown.isHidden(at);
    if (this.shown.bars) {
      const paths = uPlot.paths.bars?.({ size: [0.84, 48], align: 1 });
      return { scale, show, stroke, fill: stroke, width: 0, points: { show: false }, ...(paths === undefined ? {} : { paths }) };
    }
    const paths = this.shown.counted ? uPlot.paths.stepped?.({ align: 1 }) : undefined;
    return {
      scale,
      show,
      stroke,
      dash,
      width: this.shown.lines.length > 12 ? 1 : 1.75,
      points: { show: this.shown.aligned.t.length < (this.shown.lines.length > 3 ? 4 : 40), size: 5, fill: stroke },
      ...(paths === undefined ? {} : { paths }),
    };
  }

  private paintOver(plot: uPlot): void {
    const { bbox } = plot;
    const ratio = devicePixelRatio;
    const { fromMs, toMs } = this.shown.span;
    this.marksPlaced = placed(this.desk.marks(), fromMs, toMs, (ms) => plot.valToPos(ms, "x"));
    clipped(plot, () => {
      paintThresholds(plot, this.shown);
      // those that had begun before the span share one line at its beginning
      const faint = new Set(this.marksPlaced.map(({ left }) => Math.round(left))).size > MANY_MARKS;
      for (const { mark, left, right } of this.marksPlaced) paintMark(plot, mark, faint, left * ratio + bbox.left, right * ratio + bbox.left);
    });
  }

  /** Values at a place, or the last ones, into the legend. */
  private read(index: number | null | undefined): void {
    this.legend.read(this.shown, index);
  }

  /** Hides or shows one line; with Ctrl all but this one. */
  private toggle(at: number, alone: boolean): void {
    const names = this.shown.lines.map((line) => line.name);
    const name = names[at] ?? "";
    if (alone) {
      const others = names.filter((each) => each !== name);
      const wasAlone = others.every((each) => this.hidden.has(each));
      this.hidden.clear();
      if (!wasAlone) for (const each of others) this.hidden.add(each);
    } else if (!this.hidden.delete(name)) this.hidden.add(name);
    this.redraw();
  }

  private cursorMoved(plot: uPlot): void {
    if (this.tip.isPinned || plot.cursor.event === undefined || plot.cursor.event === null) return;
    const left = plot.cursor.left ?? -1;
    if (left >= 0) this.readAt(plot, left);
  }

  private readAt(plot: uPlot, left: number): void {
    this.desk.point(plot.posToVal(left, "x"), this);
    this.read(plot.cursor.idx);
    this.showTip(plot, left);
  }

  /** The crosshair under a finger; undefined once it has left. */
  private readUnder(left: number | undefined): void {
    if (this.plot === undefined || this.tip.isPinned) return;
    this.plot.setCursor({ left: left ?? -10, top: left === undefined ? -10 : 0 }, false);
    if (left === undefined) this.leave();
    else this.readAt(this.plot, left);
  }

  private leave(): void {
    this.tip.hide();
    this.desk.point(undefined, this);
    this.read(undefined);
  }

  private showTip(plot: uPlot, left: number): void {
    const index = plot.cursor.idx;
    if (index === null || index === undefined) {
      this.tip.hide();
      return;
    }
    const top = plot.cursor.top ?? 0;
    const readings = this.shown.readings(index)
      .map((each) => ({ ...each, name: this.shown.lines[each.at]?.name ?? "", stroke: this.shown.style(each.at).stroke, away: Math.abs(plot.valToPos(each.drawn, each.scale) - top) }))
      .sort((one, other) => one.away - other.away);
    this.tip.show(this.shown.aligned.t[index] ?? 0, readings, near(this.marksPlaced, left, REACH_PX), { left: left + plot.over.offsetLeft, top });
  }

  /** A click on a mark keeps its card open, so that its link can be followed. */
  private click(event: MouseEvent): void {
    const plot = this.plot;
    if (plot === undefined) return;
    if (this.tip.isPinned) {
      this.tip.unpin();
      return;
    }
    const left = event.clientX - plot.over.getBoundingClientRect().left;
    if (near(this.marksPlaced, left, REACH_PX + 3).length > 0) this.tip.pin(() => this.leave());
  }

  private selected(plot: uPlot): void {
    const { left, width } = plot.select;
    if (width === 0) return;
    if (width < 6) {
      plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
      return;
    }
    const fromMs = plot.posToVal(left, "x");
    const toMs = plot.posToVal(left + width, "x");
    plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
    this.tip.hide();
    if (toMs - fromMs >= 2_000) this.desk.zoom({ fromMs, toMs });
  }

  /** Shift and drag moves the span along under the hand. */
  private pan(plot: uPlot, down: MouseEvent): void {
    const { fromMs, toMs } = this.shown.span;
    const perPx = (toMs - fromMs) / plot.over.clientWidth;
    const moved = (event: MouseEvent): Span => dragged({ fromMs, toMs }, (down.clientX - event.clientX) * perPx, cityNow());
    const move = (event: MouseEvent): void => {
      this.shown.span = moved(event);
      plot.setData(this.shown.columns());
    };
    const up = (event: MouseEvent): void => {
      removeEventListener("mousemove", move);
      removeEventListener("mouseup", up);
      const span = moved(event);
      // pulled against now it stays where it was, and goes on
      if (Math.abs(span.fromMs - fromMs) > 3 * perPx) this.desk.zoom(span);
    };
    addEventListener("mousemove", move);
    addEventListener("mouseup", up);
  }

  private key(event: KeyboardEvent): void {
    const step = event.key === "ArrowLeft" ? -1 : event.key === "ArrowRight" ? 1 : 0;
    if (step !== 0 && event.shiftKey) this.desk.move(step);
    else if (step !== 0) this.walk(step * (event.ctrlKey ? 10 : 1));
    else if (event.key === "+" || event.key === "=") this.desk.scale(0.5);
    else if (event.key === "-") this.desk.scale(2);
    else if (event.key === "0" || event.key === "Backspace") this.desk.back();
    else if (event.key === "Escape" && this.tip.isPinned) this.tip.unpin();
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  /** The crosshair by the keyboard: read out, and shown in every other panel. */
  private walk(by: number): void {
    if (this.plot === undefined || this.shown.aligned.t.length === 0) return;
    const now = this.plot.cursor.idx ?? this.shown.aligned.t.length - (by < 0 ? 0 : 1);
    const index = Math.min(Math.max(now + by, 0), this.shown.aligned.t.length - 1);
    const ms = this.shown.aligned.t[index] ?? 0;
    this.plot.setCursor({ left: this.plot.valToPos(ms, "x"), top: 0 }, false);
    this.desk.point(ms, this);
    this.read(index);
    this.showTip(this.plot, this.plot.valToPos(ms, "x"));
    const first = this.shown.readings(index).slice(0, 4);
    say(this.spoken, [this.page.moment(ms), ...first.map(({ at, words }) => `${this.shown.lines[at]?.name ?? ""} ${words}`)].join(", "));
  }
}
