// What every kind of panel can do with an answer.
import type { Page } from "../page";
import type { Answer, Column, Cell, Mark, Panel } from "./shapes";
import type { Span } from "./span";

/** An answer as plain rows: what a screen reader gets and what "as a table" shows. */
export interface Rows {
  readonly columns: readonly Column[];
  readonly rows: readonly (readonly Cell[])[];
  readonly hrefs?: readonly (string | null)[] | undefined;
}

/** What a panel's owner does when somebody acts in it. */
export interface Desk {
  readonly page: Page;
  zoom(span: Span): void;
  back(): void;
  /** Half a span further; -1 or 1. */
  move(by: number): void;
  scale(factor: number): void;
  /** The moment under the pointer, for all panels; undefined when the pointer left. */
  point(ms: number | undefined, from: View): void;
  /** How a state or stage is called and which tone it has. */
  readonly marks: () => readonly Mark[];
}

export interface View {
  show(answer: Answer, panel: Panel): void;
  /** Nothing to show. */
  readonly isEmpty: boolean;
  /** One sentence for those who don't see the picture. */
  summary(): string;
  rows(): Rows;
  point?(ms: number | undefined): void;
  /** Marks have come, or colours have changed. */
  redraw?(): void;
  /** The picture at its size of now. */
  paint(pen: CanvasRenderingContext2D, width: number, height: number): void;
  close?(): void;
}
