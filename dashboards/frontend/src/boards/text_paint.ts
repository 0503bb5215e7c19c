// Words on a picture: a note in the place of what a panel shows, and text panels with their headings, lists and bold words.
import { palette } from "./palette";
import { wordsIn, wrapped } from "./wrap";
import type { Block, Piece } from "./writing";

const LINE_PX = 20;
const BETWEEN_PX = 8;
const INDENT_PX = 20;
/** Kept free at the foot for the dots. */
const DOTS_PX = 12;

interface Word {
  readonly text: string;
  readonly of: Piece["of"];
}

interface Paragraph {
  readonly pieces: readonly Piece[];
  /** what stands before its first line: "1." or a dot */
  readonly lead: string;
  readonly size: number;
  readonly bold: boolean;
}

/** Words in the middle, as many lines as they need. */
export function paintNote(pen: CanvasRenderingContext2D, text: string, width: number, height: number): void {
  const { inkSoft, font } = palette();
  pen.font = `13px ${font}`;
  pen.fillStyle = inkSoft;
  pen.textAlign = "center";
  pen.textBaseline = "middle";
  const words = wordsIn(text).map((each) => ({ text: each }));
  const lines = wrapped(words, width - 24, (word) => pen.measureText(word.text).width);
  const top = height / 2 - ((lines.length - 1) * LINE_PX) / 2;
  lines.forEach((line, at) => pen.fillText(line.map((word) => word.text).join(""), width / 2, top + at * LINE_PX));
  pen.textAlign = "left";
}

/** The blocks from the top; what does not fit is told by three dots. */
export function paintBlocks(pen: CanvasRenderingContext2D, blocks: readonly Block[], width: number, height: number): void {
  const { ink, line } = palette();
  pen.textBaseline = "middle";
  let y = 0;
  for (const block of blocks) {
    if (block.of === "rule") {
      pen.fillStyle = line;
      pen.fillRect(4, y, width - 8, 1);
    } else {
      for (const paragraph of paragraphs(block)) {
        const end = paintParagraph(pen, paragraph, y, width, height);
        if (end === undefined) {
          pen.fillStyle = ink;
          pen.fillText("…", 4, height - DOTS_PX / 2);
          return;
        }
        y = end;
      }
    }
    y += BETWEEN_PX;
  }
}

function paragraphs(block: Exclude<Block, { of: "rule" }>): Paragraph[] {
  if (block.of === "heading") return [{ pieces: block.pieces, lead: "", size: block.level === 3 ? 15 : 14, bold: true }];
  if (block.of === "paragraph") return [{ pieces: block.pieces, lead: "", size: 13, bold: false }];
  return block.items.map((pieces, at) => ({ pieces, lead: block.ordered ? `${at + 1}.` : "•", size: 13, bold: false }));
}

/** Where the next one begins; undefined where the room ended before it did. */
function paintParagraph(pen: CanvasRenderingContext2D, paragraph: Paragraph, top: number, width: number, height: number): number | undefined {
  const { ink, accent, font } = palette();
  const left = 4 + (paragraph.lead === "" ? 0 : INDENT_PX);
  const set = ({ of }: Pick<Word, "of">): void => {
    pen.font = `${paragraph.bold || of === "bold" ? "650 " : ""}${paragraph.size}px ${of === "code" ? "monospace" : font}`;
    pen.fillStyle = of === "link" ? accent : ink;
  };
  const wide = (word: Word): number => {
    set(word);
    return pen.measureText(word.text).width;
  };
  const words = paragraph.pieces.flatMap(({ of, text }) => wordsIn(text).map((word): Word => ({ of, text: word })));
  const lines = wrapped(words, width - left - 4, wide);
  let y = top;
  for (const line of lines) {
    if (y + LINE_PX > height - DOTS_PX) return undefined;
    if (y === top && paragraph.lead !== "") {
      set({ of: "text" });
      pen.fillText(paragraph.lead, 4, y + LINE_PX / 2, INDENT_PX - 4);
    }
    let x = left;
    for (const word of line) {
      const by = wide(word);
      pen.fillText(word.text, x, y + LINE_PX / 2);
      x += by;
    }
    y += LINE_PX;
  }
  return y;
}
