// How many of what: one bar a line, longest first as the server sorts them, each leading to its list.
import { element } from "../elements";
import { palette } from "./palette";
import { type Answer, type Bar, called, type Panel, type PanelOptions } from "./shapes";
import { spelled, toneOf, unitOf } from "./tones";
import type { Desk, Rows, View } from "./view";

/** A bar on a picture is no lower than its words. */
const BAR_PX = 18;

export class BarsView implements View {
  private bars: readonly Bar[] = [];
  private options: PanelOptions = {};
  private unit: string | undefined;
  /** sum of the bars that the server left out */
  private rest = 0;
  private readonly list = element("ol", { class: "board-bars board-scroll", tabindex: "0" });

  constructor(
    box: HTMLElement,
    private readonly desk: Desk,
  ) {
    box.append(this.list);
  }

  get isEmpty(): boolean {
    return this.bars.length === 0;
  }

  show(answer: Answer, panel: Panel): void {
    this.bars = answer.bars ?? [];
    this.rest = answer.rest ?? 0;
    this.options = panel.options;
    this.unit = unitOf(panel.options, answer.unit);
    this.list.setAttribute("aria-label", called(panel.title, this.desk.page.language));
    const most = this.most();
    this.list.replaceChildren(
      ...this.bars.map((bar) => {
        const fill = element("span", { class: "board-fill", "aria-hidden": "true" });
        fill.style.setProperty("--share", String(Math.max(0, bar.value) / most));
        fill.toggleAttribute("data-none", bar.value <= 0);
        fill.dataset.tone = toneOf(bar.value, panel.options.thresholds) ?? "";
        const inside = [element("span", { class: "board-fill-name" }, bar.name || "–"), fill, element("b", {}, this.words(bar.value))];
        return element("li", {}, bar.href ? element("a", { href: bar.href }, ...inside) : element("span", {}, ...inside));
      }),
      ...(this.rest === 0 ? [] : [element("li", { class: "soft small board-more" }, this.desk.page.t("board.rest", { n: this.words(this.rest) }))]),
    );
  }

  summary(): string {
    return this.desk.page.t("board.summary_rows", { n: this.bars.length });
  }

  rows(): Rows {
    const { t } = this.desk.page;
    return {
      columns: [
        { key: "name", name: t("board.what"), kind: "link" },
        { key: "value", name: t("board.value"), kind: "number", ...(this.unit === undefined ? {} : { unit: this.unit }) },
      ],
      rows: this.bars.map((bar) => [bar.name, bar.value]),
      hrefs: this.bars.map((bar) => bar.href ?? null),
    };
  }

  paint(pen: CanvasRenderingContext2D, width: number, height: number): void {
    const { ink, inkSoft, accent, sunk, tones, font } = palette();
    const below = this.rest === 0 ? 0 : BAR_PX;
    const tall = Math.max(BAR_PX, Math.min(28, (height - below) / Math.max(this.bars.length, 1)));
    const room = Math.floor((height - below) / tall);
    const shown = this.bars.slice(0, this.bars.length > room ? Math.max(0, room - 1) : room);
    const [left, right] = [width * 0.32, width * 0.82];
    pen.font = `12px ${font}`;
    pen.textBaseline = "middle";
    shown.forEach((bar, at) => {
      const y = at * tall;
      const tone = toneOf(bar.value, this.options.thresholds);
      pen.fillStyle = sunk;
      pen.fillRect(left, y + tall * 0.2, right - left, tall * 0.6);
      pen.fillStyle = tone === undefined ? accent : tones[tone];
      pen.fillRect(left, y + tall * 0.2, (right - left) * (Math.max(0, bar.value) / this.most()), tall * 0.6);
      pen.fillStyle = ink;
      pen.fillText(bar.name, 4, y + tall / 2, left - 12);
      pen.fillText(this.words(bar.value), right + 8, y + tall / 2, width - right - 10);
    });
    const { t } = this.desk.page;
    const unseen = this.bars.length - shown.length;
    const notes = [...(unseen > 0 ? [t("board.and_more", { n: unseen })] : []), ...(this.rest === 0 ? [] : [t("board.rest", { n: this.words(this.rest) })])];
    pen.fillStyle = inkSoft;
    notes.forEach((words, at) => pen.fillText(words, 4, shown.length * tall + (at + 0.5) * BAR_PX, width - 8));
  }

  close(): void {
    this.list.remove();
  }

  private most(): number {
    return this.options.max ?? Math.max(...this.bars.map((bar) => bar.value), 1e-9);
  }

  private words(value: number): string {
    return spelled(value, this.unit, this.options.decimals, this.desk.page);
  }
}
