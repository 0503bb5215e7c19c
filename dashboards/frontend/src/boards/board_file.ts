// A board that was downloaded as JSON, taken back into the editor. What it holds is checked in full when it is kept. Pure.
import { type Board, MARK_KINDS, type MarkKind, type Named, type Panel, PANEL_KINDS, type PanelKind, type Variable, VARIABLES, type VariableName } from "./shapes";

type Plain = Readonly<Record<string, unknown>>;

const isPlain = (value: unknown): value is Plain => typeof value === "object" && value !== null && !Array.isArray(value);
const list = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);
const words = (value: unknown): string => (typeof value === "string" ? value : "");

function named(value: unknown): Named {
  return isPlain(value) ? { zh: words(value.zh), en: words(value.en) } : { zh: "", en: "" };
}

function panelOf(value: unknown): Panel | undefined {
  if (!isPlain(value) || typeof value.id !== "string" || !PANEL_KINDS.includes(value.kind as PanelKind)) return undefined;
  const { x, y, w, h, source, options } = value;
  if (![x, y, w, h].every((each) => Number.isInteger(each))) return undefined;
  if (source !== null && source !== undefined && !(isPlain(source) && typeof source.of === "string")) return undefined;
  return { ...value, title: named(value.title), source: source ?? null, options: isPlain(options) ? options : {} } as unknown as Panel;
}

function variableOf(value: unknown): Variable | undefined {
  if (!isPlain(value) || !VARIABLES.includes(value.name as VariableName)) return undefined;
  return { name: value.name as VariableName, multi: value.multi === true, default: list(value.default) as Variable["default"] };
}

/** The board of a file under the key of the board that is edited; undefined where the file holds none. */
export function boardOfFile(text: string, key: string): Board | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (!isPlain(value) || !isPlain(value.name) || !Array.isArray(value.panels)) return undefined;
  const panels = value.panels.map(panelOf);
  const variables = list(value.variables).map(variableOf);
  const annotations = list(value.annotations) as readonly MarkKind[];
  if (panels.some((each) => each === undefined) || variables.some((each) => each === undefined)) return undefined;
  if (new Set(panels.map((each) => each?.id)).size < panels.length || annotations.some((each) => !MARK_KINDS.includes(each))) return undefined;
  const time = isPlain(value.time) ? value.time : {};
  return {
    key,
    name: named(value.name),
    note: named(value.note),
    time: { from: words(time.from) || "-24h", to: words(time.to) || "now" },
    refresh_s: typeof value.refresh_s === "number" ? value.refresh_s : 30,
    variables: variables as Variable[],
    annotations,
    panels: panels as Panel[],
  };
}
