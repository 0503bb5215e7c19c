// Lines and bars over time: mean as a line, least to greatest as a band, thresholds across, marks of what happened.
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { element } from "../elements";
import type { Page } from "../page";
import { say } from "../page";
import { type Aligned, align, extent, nearest, stacked, valueAt } from "./aligned";
import { near, placed, type PlacedMark } from "./marks";
import { paintMark, runs } from "./lines_paint";
import { LinesTip } from "./lines_tip";
import { lineStyle, palette } from "./palette";
import { type Answer, called, type Cell, type Column, type Line, type Panel, type PanelOptions } from "./shapes";
import { type Span, tickParts } from "./span";
import { symbolOf, written } from "./tones";
import type { Desk, Rows, View } from "./view";

const BINS = 1200;
const REACH_PX = 7;
const NOTHING = "–";
const MOST_AXES = 5;
/** More marks than this are drawn with faint lines, or they would hide the curves. */
const MANY_MARKS = 16;
const SEVERITIES = [0, 1, 2, 3];

interface Axis {
  readonly scale: string;
  readonly unit: string;
}

export class LinesView implements View {
  private readonly chart = element("div", { class: "board-plot", tabindex: "0", role: "img" });
  private readonly legend = element("ul", { class: "board-legend" });
  private readonly tip: LinesTip;
  private readonly spoken = element("p", { class: "unseen", "aria-live": "polite" });
  private plot: uPlot | undefined;
  private lines: readonly Line[] = [];
  private aligned: Aligned = { t: [], lines: [] };
  /** values as they were measured, where `aligned` holds sums of stacked lines */
  private plain: Aligned = { t: [], lines: [] };
  private axes: readonly Axis[] = [];
  private hidden = new Set<string>();
  private options: PanelOptions = {};
  private title = "";
  private span: Span = { fromMs: 0, toMs: 1 };
  private bars = false;
  private leftOut = 0;
  private shape = "";
  private marksPlaced: readonly PlacedMark[] = [];
  private readonly watching: ResizeObserver;

  constructor(
    private readonly box: HTMLElement,
    private readonly desk: Desk,
    private readonly withLegend = true,
  ) {
    box.append(this.chart, this.legend, this.spoken);
    this.tip = new LinesTip(box, desk.page);
    this.watching = new ResizeObserver(() => this.resize());
    this.watching.observe(this.chart);
    this.chart.addEventListener("keydown", (event) => this.key(event));
    this.chart.addEventListener("blur", () => this.desk.point(undefined, this));
  }

  get isEmpty(): boolean {
    return this.lines.every((line) => line.t.length === 0);
  }

  show(answer: Answer, panel: Panel): void {
    this.options = panel.options;
    this.title = called(panel.title, this.page.language);
    this.lines = (answer.series ?? [])
      .map((line) => (line.value === undefined ? line : begunBefore(line, answer.from_ms)))
      .map((line) => (line.name === "" ? { ...line, name: this.title } : line));
    this.span = { fromMs: answer.from_ms, toMs: answer.to_ms };
    const counts = this.lines.some((line) => line.value !== undefined && line.mean === undefined);
    this.bars = counts && (this.lines.length === 1 || panel.options.stacked === true || panel.kind === "bar");
    this.plain = align(this.lines, this.span.fromMs, this.span.toMs, BINS);
    this.aligned = this.bars && this.lines.length > 1 ? stacked(this.plain) : this.plain;
    const units = [...new Set(this.lines.map((line) => this.unitOf(line)))];
    this.axes = units.map((unit) => ({ scale: `y ${unit}`, unit }));
    this.leftOut = answer.left_out ?? 0;
    const shape = JSON.stringify([this.bars, this.leftOut, this.lines.map((line) => [line.name, this.unitOf(line)]), Math.min(this.aligned.t.length, 40), counts]);
    if (this.plot === undefined || shape !== this.shape) {
      this.shape = shape;
      this.writeLegend();
      this.draw();
    } else {
      this.plot.setData(this.columns());
      this.read(this.plot.cursor.idx);
    }
    this.chart.setAttribute("aria-label", `${this.title}. ${this.summary()}`);
  }

  redraw(): void {
    if (this.plot === undefined) return;
    this.writeLegend();
    this.draw();
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
    if (ms === undefined || ms < this.span.fromMs || ms > this.span.toMs) {
      this.plot.setCursor({ left: -10, top: -10 }, false);
      this.read(undefined);
      return;
    }
    this.plot.setCursor({ left: this.plot.valToPos(ms, "x"), top: -10 }, false);
    this.read(nearest(this.aligned.t, ms));
  }

  summary(): string {
    const { t } = this.page;
    if (this.isEmpty) return t("board.empty");
    const parts = this.axes.slice(0, 2).map(({ unit }) => {
      const range = extent(this.plain, (at) => this.unitOf(this.lines[at]) === unit);
      return t("board.summary_range", { low: this.write(range?.[0], unit), high: this.write(range?.[1], unit) });
    });
    return `${t("board.summary_lines", { n: this.lines.length })} ${parts.join(" ")}`;
  }

  rows(): Rows {
    const { t } = this.page;
    const columns: Column[] = [
      { key: "t", name: t("board.time"), kind: "time" },
      ...this.lines.map((line, at): Column => {
        const unit = this.unitOf(line);
        return { key: `v${at}`, name: line.name, kind: "number", ...(unit === "" ? {} : { unit }) };
      }),
    ];
    const cell = (line: number, at: number): Cell => {
      const found = this.plain.lines[line]?.value[at];
      return found ?? null;
    };
    const rows = this.plain.t
      .map((ms, at): Cell[] => [ms, ...this.lines.map((_, line) => cell(line, at))])
      .filter((row) => row.slice(1).some((value) => value !== null));
    return { columns, rows };
  }

  paint(pen: CanvasRenderingContext2D, width: number, height: number): void {
    const drawn = this.plot?.ctx.canvas;
    if (drawn === undefined) return;
    const legend = this.lines.slice(0, 12);
    const rows = this.withLegend ? Math.ceil(legend.length / 3) : 0;
    pen.drawImage(drawn, 0, 0, width, height - rows * 18);
    pen.font = `12px ${palette().font}`;
    pen.textBaseline = "middle";
    legend.forEach((line, at) => {
      const x = 8 + (at % 3) * (width / 3);
      const y = height - rows * 18 + Math.floor(at / 3) * 18 + 9;
      pen.fillStyle = this.style(at).stroke;
      pen.fillRect(x, y - 2, 14, 4);
      pen.fillStyle = palette().inkSoft;
      pen.fillText(line.name, x + 20, y, width / 3 - 28);
    });
  }

  private get page(): Page {
    return this.desk.page;
  }

  private unitOf(line: Line | undefined): string {
    return this.options.unit ?? line?.unit ?? "";
  }

  private decimalsOf(line: Line | undefined): number | undefined {
    return this.options.decimals ?? line?.decimals ?? (line?.value === undefined ? undefined : 0);
  }

  private write(value: number | null | undefined, unit: string): string {
    const line = this.lines.find((each) => this.unitOf(each) === unit);
    return written(value, unit, this.decimalsOf(line), this.page);
  }

  /** uPlot's columns: moments, then one per line; stacked ones from the top, so that the lower lie before them. */
  private columns(): uPlot.AlignedData {
    const values = this.aligned.lines.map((line) => line.value);
    return [this.aligned.t, ...this.order().map((at) => values[at] ?? [])] as uPlot.AlignedData;
  }

  private order(): number[] {
    const all = this.lines.map((_, at) => at);
    return this.bars ? all.reverse() : all;
  }

  private style(at: number): { readonly stroke: string; readonly dash: number[] } {
    const { name, like } = this.lines[at] ?? {};
    if (like !== undefined && like >= 0) return { stroke: lineStyle(like).stroke, dash: [4, 4] };
    const severity = SEVERITIES.find((each) => this.page.t(`severity.${each}`) === name);
    return lineStyle(at, severity);
  }

  private isHidden(at: number): boolean {
    return this.hidden.has(this.lines[at]?.name ?? "");
  }

  private resize(): void {
    const { width, height } = this.size();
    if (this.plot !== undefined && (this.plot.width !== width || this.plot.height !== height)) this.plot.setSize({ width, height });
  }

  private size(): { width: number; height: number } {
    return { width: Math.max(this.chart.clientWidth, 80), height: Math.max(this.chart.clientHeight, 60) };
  }

  private draw(): void {
    this.plot?.destroy();
    this.plot = new uPlot(this.plotOptions(), this.columns(), this.chart);
    this.plot.over.addEventListener("mouseleave", () => {
      if (!this.tip.isPinned) this.leave();
    });
    this.plot.over.addEventListener("click", (event) => this.click(event));
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
      padding: [8, this.axes.length > 1 ? 0 : 10, 0, 0],
      scales: {
        x: { range: () => [this.span.fromMs, this.span.toMs] },
        ...Object.fromEntries(this.axes.map(({ scale, unit }) => [scale, { range: () => this.range(unit) }])),
      },
      series: [{}, ...this.order().map((at) => this.series(at))],
      axes: [
        { ...axis, size: 26, space: narrow ? 60 : 80, values: (_plot, ticks) => this.ticks(ticks) },
        // a line without an axis of its own would be read on another's
        ...this.axes.slice(0, narrow ? 2 : MOST_AXES).map(
          ({ scale, unit }, at): uPlot.Axis => ({
            ...axis,
            stroke: this.axisColour(unit) ?? colours.inkSoft,
            scale,
            side: at === 0 ? 3 : 1,
            size: (_plot, values) => 16 + 7 * Math.max(3, ...(values ?? []).map((each) => each.length)),
            space: 30,
            ...(at === 0 ? {} : { grid: { show: false } }),
            values: (_plot, ticks) => ticks.map((tick) => `${Number(tick.toFixed(4)).toLocaleString("en-US")}${this.tickSymbol(unit)}`),
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
        drawAxes: [(plot) => this.paintBands(plot)],
        draw: [(plot) => this.paintOver(plot)],
        setCursor: [(plot) => this.cursorMoved(plot)],
        setSelect: [(plot) => this.selected(plot)],
      },
    };
  }

  /** Where units have axes of their own, that of a single line has its colour. */
  private axisColour(unit: string): string | undefined {
    if (this.axes.length < 2) return undefined;
    const own = this.lines.flatMap((line, at) => (this.unitOf(line) === unit && line.like === undefined ? [at] : []));
    return own.length === 1 ? this.style(own[0] ?? 0).stroke : undefined;
  }

  private tickSymbol(unit: string): string {
    const symbol = symbolOf(unit, this.page);
    return symbol === "" ? "" : /^[°%]/.test(symbol) ? symbol : `\u202f${symbol}`;
  }

  private series(at: number): uPlot.Series {
    const { stroke, dash } = this.style(at);
    const scale = `y ${this.unitOf(this.lines[at])}`;
    const show = !this.isHidden(at);
    if (this.bars) {
      const paths = uPlot.paths.bars?.({ size: [0.84, 48], align: 1 });
      return { scale, show, stroke, fill: stroke, width: 0, points: { show: false }, ...(paths === undefined ? {} : { paths }) };
    }
    const counted = this.lines[at]?.value !== undefined && this.lines[at]?.mean === undefined;
    const paths = counted ? uPlot.paths.stepped?.({ align: 1 }) : undefined;
    return {
      scale,
      show,
      stroke,
      dash,
      width: this.lines.length > 12 ? 1 : 1.75,
      points: { show: this.aligned.t.length < (this.lines.length > 3 ? 4 : 40), size: 5, fill: stroke },
      ...(paths === undefined ? {} : { paths }),
    };
  }

  private range(unit: string): [number, number] {
    const { min, max, thresholds } = this.options;
    const found = extent(this.aligned, (at) => !this.isHidden(at) && this.unitOf(this.lines[at]) === unit);
    let [low, high] = found ?? [0, 1];
    if (this.bars || this.lines.some((line) => line.value !== undefined)) low = Math.min(0, low);
    // a threshold that lies near is shown, one far off would press the line flat
    for (const { from } of thresholds ?? []) if (from > high && from - high < (high - low) * 0.6) high = from;
    const room = (high - low) * 0.08;
    const decimals = this.decimalsOf(this.lines.find((line) => this.unitOf(line) === unit)) ?? 1;
    const least = 10 * 10 ** -decimals;
    if (high - low < least) {
      const middle = (low + high) / 2;
      [low, high] = this.bars ? [0, Math.max(high, 1)] : [middle - least / 2, middle + least / 2];
    }
    return [min ?? (low === 0 ? 0 : low - room), max ?? high + room];
  }

  private ticks(ticks: number[]): string[] {
    const step = (ticks[1] ?? 0) - (ticks[0] ?? 0);
    const format = new Intl.DateTimeFormat(this.page.language === "zh" ? "zh-CN" : "en-GB", {
      timeZone: this.page.zone,
      hourCycle: "h23",
      ...tickParts(step, this.span.toMs - this.span.fromMs),
    });
    return ticks.map((tick) => format.format(tick));
  }

  /** Least to greatest of each line, under the lines. */
  private paintBands(plot: uPlot): void {
    if (this.bars) return;
    const { ctx } = plot;
    this.clipped(plot, () => {
      ctx.globalAlpha = this.lines.length > 6 ? 0.16 : 0.24;
      this.aligned.lines.forEach((line, at) => {
        if (!line.wide || this.isHidden(at)) return;
        const scale = `y ${this.unitOf(this.lines[at])}`;
        ctx.fillStyle = this.style(at).stroke;
        ctx.strokeStyle = ctx.fillStyle;
        ctx.lineWidth = devicePixelRatio;
        for (const [from, to] of runs(line.min)) {
          ctx.beginPath();
          for (let index = from; index <= to; index += 1) this.corner(plot, line.max[index], index, scale, index === from);
          for (let index = to; index >= from; index -= 1) this.corner(plot, line.min[index], index, scale, false);
          ctx.closePath();
          ctx.fill();
          ctx.stroke(); // a single spike is too narrow to be seen by its area
        }
      });
    });
  }

  private corner(plot: uPlot, value: number | null | undefined, index: number, scale: string, first: boolean): void {
    if (value === null || value === undefined) return;
    const x = plot.valToPos(this.aligned.t[index] ?? 0, "x", true);
    const y = plot.valToPos(value, scale, true);
    if (first) plot.ctx.moveTo(x, y);
    else plot.ctx.lineTo(x, y);
  }

  private clipped(plot: uPlot, work: () => void): void {
    const { ctx, bbox } = plot;
    ctx.save();
    ctx.beginPath();
    ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
    ctx.clip();
    work();
    ctx.restore();
  }

  private paintOver(plot: uPlot): void {
    const { ctx, bbox } = plot;
    const ratio = devicePixelRatio;
    const colours = palette();
    const scale = this.axes[0]?.scale;
    this.marksPlaced = placed(this.desk.marks(), this.span.fromMs, this.span.toMs, (ms) => plot.valToPos(ms, "x"));
    this.clipped(plot, () => {
      ctx.lineWidth = 1.5 * ratio;
      for (const { from, tone } of scale === undefined ? [] : (this.options.thresholds ?? [])) {
        const y = plot.valToPos(from, scale ?? "", true);
        ctx.strokeStyle = colours.tones[tone];
        ctx.setLineDash([8 * ratio, 5 * ratio]);
        ctx.beginPath();
        ctx.moveTo(bbox.left, y);
        ctx.lineTo(bbox.left + bbox.width, y);
        ctx.stroke();
      }
      ctx.setLineDash([]);
      const faint = this.marksPlaced.length > MANY_MARKS;
      for (const { mark, left, right } of this.marksPlaced) paintMark(plot, mark, faint, left * ratio + bbox.left, right * ratio + bbox.left);
    });
  }

  private cursorMoved(plot: uPlot): void {
    if (this.tip.isPinned || plot.cursor.event === undefined || plot.cursor.event === null) return;
    const left = plot.cursor.left ?? -1;
    if (left < 0) return;
    this.desk.point(plot.posToVal(left, "x"), this);
    this.read(plot.cursor.idx);
    this.showTip(plot, left);
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
    const readings = this.readings(index)
      .map((each) => ({ ...each, name: this.lines[each.at]?.name ?? "", stroke: this.style(each.at).stroke, away: Math.abs(plot.valToPos(each.drawn, each.scale) - top) }))
      .sort((one, other) => one.away - other.away);
    this.tip.show(this.aligned.t[index] ?? 0, readings, near(this.marksPlaced, left, REACH_PX), { left: left + plot.over.offsetLeft, top });
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

  private readings(index: number): { at: number; words: string; short: string; drawn: number; scale: string }[] {
    return this.lines.flatMap((line, at) => {
      const plain = this.plain.lines[at];
      const drawn = this.aligned.lines[at];
      if (plain === undefined || drawn === undefined || this.isHidden(at)) return [];
      const place = valueAt(plain, index);
      if (place === undefined) return [];
      const unit = this.unitOf(line);
      const decimals = this.decimalsOf(line);
      const value = plain.value[place] ?? null;
      const [least, greatest] = [plain.min[place] ?? value, plain.max[place] ?? value];
      const short = written(value, unit, decimals, this.page);
      const words =
        least === greatest || least === null || greatest === null
          ? short
          : this.page.t("board.reading", {
              mean: short,
              min: written(least, "", decimals, this.page),
              max: written(greatest, "", decimals, this.page),
            });
      return [{ at, words, short, drawn: drawn.value[place] ?? 0, scale: `y ${unit}` }];
    });
  }

  private writeLegend(): void {
    this.legend.hidden = !this.withLegend || this.lines.length === 0;
    this.legend.replaceChildren(
      ...this.lines.map((line, at) => {
        const key = element("i", { class: "board-key" });
        const { stroke, dash } = this.style(at);
        if (dash.length === 0 || this.bars) key.style.backgroundColor = stroke;
        else key.style.backgroundImage = `repeating-linear-gradient(90deg, ${stroke} 0 4px, transparent 4px 7px)`;
        const button = element(
          "button",
          { type: "button", "aria-pressed": String(!this.isHidden(at)) },
          key,
          element("span", {}, line.name || NOTHING),
          element("b", {}),
        );
        button.addEventListener("click", (event) => this.toggle(at, event.ctrlKey || event.metaKey));
        return element("li", {}, button);
      }),
      ...(this.leftOut > 0 ? [element("li", { class: "soft board-left-out" }, this.page.t("board.left_out", { n: this.leftOut }))] : []),
    );
    this.read(undefined);
  }

  /** Hides or shows one line; with Ctrl all but this one. */
  private toggle(at: number, alone: boolean): void {
    const name = this.lines[at]?.name ?? "";
    if (alone) {
      const others = this.lines.map((line) => line.name).filter((each) => each !== name);
      this.hidden = others.every((each) => this.hidden.has(each)) ? new Set() : new Set(others);
    } else if (!this.hidden.delete(name)) this.hidden.add(name);
    this.redraw();
  }

  /** Writes the values at a place into the legend; without one, the last of each line. */
  private read(index: number | null | undefined): void {
    const keys = this.legend.querySelectorAll("b");
    if (keys.length === 0) return;
    const at = index ?? undefined;
    if (at !== undefined) {
      const found = new Map(this.readings(at).map((each) => [each.at, each.short]));
      keys.forEach((key, line) => say(key, found.get(line) ?? NOTHING));
      return;
    }
    keys.forEach((key, line) => {
      const values = this.plain.lines[line]?.value ?? [];
      let last: number | null | undefined;
      for (const value of values) last = value ?? last;
      say(key, written(last, this.unitOf(this.lines[line]), this.decimalsOf(this.lines[line]), this.page));
    });
  }

  private selected(plot: uPlot): void {
    const { left, width } = plot.select;
    if (width < 6) return;
    const fromMs = plot.posToVal(left, "x");
    const toMs = plot.posToVal(left + width, "x");
    plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
    this.tip.hide();
    if (toMs - fromMs >= 2_000) this.desk.zoom({ fromMs, toMs });
  }

  /** Shift and drag moves the span along under the hand. */
  private pan(plot: uPlot, down: MouseEvent): void {
    const { fromMs, toMs } = this.span;
    const perPx = (toMs - fromMs) / plot.over.clientWidth;
    const moved = (event: MouseEvent): Span => {
      const by = (down.clientX - event.clientX) * perPx;
      return { fromMs: fromMs + by, toMs: toMs + by };
    };
    const move = (event: MouseEvent): void => {
      this.span = moved(event);
      plot.setData(this.columns());
    };
    const up = (event: MouseEvent): void => {
      removeEventListener("mousemove", move);
      removeEventListener("mouseup", up);
      if (Math.abs(down.clientX - event.clientX) > 3) this.desk.zoom(moved(event));
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
    if (this.plot === undefined || this.aligned.t.length === 0) return;
    const now = this.plot.cursor.idx ?? this.aligned.t.length - (by < 0 ? 0 : 1);
    const index = Math.min(Math.max(now + by, 0), this.aligned.t.length - 1);
    const ms = this.aligned.t[index] ?? 0;
    this.plot.setCursor({ left: this.plot.valToPos(ms, "x"), top: 0 }, false);
    this.desk.point(ms, this);
    this.read(index);
    this.showTip(this.plot, this.plot.valToPos(ms, "x"));
    const first = this.readings(index).slice(0, 4);
    say(this.spoken, [this.page.moment(ms), ...first.map(({ at, words }) => `${this.lines[at]?.name ?? ""} ${words}`)].join(", "));
  }
}

/** The step that began before the span is drawn where the span begins, and not out of sight. */
function begunBefore(line: Line, fromMs: number): Line {
  const first = line.t[0];
  const second = line.t[1];
  if (first === undefined || first >= fromMs || (second !== undefined && second <= fromMs)) return line;
  return { ...line, t: [fromMs, ...line.t.slice(1)] };
}
