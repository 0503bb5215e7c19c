// Words on a board: what to do, whom to call.
import { element } from "../elements";
import { type Answer, called, type Panel } from "./shapes";
import { paintBlocks } from "./text_paint";
import type { Desk, Rows, View } from "./view";
import { blocks, type Piece } from "./writing";

function written(pieces: readonly Piece[]): (Node | string)[] {
  return pieces.map((piece) => {
    if (piece.of === "bold") return element("strong", {}, piece.text);
    if (piece.of === "code") return element("code", {}, piece.text);
    if (piece.of === "link") return element("a", { href: piece.href, rel: "noopener noreferrer" }, piece.text);
    return piece.text;
  });
}

export class TextView implements View {
  private text = "";

  constructor(
    private readonly box: HTMLElement,
    private readonly desk: Desk,
  ) {}

  get isEmpty(): boolean {
    return this.text.trim() === "";
  }

  show(_answer: Answer | undefined, panel: Panel): void {
    this.text = panel.options.text ? called(panel.options.text, this.desk.page.language) : "";
    const made = blocks(this.text).map((block) => {
      if (block.of === "heading") return element(block.level === 3 ? "h3" : "h4", {}, ...written(block.pieces));
      if (block.of === "paragraph") return element("p", {}, ...written(block.pieces));
      if (block.of === "rule") return element("hr");
      return element(block.ordered ? "ol" : "ul", {}, ...block.items.map((item) => element("li", {}, ...written(item))));
    });
    this.box.replaceChildren(element("div", { class: "board-text board-scroll", tabindex: "0" }, ...made));
  }

  summary(): string {
    return this.text;
  }

  rows(): Rows {
    return { columns: [{ key: "text", name: this.desk.page.t("board.what"), kind: "text" }], rows: this.text.split("\n").map((line) => [line]) };
  }

  paint(pen: CanvasRenderingContext2D, width: number, height: number): void {
    paintBlocks(pen, blocks(this.text), width, height);
  }

  close(): void {
    this.box.replaceChildren();
  }
}
