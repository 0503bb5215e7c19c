// What a page shows as a file for a spreadsheet, in the shape of the files that the server writes. Pure.
import type { Cell, Column } from "./shapes";
import type { Rows } from "./view";

/** A mark that tells spreadsheets the encoding. */
const BOM = "\ufeff";
/** What a spreadsheet would run as a formula. */
const RUN = /^[=+\-@\t\r]/;

/** `moment`: a time (Unix ms) on the city's clock. `head`: what stands above a column. */
export function csvOf({ columns, rows }: Rows, moment: (ms: number) => string, head: (column: Column) => string): string {
  const words = (cell: Cell | undefined, column: Column): string => {
    if (cell === null || cell === undefined) return "";
    if (column.kind === "time") return moment(typeof cell === "number" ? cell : Date.parse(String(cell)));
    return typeof cell === "string" && RUN.test(cell) ? `'${cell}` : String(cell);
  };
  const lines = [columns.map((column) => words(head(column), { ...column, kind: "text" })), ...rows.map((row) => columns.map((column, at) => words(row[at], column)))];
  return BOM + lines.map((line) => `${line.map(quoted).join(",")}\r\n`).join("");
}

function quoted(text: string): string {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
