// The chart of one point: mean as a line, least to greatest as a band, alerts behind it, drag to look closer.
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import type { SeriesAnswer } from "./answers";
import { tickWords } from "./boards/span";
import { type Curve, stripes, valueRange, withGaps } from "./curve";
import { element } from "./elements";
import { quantity } from "./format";
import { type Page, say } from "./page";
import { colour } from "./theme";

export interface Quantity {
  readonly name: string;
  readonly symbol: string;
  readonly decimals: number;
}

const FILLS = ["", "notice-fill", "alarm-fill", "critical-fill"];

export class Chart {
  private plot: uPlot | undefined;
  private answer: SeriesAnswer | undefined;
  private curve: Curve = [[], [], [], []];
  private quantity: Quantity = { name: "", symbol: "", decimals: 2 };
  private note: HTMLElement | undefined;
  /** Values at which a rule fires and clears, drawn across. */
  lines: { readonly fire: readonly number[]; readonly clear: readonly number[] } = { fire: [], clear: [] };

  constructor(
    private readonly box: HTMLElement,
    private readonly readout: HTMLElement,
    private readonly page: Page,
    private readonly onZoom: (sinceMs: number, untilMs: number) => void,
  ) {
    new ResizeObserver(() => {
      if (this.plot !== undefined && this.box.clientWidth > 0) this.plot.setSize(this.size());
    }).observe(box);
  }

  show(quantityShown: Quantity, answer: SeriesAnswer): void {
    const sameQuantity = quantityShown.name === this.quantity.name;
    this.quantity = quantityShown;
    this.answer = answer;
    this.curve = withGaps(answer.data);
    this.tell(this.curve[0].length === 0 ? this.page.t("chart.none") : "");
    if (this.plot === undefined || !sameQuantity) this.draw();
    else this.plot.setData(this.curve);
    this.read(this.plot?.cursor.idx);
  }

  /** A message in place of the curve; none when empty. */
  tell(text: string): void {
    this.note?.remove();
    if (text === "") return;
    this.note = element("p", { class: "chart-message" }, text);
    this.box.append(this.note);
  }

  /** Draws anew, in the colours of now. */
  draw(): void {
    this.plot?.destroy();
    this.plot = new uPlot(this.options(), this.curve, this.box);
  }

  private size(): { width: number; height: number } {
    return { width: Math.max(this.box.clientWidth, 120), height: Math.max(this.box.clientHeight, 160) };
  }

  private options(): uPlot.Options {
    const line = colour("accent");
    const band = colour("accent-band");
    const axis: uPlot.Axis = {
      stroke: colour("ink-soft"),
      grid: { stroke: colour("line"), width: 1 },
      ticks: { stroke: colour("line"), width: 1 },
      font: `12px ${getComputedStyle(this.box).fontFamily}`,
    };
    const edge = { stroke: "transparent", width: 0, points: { show: false } };
    return {
      ...this.size(),
      ms: 1,
      tzDate: (ms) => uPlot.tzDate(new Date(ms), this.page.zone),
      legend: { show: false },
      scales: {
        x: { range: () => [this.answer?.since_ms ?? 0, this.answer?.until_ms ?? 1] },
        y: { range: (_plot, least, greatest) => this.range(least, greatest) },
      },
      series: [
        {},
        { stroke: line, width: 2, points: { show: this.curve[0].length < 40, size: 5, fill: line } },
        edge,
        edge,
      ],
      bands: [{ series: [3, 2], fill: band }],
      axes: [
        { ...axis, space: 80, values: (_plot, ticks) => this.ticks(ticks) },
        { ...axis, size: 58, values: (_plot, ticks) => ticks.map((tick) => String(Number(tick.toFixed(3)))) },
      ],
      cursor: { drag: { x: true, y: false, setScale: false }, points: { size: 9, fill: line } },
      hooks: {
        drawClear: [(plot) => this.paintAlerts(plot)],
        draw: [(plot) => this.paintLines(plot)],
        setCursor: [(plot) => this.read(plot.cursor.idx)],
        setSelect: [(plot) => this.zoom(plot)],
      },
    };
  }

  private range(least: number | null, greatest: number | null): [number, number] {
    const low = this.curve[2].reduce<number | null>((so, at) => (at !== null && (so === null || at < so) ? at : so), least);
    const high = this.curve[3].reduce<number | null>(
      (so, at) => (at !== null && (so === null || at > so) ? at : so),
      greatest,
    );
    return low === null || high === null ? [0, 1] : valueRange(low, high, this.quantity.decimals);
  }

  private ticks(ticks: number[]): string[] {
    const { since_ms = 0, until_ms = 1 } = this.answer ?? {};
    return tickWords(ticks, until_ms - since_ms, this.page.zone, this.page.language);
  }

  private paintAlerts(plot: uPlot): void {
    if (this.answer === undefined) return;
    const { ctx, bbox } = plot;
    ctx.save();
    ctx.beginPath();
    ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
    ctx.clip();
    const strip = 6 * devicePixelRatio;
    for (const stripe of stripes(this.answer.bands, this.answer.since_ms, this.answer.until_ms)) {
      const left = plot.valToPos(stripe.from, "x", true);
      const width = Math.max(plot.valToPos(stripe.until, "x", true) - left, 3 * devicePixelRatio);
      ctx.fillStyle = colour(FILLS[stripe.severity] ?? "notice-fill");
      ctx.globalAlpha = 0.16;
      ctx.fillRect(left, bbox.top, width, bbox.height);
      ctx.globalAlpha = 1;
      ctx.fillRect(left, bbox.top, width, strip);
    }
    ctx.restore();
  }

  private paintLines(plot: uPlot): void {
    const { ctx, bbox } = plot;
    ctx.save();
    ctx.lineWidth = devicePixelRatio;
    for (const [name, dash] of [
      ["fire", []],
      ["clear", [6, 4]],
    ] as const) {
      ctx.strokeStyle = colour(name === "fire" ? "critical" : "ink-soft");
      ctx.setLineDash(dash.map((length) => length * devicePixelRatio));
      for (const value of this.lines[name]) {
        const y = plot.valToPos(value, "y", true);
        if (y < bbox.top || y > bbox.top + bbox.height) continue;
        ctx.beginPath();
        ctx.moveTo(bbox.left, y);
        ctx.lineTo(bbox.left + bbox.width, y);
        ctx.stroke();
      }
    }
    ctx.restore();
  }

  private read(index: number | null | undefined): void {
    const at = index ?? this.curve[0].length - 1;
    const time = this.curve[0][at];
    const mean = this.curve[1][at];
    if (time === undefined || mean === undefined || mean === null) {
      say(this.readout, "\u00a0");
      return;
    }
    const { symbol, decimals } = this.quantity;
    const words = (value: number | null | undefined): string => quantity(value, decimals, symbol);
    const least = this.curve[2][at];
    const greatest = this.curve[3][at];
    const values = { time: this.page.moment(time), mean: words(mean), min: words(least), max: words(greatest) };
    say(this.readout, this.page.t(least === greatest ? "chart.readout_one" : "chart.readout", values));
  }

  private zoom(plot: uPlot): void {
    const { left, width } = plot.select;
    const since = Math.round(plot.posToVal(left, "x"));
    const until = Math.round(plot.posToVal(left + width, "x"));
    plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
    if (width >= 8 && until - since >= 2_000) this.onZoom(since, until);
  }
}
