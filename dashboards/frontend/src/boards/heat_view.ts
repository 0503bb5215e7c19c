// When it happens: the hours of the week, darker where more happens. A real table, so that it can be read out.
import { element } from "../elements";
import { palette } from "./palette";
import { type Answer, called, type Panel } from "./shapes";
import type { Desk, Rows, View } from "./view";

const HOURS = Array.from({ length: 24 }, (_, hour) => hour);
const DAYS = [0, 1, 2, 3, 4, 5, 6];
const SCALE_PX = 24;

export class HeatView implements View {
  private counts = new Map<number, number>();
  private most = 0;
  private readonly wrap = element("div", { class: "board-heat-wrap" });

  constructor(
    box: HTMLElement,
    private readonly desk: Desk,
  ) {
    box.append(this.wrap);
  }

  get isEmpty(): boolean {
    return this.most === 0;
  }

  show(answer: Answer, panel: Panel): void {
    const { t } = this.desk.page;
    this.counts = new Map((answer.cells ?? []).map(([day, hour, count]) => [day * 24 + hour, count]));
    this.most = Math.max(0, ...this.counts.values());
    const head = element(
      "tr",
      {},
      element("th", { scope: "col" }, element("span", { class: "unseen" }, t("board.day"))),
      ...HOURS.map((hour) =>
        element("th", { scope: "col" }, element("span", hour % 3 === 0 ? {} : { class: "unseen" }, String(hour))),
      ),
    );
    const lines = DAYS.map((day) =>
      element("tr", {}, element("th", { scope: "row" }, this.day(day)), ...HOURS.map((hour) => this.cell(day, hour))),
    );
    const caption = element("caption", { class: "unseen" }, `${called(panel.title, this.desk.page.language)}. ${this.summary()}`);
    const scale = element("p", { class: "board-heat-scale small soft" }, "0");
    for (const share of [0.1, 0.3, 0.55, 0.8, 1]) {
      const step = element("i", {});
      step.style.setProperty("--level", String(share));
      scale.append(step);
    }
    scale.append(String(this.most));
    this.wrap.replaceChildren(
      element("table", { class: "board-heat" }, caption, element("thead", {}, head), element("tbody", {}, ...lines)),
      scale,
    );
  }

  summary(): string {
    const worst = [...this.counts].sort((one, other) => other[1] - one[1])[0];
    if (worst === undefined || this.most === 0) return this.desk.page.t("board.empty");
    const day = Math.floor(worst[0] / 24);
    return this.desk.page.t("board.summary_heat", { day: this.day(day), hour: worst[0] % 24, n: worst[1] });
  }

  rows(): Rows {
    return {
      columns: [
        { key: "day", name: this.desk.page.t("board.day"), kind: "text" },
        ...HOURS.map((hour) => ({ key: `h${hour}`, name: String(hour), kind: "number" as const })),
      ],
      rows: DAYS.map((day) => [this.day(day), ...HOURS.map((hour) => this.count(day, hour))]),
    };
  }

  paint(pen: CanvasRenderingContext2D, width: number, height: number): void {
    const { accent, sunk, inkSoft, font } = palette();
    const [left, top] = [44, 18];
    const [wide, tall] = [(width - left) / 24, (height - top - SCALE_PX) / 7];
    pen.font = `11px ${font}`;
    pen.textBaseline = "middle";
    for (const day of DAYS) {
      pen.globalAlpha = 1;
      pen.fillStyle = inkSoft;
      pen.fillText(this.day(day), 2, top + (day + 0.5) * tall, left - 6);
      for (const hour of HOURS) {
        const box = [left + hour * wide + 1, top + day * tall + 1, wide - 2, tall - 2] as const;
        pen.globalAlpha = 1;
        if (day === 0 && hour % 3 === 0) {
          pen.fillStyle = inkSoft;
          pen.fillText(String(hour), box[0], top / 2);
        }
        pen.fillStyle = sunk;
        pen.fillRect(...box);
        pen.globalAlpha = this.level(day, hour);
        pen.fillStyle = accent;
        pen.fillRect(...box);
      }
    }
    pen.globalAlpha = 1;
    this.paintScale(pen, width, height - SCALE_PX / 2, accent, inkSoft);
  }

  /** How much the darkest stands for. */
  private paintScale(pen: CanvasRenderingContext2D, right: number, y: number, accent: string, inkSoft: string): void {
    const most = String(this.most);
    const x = right - pen.measureText(most).width - 6;
    pen.fillStyle = inkSoft;
    pen.fillText(most, x + 4, y);
    pen.fillText("0", x - 5 * 20 - 12, y);
    for (let step = 0; step < 5; step += 1) {
      pen.globalAlpha = 0.1 + (0.9 * (step + 1)) / 5;
      pen.fillStyle = accent;
      pen.fillRect(x - (5 - step) * 20, y - 5, 18, 10);
    }
    pen.globalAlpha = 1;
  }

  close(): void {
    this.wrap.remove();
  }

  private count(day: number, hour: number): number {
    return this.counts.get(day * 24 + hour) ?? 0;
  }

  /** Even one is seen: nothing and little must not look the same. */
  private level(day: number, hour: number): number {
    const count = this.count(day, hour);
    return count === 0 || this.most === 0 ? 0 : 0.1 + 0.9 * (count / this.most);
  }

  private day(day: number): string {
    return this.desk.page.t(`board.day.${day}`);
  }

  private cell(day: number, hour: number): HTMLElement {
    const count = this.count(day, hour);
    const title = this.desk.page.t("board.heat_cell", { day: this.day(day), hour, until: hour + 1, n: count });
    const cell = element("td", { title }, element("span", { class: "unseen" }, String(count)));
    cell.style.setProperty("--level", this.level(day, hour).toFixed(3));
    return cell;
  }
}
