// The card beside the pointer: what the lines say there, and what happened then.
import { element, shapeOf } from "../elements";
import type { Page } from "../page";
import type { Mark } from "./shapes";

const LINES_SHOWN = 8;
const MARKS_SHOWN = 4;

export interface TipLine {
  readonly at: number;
  readonly name: string;
  readonly words: string;
  readonly stroke: string;
}

export class LinesTip {
  private readonly card = element("div", { class: "board-tip", hidden: "" });
  private onUnpin: (() => void) | undefined;
  private readonly elsewhere = (event: Event): void => {
    if (this.isPinned && !(event.target instanceof Node && this.box.contains(event.target))) this.unpin();
  };

  constructor(
    private readonly box: HTMLElement,
    private readonly page: Page,
  ) {
    box.append(this.card);
    document.addEventListener("click", this.elsewhere);
  }

  close(): void {
    document.removeEventListener("click", this.elsewhere);
  }

  get isPinned(): boolean {
    return this.onUnpin !== undefined;
  }

  /** `lines`: nearest to the pointer first; the card tells those, in their usual order. */
  show(ms: number, lines: readonly TipLine[], marks: readonly Mark[], at: { readonly left: number; readonly top: number }): void {
    if (lines.length === 0 && marks.length === 0) {
      this.hide();
      return;
    }
    const shown = lines.slice(0, LINES_SHOWN).sort((one, other) => one.at - other.at);
    const rest = lines.length - shown.length;
    this.card.replaceChildren(
      element("strong", {}, this.page.moment(ms)),
      ...shown.map(({ name, words, stroke }) => {
        const key = element("i", { class: "board-key" });
        key.style.backgroundColor = stroke;
        return element("span", {}, key, element("span", {}, name), element("b", {}, words));
      }),
      ...(rest > 0 ? [element("span", { class: "soft" }, this.page.t("board.and_more", { n: rest }))] : []),
      ...marks.slice(0, MARKS_SHOWN).map((mark) => this.markLine(mark)),
    );
    this.card.hidden = false;
    const wide = this.card.offsetWidth;
    const left = at.left + 14 + wide > this.box.clientWidth ? at.left - wide - 14 : at.left + 14;
    this.card.style.left = `${Math.max(0, left)}px`;
    this.card.style.top = `${Math.max(0, Math.min(at.top, this.box.clientHeight - this.card.offsetHeight - 4))}px`;
  }

  hide(): void {
    this.card.hidden = true;
  }

  pin(onUnpin: () => void): void {
    this.onUnpin = onUnpin;
    this.card.dataset.pinned = "";
  }

  unpin(): void {
    const tell = this.onUnpin;
    this.onUnpin = undefined;
    delete this.card.dataset.pinned;
    this.hide();
    tell?.();
  }

  private markLine(mark: Mark): HTMLElement {
    const { t, moment } = this.page;
    const words = `${t(`board.mark.${mark.of}`)} · ${mark.text}`;
    const what = mark.href ? element("a", { href: mark.href }, words) : element("span", {}, words);
    const until = mark.to_ms ? ` – ${moment(mark.to_ms)}` : "";
    const when = element("small", { class: "soft" }, moment(mark.from_ms) + until);
    return element("span", { class: "board-tip-mark" }, shapeOf(mark.severity ?? 1), element("span", {}, what, when));
  }
}
