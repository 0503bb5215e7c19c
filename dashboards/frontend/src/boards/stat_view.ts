// One number, as large as its panel allows, with its tone, the span before beside it and its course below.
import { element, shapeOf } from "../elements";
import { palette } from "./palette";
import { type Answer, called, type Panel, type PanelOptions } from "./shapes";
import { change, SHAPE_OF, spelled, toneOf, unitOf } from "./tones";
import type { Desk, Rows, View } from "./view";

export class StatView implements View {
  private answer: Answer | undefined;
  private options: PanelOptions = {};
  private title = "";
  private readonly spark = element("canvas", { class: "board-spark", "aria-hidden": "true" });
  private readonly watching = new ResizeObserver(() => this.drawSpark());

  constructor(
    private readonly box: HTMLElement,
    private readonly desk: Desk,
  ) {
    this.watching.observe(box);
  }

  readonly isEmpty = false;

  show(answer: Answer, panel: Panel): void {
    this.answer = answer;
    this.options = panel.options;
    this.title = called(panel.title, this.desk.page.language);
    const tone = toneOf(answer.value, panel.options.thresholds);
    const number = element("span", { class: "board-stat-number" }, this.words(answer.value));
    const inside = [
      element("span", { class: "board-stat-line" }, ...(tone === undefined ? [] : [shapeOf(SHAPE_OF[tone])]), number),
      element("span", { class: "board-stat-before" }, this.compared(answer)),
    ];
    const href = answer.href || panel.options.href;
    const whole = href
      ? element("a", { class: "board-stat", href }, ...inside)
      : element("div", { class: "board-stat" }, ...inside);
    whole.dataset.tone = tone ?? "";
    const length = number.textContent?.length ?? 1;
    number.dataset.long = length > 9 ? "2" : length > 6 ? "1" : "0";
    this.box.replaceChildren(whole, this.spark);
    this.drawSpark();
  }

  redraw(): void {
    this.drawSpark();
  }

  summary(): string {
    return `${this.words(this.answer?.value)} ${this.answer === undefined ? "" : this.compared(this.answer)}`.trim();
  }

  rows(): Rows {
    const { t } = this.desk.page;
    const unit = unitOf(this.options, this.answer?.unit);
    const columns = [
      { key: "what", name: t("board.what"), kind: "text" as const },
      { key: "value", name: t("board.value"), kind: "number" as const, ...(unit === undefined ? {} : { unit }) },
    ];
    const before = this.answer?.before;
    const rows = [[this.title, this.answer?.value ?? null], ...(before === null || before === undefined ? [] : [[t("board.before"), before]])];
    return { columns, rows, hrefs: [this.answer?.href ?? null] };
  }

  paint(pen: CanvasRenderingContext2D, width: number, height: number): void {
    const colours = palette();
    if (!this.spark.hidden && this.spark.width > 0) pen.drawImage(this.spark, 0, height * 0.6, width, height * 0.4);
    pen.textAlign = "center";
    pen.textBaseline = "middle";
    const tone = toneOf(this.answer?.value, this.options.thresholds);
    pen.fillStyle = tone === undefined ? colours.ink : colours.tones[tone];
    pen.font = `600 ${Math.round(Math.min(height * 0.34, width * 0.16))}px ${colours.font}`;
    pen.fillText(this.words(this.answer?.value), width / 2, height * 0.38, width - 16);
    pen.fillStyle = colours.inkSoft;
    pen.font = `12px ${colours.font}`;
    if (this.answer !== undefined) pen.fillText(this.compared(this.answer), width / 2, height * 0.66, width - 16);
  }

  close(): void {
    this.watching.disconnect();
    this.box.replaceChildren();
  }

  private words(value: number | null | undefined): string {
    return spelled(value, unitOf(this.options, this.answer?.unit), this.options.decimals ?? this.answer?.decimals, this.desk.page);
  }

  private compared(answer: Answer): string {
    const { t } = this.desk.page;
    if (answer.before === null || answer.before === undefined) return "";
    const by = change(answer.value, answer.before);
    if (answer.before === answer.value) return t("board.as_before");
    const before = this.words(answer.before);
    if (by === undefined) return t("board.before_was", { before });
    const share = `${by > 0 ? "+" : "−"}${Math.abs(by * 100) < 9.95 ? Math.abs(by * 100).toFixed(1) : Math.round(Math.abs(by * 100))}`;
    return t("board.against_before", { share, before });
  }

  private drawSpark(): void {
    const spark = this.answer?.spark;
    const values = (spark?.value ?? []).map((value) => value ?? null);
    this.spark.hidden = spark === null || spark === undefined || values.filter((value) => value !== null).length < 2;
    if (this.spark.hidden || spark === null || spark === undefined) return;
    const [width, height] = [this.box.clientWidth, this.spark.clientHeight];
    const ratio = devicePixelRatio;
    this.spark.width = width * ratio;
    this.spark.height = height * ratio;
    const pen = this.spark.getContext("2d");
    if (pen === null || width === 0) return;
    const given = values.filter((value): value is number => value !== null);
    const [low, high] = [Math.min(0, ...given), Math.max(...given, 1e-9)];
    const [first, last] = [spark.t[0] ?? 0, spark.t[spark.t.length - 1] ?? 1];
    const x = (ms: number): number => ((ms - first) / Math.max(last - first, 1)) * width * ratio;
    const y = (value: number): number => (height - 2 - ((value - low) / Math.max(high - low, 1e-9)) * (height - 6)) * ratio;
    pen.lineJoin = "round";
    const path = new Path2D();
    values.forEach((value, at) => path.lineTo(x(spark.t[at] ?? 0), y(value ?? 0)));
    const area = new Path2D(path);
    area.lineTo(width * ratio, height * ratio);
    area.lineTo(0, height * ratio);
    area.closePath();
    pen.fillStyle = palette().accent;
    pen.globalAlpha = 0.14;
    pen.fill(area);
    pen.globalAlpha = 1;
    pen.strokeStyle = palette().accent;
    pen.lineWidth = 1.5 * ratio;
    pen.stroke(path);
  }
}
