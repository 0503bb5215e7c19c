// What a chart of lines shows: the answer's lines on one time axis, with their axes, colours, ranges and words.
import type uPlot from "uplot";
import type { Page } from "../page";
import { type Aligned, align, drawnAs, extent, stacked, valueAt } from "./aligned";
import { lineStyle } from "./palette";
import { type Answer, called, type Cell, type Column, type Line, type Panel, type PanelOptions, type Show } from "./shapes";
import { type Span, tickWords } from "./span";
import { symbolOf, written } from "./tones";
import type { Rows } from "./view";

const BINS = 1200;
const SEVERITIES = [0, 1, 2, 3];
const NO_ANSWER: Answer = { panel: "", from_ms: 0, to_ms: 1 };

interface Axis {
  readonly scale: string;
  readonly unit: string;
}

/** What a line says at a place. `drawn`: where it is drawn there, on `scale`. */
export interface Reading {
  readonly at: number;
  readonly words: string;
  readonly short: string;
  readonly drawn: number;
  readonly scale: string;
}

export class ShownLines {
  readonly lines: readonly Line[];
  readonly aligned: Aligned;
  /** values as they were measured, where `aligned` holds sums of stacked lines */
  readonly plain: Aligned;
  readonly axes: readonly Axis[];
  readonly options: PanelOptions;
  readonly title: string;
  /** how many there were, and no readings */
  readonly counted: boolean;
  readonly bars: boolean;
  readonly leftOut: number;
  readonly show: Show;
  /** what the chart has to be made anew for when it differs */
  readonly shape: string;
  span: Span;

  /** `hidden`: names of the lines that somebody switched off. */
  constructor(
    private readonly page: Page,
    private readonly hidden: ReadonlySet<string>,
    answer: Answer = NO_ANSWER,
    panel?: Panel,
  ) {
    this.options = panel?.options ?? {};
    this.title = panel === undefined ? "" : called(panel.title, page.language);
    this.show = answer.show ?? "range";
    this.lines = (answer.series ?? [])
      .map((line) => drawnAs(line, this.show))
      .map((line) => (line.value === undefined ? line : begunBefore(line, answer.from_ms)))
      .map((line) => (line.name === "" ? { ...line, name: this.title } : line));
    this.span = { fromMs: answer.from_ms, toMs: answer.to_ms };
    this.counted = this.lines.some((line) => line.value !== undefined && line.mean === undefined);
    this.bars = this.counted && (this.lines.length === 1 || this.options.stacked === true || panel?.kind === "bar");
    this.plain = align(this.lines, this.span.fromMs, this.span.toMs, BINS);
    this.aligned = this.bars && this.lines.length > 1 ? stacked(this.plain) : this.plain;
    const units = [...new Set(this.lines.map((line) => this.unitOf(line)))];
    this.axes = units.map((unit) => ({ scale: `y ${unit}`, unit }));
    this.leftOut = answer.left_out ?? 0;
    this.shape = JSON.stringify([this.bars, this.leftOut, this.show, this.lines.map((line) => [line.name, this.unitOf(line)]), Math.min(this.aligned.t.length, 40), this.counted]);
  }

  get isEmpty(): boolean {
    return this.lines.every((line) => line.t.length === 0);
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

  unitOf(line: Line | undefined): string {
    return this.options.unit ?? line?.unit ?? "";
  }

  decimalsOf(line: Line | undefined): number | undefined {
    return this.options.decimals ?? line?.decimals ?? (line?.value === undefined ? undefined : 0);
  }

  private write(value: number | null | undefined, unit: string): string {
    const line = this.lines.find((each) => this.unitOf(each) === unit);
    return written(value, unit, this.decimalsOf(line), this.page);
  }

  /** uPlot's columns: moments, then one per line; stacked ones from the top, so that the lower lie before them. */
  columns(): uPlot.AlignedData {
    const values = this.aligned.lines.map((line) => line.value);
    return [this.aligned.t, ...this.order().map((at) => values[at] ?? [])] as uPlot.AlignedData;
  }

  order(): number[] {
    const all = this.lines.map((_, at) => at);
    return this.bars ? all.reverse() : all;
  }

  style(at: number): { readonly stroke: string; readonly dash: number[] } {
    const { name, like } = this.lines[at] ?? {};
    if (like !== undefined && like >= 0) return { stroke: lineStyle(like).stroke, dash: [4, 4] };
    const severity = SEVERITIES.find((each) => this.page.t(`severity.${each}`) === name);
    return lineStyle(at, severity);
  }

  isHidden(at: number): boolean {
    return this.hidden.has(this.lines[at]?.name ?? "");
  }

  /** Where units have axes of their own, that of a single line has its colour. */
  axisColour(unit: string): string | undefined {
    if (this.axes.length < 2) return undefined;
    const own = this.lines.flatMap((line, at) => (this.unitOf(line) === unit && line.like === undefined ? [at] : []));
    return own.length === 1 ? this.style(own[0] ?? 0).stroke : undefined;
  }

  tickSymbol(unit: string): string {
    const symbol = symbolOf(unit, this.page);
    return symbol === "" ? "" : /^[°%]/.test(symbol) ? symbol : `\u202f${symbol}`;
  }

  range(unit: string): [number, number] {
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

  ticks(ticks: number[]): string[] {
    return tickWords(ticks, this.span.toMs - this.span.fromMs, this.page.zone, this.page.language);
  }

  readings(index: number): Reading[] {
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

  /** The last value of a line, in words. */
  lastWords(at: number): string {
    const line = this.lines[at];
    let last: number | null | undefined;
    for (const value of this.plain.lines[at]?.value ?? []) last = value ?? last;
    return written(last, this.unitOf(line), this.decimalsOf(line), this.page);
  }
}

/** The step that began before the span is drawn where the span begins, and not out of sight. */
function begunBefore(line: Line, fromMs: number): Line {
  const first = line.t[0];
  const second = line.t[1];
  if (first === undefined || first >= fromMs || (second !== undefined && second <= fromMs)) return line;
  return { ...line, t: [fromMs, ...line.t.slice(1)] };
}
