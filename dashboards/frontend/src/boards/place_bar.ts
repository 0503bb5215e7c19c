// Moves and sizes a panel by buttons and numbers: where there is no grid to drag on, and for whoever can't drag.
import { element } from "../elements";
import { say } from "../page";
import { group, number, pair } from "./fields";
import { COLUMNS, inStack, moved, pastNeighbour, sameLayout } from "./layout";
import { isStacked, type PlacingDesk } from "./placing";
import type { Panel, Place } from "./shapes";

const SVG = "http://www.w3.org/2000/svg";
/** How tall a row of the grid is beside a column, on a usual screen. */
const ROW = 0.7;

interface Step {
  readonly word: string;
  readonly sign: string;
  /** where all panels stand after it; `stacked`: they are read one below the other */
  readonly to: (from: Panel, panels: readonly Panel[], stacked: boolean) => readonly Panel[];
}

function rowwise(by: -1 | 1): Step["to"] {
  return ({ id }, panels, stacked) => (stacked ? inStack(panels, id, by) : moved(panels, id, pastNeighbour(panels, id, by)));
}

function changed(name: keyof Place, by: number): Step["to"] {
  return (from, panels) => moved(panels, from.id, { ...from, [name]: from[name] + by });
}

const STEPS: readonly Step[] = [
  { word: "up", sign: "↑", to: rowwise(-1) },
  { word: "down", sign: "↓", to: rowwise(1) },
  { word: "left", sign: "←", to: changed("x", -1) },
  { word: "right", sign: "→", to: changed("x", 1) },
  { word: "narrower", sign: "↔−", to: changed("w", -1) },
  { word: "wider", sign: "↔+", to: changed("w", 1) },
  { word: "lower", sign: "↕−", to: changed("h", -1) },
  { word: "taller", sign: "↕+", to: changed("h", 1) },
];
const NUMBERS = ["x", "y", "w", "h"] as const;

export class PlaceBar {
  readonly box: HTMLElement;
  private readonly plan = document.createElementNS(SVG, "svg");
  private readonly said = element("p", { class: "small soft", "aria-live": "polite" });
  private readonly buttons: ReadonlyMap<Step, HTMLElement>;
  private readonly numbers: ReadonlyMap<keyof Place, HTMLElement>;

  constructor(
    private readonly id: string,
    private readonly desk: PlacingDesk,
    /** goes to the panel's other fields, which a small screen has far below */
    onFields: () => void,
  ) {
    const { t } = desk.page;
    this.plan.setAttribute("class", "board-plan");
    this.plan.setAttribute("aria-hidden", "true"); // the panels themselves are there to be chosen
    this.buttons = new Map(STEPS.map((step) => [step, this.button(step)]));
    this.numbers = new Map(NUMBERS.map((name) => [name, this.number(name)]));
    const fields = element("button", { type: "button", class: "button quiet board-place-fields" }, t("board.place_fields"));
    fields.addEventListener("click", onFields);
    const [x, y, w, h] = [...this.numbers.values()] as [HTMLElement, HTMLElement, HTMLElement, HTMLElement];
    this.box = group(
      t("board.place"),
      element("div", { class: "board-place" }, element("div", { class: "board-place-seen" }, this.plan, this.said, fields), element("div", { class: "board-place-steps", role: "group", "aria-label": t("board.place") }, ...this.buttons.values())),
      pair(x, y),
      pair(w, h),
    );
    this.show();
  }

  /** Where the panel stands now. */
  show(): void {
    const panel = this.desk.panel(this.id);
    if (panel === undefined) return;
    const { panels, page } = this.desk;
    for (const [step, button] of this.buttons) {
      button.setAttribute("aria-disabled", String(sameLayout(panels, step.to(panel, panels, isStacked()))));
    }
    for (const [name, field] of this.numbers) {
      const input = field.querySelector("input");
      if (input !== null && input !== document.activeElement) input.value = String(panel[name]);
    }
    say(this.said, page.t("board.place_said", { w: panel.w, h: panel.h }));
    this.drawPlan(panels);
  }

  private button(step: Step): HTMLElement {
    const words = this.desk.page.t(`board.place_${step.word}`);
    const button = element("button", { type: "button", class: "button", "aria-label": words, title: words }, step.sign);
    button.addEventListener("click", () => {
      const panel = this.desk.panel(this.id);
      if (panel !== undefined) this.desk.putPanels(step.to(panel, this.desk.panels, isStacked()), this.id, "steps");
    });
    return button;
  }

  private number(name: keyof Place): HTMLElement {
    const value = this.desk.panel(this.id)?.[name];
    return number(this.desk.page.t(`board.place_${name}`), value, (given) => {
      const now = this.desk.panel(this.id);
      if (given !== undefined && now !== undefined) this.desk.putPlace(this.id, { ...now, [name]: given }, name);
    }, { min: 0, max: 500 });
  }

  /** All panels as small squares: a screen that stacks them shows no rows and columns otherwise. */
  private drawPlan(panels: readonly Panel[]): void {
    const rows = Math.max(1, ...panels.map((panel) => panel.y + panel.h));
    this.plan.setAttribute("viewBox", `0 0 ${COLUMNS} ${rows * ROW}`);
    this.plan.replaceChildren(
      ...panels.map((panel) => {
        const made = document.createElementNS(SVG, "rect");
        const place = { x: panel.x + 0.15, y: panel.y * ROW + 0.15, width: panel.w - 0.3, height: panel.h * ROW - 0.3, rx: 0.4 };
        for (const [name, value] of Object.entries(place)) made.setAttribute(name, String(value));
        made.classList.toggle("board-plan-chosen", panel.id === this.id);
        made.addEventListener("click", () => this.desk.choose(panel.id));
        return made;
      }),
    );
  }
}
