// Rows that lead to what they speak of.
import { element } from "../elements";
import { cellWords, type Sorting, sortedPlaces, tableOf } from "./grid_table";
import { palette } from "./palette";
import { type Answer, called, type Panel, tableRows } from "./shapes";
import type { Desk, Rows, View } from "./view";

export class TableView implements View {
  private answer: Answer | undefined;
  private sorting: Sorting | undefined;
  private readonly wrap = element("div", { class: "board-scroll board-rows", tabindex: "0", role: "region" });

  constructor(
    box: HTMLElement,
    private readonly desk: Desk,
  ) {
    box.append(this.wrap);
  }

  get isEmpty(): boolean {
    return this.answer !== undefined && tableRows(this.answer).length === 0;
  }

  show(answer: Answer, panel: Panel): void {
    this.answer = answer;
    this.wrap.setAttribute("aria-label", called(panel.title, this.desk.page.language));
    const made = tableOf(this.rows(), this.desk.page, this.sorting, (sorting) => {
      this.sorting = sorting;
      const column = sorting.column;
      this.show(answer, panel);
      this.wrap.querySelectorAll<HTMLElement>("th button")[column]?.focus();
    });
    const more = answer.more === true ? [element("p", { class: "soft small board-more" }, this.desk.page.t("board.more_rows"))] : [];
    this.wrap.replaceChildren(made, ...more);
  }

  summary(): string {
    return this.desk.page.t("board.summary_rows", { n: this.answer === undefined ? 0 : tableRows(this.answer).length });
  }

  rows(): Rows {
    return { columns: this.answer?.columns ?? [], rows: this.answer === undefined ? [] : tableRows(this.answer), hrefs: this.answer?.hrefs };
  }

  paint(pen: CanvasRenderingContext2D, width: number, height: number): void {
    paintRows(pen, { ...this.rows(), more: this.answer?.more === true }, width, height, this.desk, this.sorting);
  }

  close(): void {
    this.wrap.remove();
  }
}

/** The first rows of a table as a picture, and how many came after them. `more`: there are others that nobody counted. */
export function paintRows(pen: CanvasRenderingContext2D, given: Rows & { readonly more?: boolean }, width: number, height: number, desk: Desk, sorting?: Sorting): void {
  const { ink, inkSoft, line, font } = palette();
  const wide = width / Math.max(given.columns.length, 1);
  const tall = 22;
  pen.textBaseline = "middle";
  pen.textAlign = "left";
  const write = (words: string, column: number, y: number): void => pen.fillText(words, column * wide + 8, y, wide - 14);
  pen.font = `600 12px ${font}`;
  pen.fillStyle = inkSoft;
  given.columns.forEach((column, at) => write(column.name, at, tall / 2));
  pen.font = `12px ${font}`;
  const room = Math.max(0, Math.floor(height / tall) - 1);
  const cut = given.more === true || given.rows.length > room;
  const shown = cut ? Math.max(0, room - 1) : room;
  if (cut) {
    const left = given.rows.length - shown;
    const words = left > 0 ? desk.page.t("board.and_more", { n: left }) : desk.page.t("board.more_rows");
    pen.fillText(words, 8, (Math.min(shown, given.rows.length) + 1.5) * tall, width - 16);
  }
  sortedPlaces(given.rows, sorting)
    .slice(0, shown)
    .forEach((place, at) => {
      const y = (at + 1) * tall;
      pen.fillStyle = line;
      pen.fillRect(0, y, width, 1);
      pen.fillStyle = ink;
      given.columns.forEach((column, each) => write(cellWords(given.rows[place]?.[each], column, desk.page), each, y + tall / 2));
    });
}
