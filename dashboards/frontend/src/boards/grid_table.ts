// A table of an answer: cells by their kind, sorted by the column that was pressed.
import { cityNow } from "../clock";
import { element, shapeOf } from "../elements";
import { ago } from "../format";
import type { Page } from "../page";
import type { Cell, Column } from "./shapes";
import { spelled, symbolOf } from "./tones";
import type { Rows } from "./view";

const STAGE_TONES: Readonly<Record<string, string>> = {
  collected: "warm",
  filed: "warm",
  dispatched: "cool",
  in_hand: "cool",
  handed_back: "cool",
  verified: "good",
  closed: "good",
};

const CELL_CLASS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  number: { class: "number" },
  text: { class: "board-words" },
  link: { class: "board-words" },
};

export interface Sorting {
  readonly column: number;
  readonly down: boolean;
}

/** Places of the rows in the order of one column; what is missing comes last either way. */
export function sortedPlaces(rows: readonly (readonly Cell[])[], sorting: Sorting | undefined): number[] {
  const places = rows.map((_, at) => at);
  if (sorting === undefined) return places;
  const { column, down } = sorting;
  const missing = (cell: Cell | undefined): boolean => cell === null || cell === undefined || cell === "";
  return places.sort((one, other) => {
    const [a, b] = [rows[one]?.[column], rows[other]?.[column]];
    if (missing(a) || missing(b)) return Number(missing(a)) - Number(missing(b));
    const by = typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b), "zh-CN", { numeric: true });
    return down ? -by : by;
  });
}

export function cellWords(cell: Cell | undefined, column: Column, page: Page): string {
  if (cell === null || cell === undefined || cell === "") return "–";
  if (typeof cell === "boolean") return page.t(cell ? "board.yes" : "board.no");
  if (column.kind === "time") return page.moment(typeof cell === "number" ? cell : Date.parse(cell));
  if (column.kind === "severity") return page.t(`severity.${cell}`);
  if (column.kind === "stage") return page.t(`stage.${cell}`);
  if (typeof cell === "number") {
    return spelled(cell, column.unit, Number.isInteger(cell) ? 0 : Math.abs(cell) < 10 ? 2 : 1, page);
  }
  return cell;
}

function cellOf(cell: Cell | undefined, column: Column, href: string | null | undefined, page: Page): Node {
  const words = cellWords(cell, column, page);
  if (words === "–") return document.createTextNode(words);
  if (column.kind === "severity") return element("span", { class: `severity severity-${cell}`, title: words }, shapeOf(Number(cell)), element("span", { class: "board-severity" }, words));
  if (column.kind === "stage") return element("span", { class: `chip ${STAGE_TONES[String(cell)] ?? ""}` }, words);
  if (column.kind === "time") {
    const ms = typeof cell === "number" ? cell : Date.parse(String(cell));
    // day and hour each stay whole where a narrow panel needs two lines
    const parts = words.split(" ").flatMap((part, at) => (at === 0 ? [element("span", {}, part)] : [" ", element("span", {}, part)]));
    return element("time", { datetime: new Date(ms).toISOString() }, ...parts);
  }
  return href ? element("a", { href }, words) : document.createTextNode(words);
}

/** The table; `onSort` is told which column was pressed. At most `most` rows are written. */
export function tableOf(
  { columns, rows, hrefs }: Rows,
  page: Page,
  sorting: Sorting | undefined,
  onSort: ((sorting: Sorting) => void) | undefined,
  most = 500,
): HTMLElement {
  const linked = columns.findIndex((column) => column.kind === "link");
  const leads = linked >= 0 ? linked : columns.findIndex((column) => column.kind === "text");
  const heads = columns.map((column, at) => {
    const on = sorting?.column === at;
    const symbol = column.unit === "s" ? "" : symbolOf(column.unit, page);
    const name = symbol === "" ? column.name : `${column.name} (${symbol})`;
    const attributes = {
      scope: "col",
      ...(column.kind === "number" ? { class: "number" } : {}),
      ...(on ? { "aria-sort": sorting.down ? "descending" : "ascending" } : {}),
    };
    if (onSort === undefined) return element("th", attributes, name);
    const arrow = element("span", { class: "board-sort", "aria-hidden": "true" }, on ? (sorting.down ? "▼" : "▲") : "");
    const button = element("button", { type: "button" }, name, arrow);
    button.addEventListener("click", () => onSort({ column: at, down: on ? !sorting.down : column.kind !== "text" && column.kind !== "link" }));
    return element("th", attributes, button);
  });
  const lines = sortedPlaces(rows, sorting)
    .slice(0, most)
    .map((place) => {
      const row = rows[place] ?? [];
      const cells = columns.map((column, at) => {
        const href = at === leads ? hrefs?.[place] : undefined;
        // the head says the unit, but of a span of time, which says its own
        const plain: Column = column.kind === "number" && column.unit !== "s" ? { ...column, unit: "" } : column;
        return element("td", CELL_CLASS[column.kind] ?? {}, cellOf(row[at], plain, href, page));
      });
      return element("tr", {}, ...cells);
    });
  const table = element("table", { class: "table board-table" }, element("thead", {}, element("tr", {}, ...heads)), element("tbody", {}, ...lines));
  // said when it is asked for: the table may stand for hours
  table.addEventListener("mouseover", ({ target }) => {
    const time = target instanceof Element ? target.closest("time") : null;
    if (time !== null) time.title = ago(Date.parse(time.dateTime), cityNow(), page.t);
  });
  return table;
}
