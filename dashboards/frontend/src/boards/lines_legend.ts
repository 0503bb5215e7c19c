// The lines below a chart by name, with their values under the crosshair; a press hides one.
import { element } from "../elements";
import { type Page, say } from "../page";
import type { ShownLines } from "./lines_shown";

const NOTHING = "–";

export class LinesLegend {
  readonly list = element("ul", { class: "board-legend" });

  /** `onToggle` is told which line was pressed, and whether all but this one are meant. */
  constructor(
    private readonly page: Page,
    private readonly onToggle: (at: number, alone: boolean) => void,
  ) {}

  write(shown: ShownLines): void {
    this.list.hidden = shown.lines.length === 0;
    this.list.replaceChildren(
      ...(shown.show === "range" ? [] : [element("li", { class: "soft board-left-out" }, this.page.t(`board.show.${shown.show}`))]),
      ...shown.lines.map((line, at) => {
        const key = element("i", { class: "board-key" });
        const { stroke, dash } = shown.style(at);
        if (dash.length === 0 || shown.bars) key.style.backgroundColor = stroke;
        else key.style.backgroundImage = `repeating-linear-gradient(90deg, ${stroke} 0 4px, transparent 4px 7px)`;
        const button = element(
          "button",
          { type: "button", "aria-pressed": String(!shown.isHidden(at)) },
          key,
          element("span", {}, line.name || NOTHING),
          element("b", {}),
        );
        button.addEventListener("click", (event) => this.onToggle(at, event.ctrlKey || event.metaKey));
        return element("li", {}, button);
      }),
      ...(shown.leftOut > 0 ? [element("li", { class: "soft board-left-out" }, this.page.t("board.left_out", { n: shown.leftOut }))] : []),
    );
    this.read(shown, undefined);
  }

  /** Writes the values at a place; without one, the last of each line. */
  read(shown: ShownLines, index: number | null | undefined): void {
    const keys = this.list.querySelectorAll("b");
    if (keys.length === 0) return;
    if (index === null || index === undefined) {
      keys.forEach((key, at) => say(key, shown.lastWords(at)));
      return;
    }
    const found = new Map(shown.readings(index).map((each) => [each.at, each.short]));
    keys.forEach((key, at) => say(key, found.get(at) ?? NOTHING));
  }
}
