// What happened, across the charts of a board: which kinds are switched on, and what there was.
import { fetchJson } from "../answers";
import { element } from "../elements";
import { type Page, part } from "../page";
import type { Question } from "./asking";
import { type Board, type Mark, MARK_KINDS, type MarkKind } from "./shapes";

export class BoardMarks {
  shown: readonly Mark[] = [];
  private kinds: ReadonlySet<MarkKind>;
  private readonly hasCharts: boolean;
  private asked = 0;

  constructor(
    box: HTMLElement,
    board: Board,
    private readonly page: Page,
    private readonly address: string,
    /** what the board shows now */
    private readonly question: () => Pick<Question, "span" | "choices">,
    private readonly onChange: () => void,
  ) {
    this.kinds = new Set(board.annotations);
    this.hasCharts = board.panels.some((panel) => panel.kind === "time_series");
    if (this.hasCharts) part("[data-marks]", box).append(...MARK_KINDS.map((kind) => this.switchOf(kind)));
  }

  async load(): Promise<void> {
    const mine = ++this.asked;
    const found = this.hasCharts && this.kinds.size > 0 ? await this.fetched() : [];
    if (mine !== this.asked) return;
    const changed = JSON.stringify(found) !== JSON.stringify(this.shown);
    this.shown = found;
    if (changed) this.onChange();
  }

  private switchOf(kind: MarkKind): HTMLElement {
    const button = element("button", { type: "button", class: "chip board-switch", "aria-pressed": String(this.kinds.has(kind)) }, this.page.t(`board.marks.${kind}`));
    button.addEventListener("click", () => {
      const kinds = new Set(this.kinds);
      if (!kinds.delete(kind)) kinds.add(kind);
      this.kinds = kinds;
      button.setAttribute("aria-pressed", String(kinds.has(kind)));
      void this.load();
    });
    return button;
  }

  private async fetched(): Promise<readonly Mark[]> {
    const { span, choices } = this.question();
    const query = new URLSearchParams({
      from_ms: String(Math.round(span.fromMs)),
      to_ms: String(Math.round(span.toMs)),
      vars: JSON.stringify(choices),
      kinds: [...this.kinds].join(","),
    });
    try {
      return (await fetchJson<{ marks: Mark[] }>(`${this.address}?${query}`)).marks;
    } catch {
      return []; // the curves say what they say without them
    }
  }
}
