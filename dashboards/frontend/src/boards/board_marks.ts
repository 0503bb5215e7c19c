// What happened, across the charts of a board: which kinds are switched on, and what there was.
import { fetchJson } from "../answers";
import { element } from "../elements";
import { type Page, part, say } from "../page";
import type { Question } from "./asking";
import { type MarksAnswer, stillShown } from "./marks";
import { type Board, type Mark, MARK_KINDS, type MarkKind } from "./shapes";

const NONE: MarksAnswer = { marks: [], more: false };

export class BoardMarks {
  private told: MarksAnswer = NONE;
  /** what was chosen above the board when `told` was asked for */
  private toldOf = "";
  private readonly note = element("span", { class: "soft small", role: "status" });
  private kinds: ReadonlySet<MarkKind>;
  private readonly hasCharts: boolean;
  private asked = 0;

  constructor(
    box: HTMLElement,
    board: Pick<Board, "annotations" | "panels">,
    private readonly page: Page,
    private readonly address: string,
    /** what the board shows now */
    private readonly question: () => Pick<Question, "span" | "choices">,
    private readonly onChange: () => void,
  ) {
    this.kinds = new Set(board.annotations);
    this.hasCharts = board.panels.some((panel) => panel.kind === "time_series");
    if (this.hasCharts) part("[data-marks]", box).append(...MARK_KINDS.map((kind) => this.switchOf(kind)), this.note);
  }

  get shown(): readonly Mark[] {
    return this.told.marks;
  }

  async load(): Promise<void> {
    const mine = ++this.asked;
    const of = JSON.stringify(this.question().choices);
    const found = this.hasCharts && this.kinds.size > 0 ? await this.fetched() : NONE;
    if (mine !== this.asked) return;
    const before = JSON.stringify(this.shown);
    this.told = found ?? stillShown(this.told, this.kinds, of === this.toldOf);
    this.toldOf = of;
    const { t } = this.page;
    say(this.note, found === undefined ? t("board.marks_old") : this.told.more ? t("board.marks_more") : "");
    if (JSON.stringify(this.shown) !== before) this.onChange();
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

  /** undefined where no answer came: the curves say what they say without it. */
  private async fetched(): Promise<MarksAnswer | undefined> {
    const { span, choices } = this.question();
    const query = new URLSearchParams({
      from_ms: String(Math.round(span.fromMs)),
      to_ms: String(Math.round(span.toMs)),
      vars: JSON.stringify(choices),
      kinds: [...this.kinds].join(","),
    });
    try {
      return await fetchJson<MarksAnswer>(`${this.address}?${query}`);
    } catch {
      return undefined;
    }
  }
}
