// A label template as data: finding its parts, reading and changing their properties, moving them about. No page here.

export type Json = string | number | boolean | null | readonly Json[] | { readonly [name: string]: Json };
export type Template = { readonly [name: string]: Json };

export interface Box {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** One thing on a label that can be chosen; `path` leads to it in the template ("" is the label itself). */
export interface LabelPart {
  readonly path: string;
  readonly kind: PartKind;
}

export type PartKind = "label" | "qr" | "text" | "arc" | "line" | "box" | "logo" | "hole" | "sheet" | "roll";
export type Editor = "number" | "text" | "select" | "colour" | "check";

/** One property of a part: where it is kept below the part, and how it is edited. */
export interface Property {
  readonly name: string;
  readonly editor: Editor;
  readonly unit?: string;
  readonly step?: number;
  readonly options?: readonly string[];
}

const mm = (name: string, step = 0.1): Property => ({ name, editor: "number", unit: "mm", step });
const choice = (name: string, options: readonly string[]): Property => ({ name, editor: "select", options });
const colour = (name: string): Property => ({ name, editor: "colour" });
const words = (name: string): Property => ({ name, editor: "text" });

const FIELDS = ["name", "code", "token", "road", "owner", "maintainer", "phone", "city", "text"] as const;
const SAID: readonly Property[] = [
  choice("field", FIELDS),
  words("text"),
  words("prefix"),
  choice("language", ["zh", "en"]),
  choice("weight", ["regular", "bold"]),
  colour("colour"),
];
const BOXED: readonly Property[] = [mm("x_mm"), mm("y_mm"), mm("width_mm"), mm("height_mm")];

export const PROPERTIES: Readonly<Record<PartKind, readonly Property[]>> = {
  label: [
    words("name_zh"),
    words("name_en"),
    mm("width_mm", 0.5),
    mm("height_mm", 0.5),
    choice("shape", ["rect", "rounded", "round"]),
    mm("corner_mm", 0.5),
    mm("bleed_mm", 0.5),
    colour("ground"),
    { name: "engraving", editor: "check" },
    choice("error_level", ["L", "M", "Q", "H"]),
    { name: "qr_version", editor: "number", step: 1 },
    { name: "quiet_modules", editor: "number", step: 1 },
  ],
  qr: [mm("x_mm"), mm("y_mm"), mm("side_mm", 0.5)],
  text: [
    ...SAID,
    choice("align", ["left", "center", "right"]),
    mm("x_mm"),
    mm("y_mm"),
    mm("width_mm", 0.5),
    mm("size_mm"),
    mm("least_mm"),
    mm("spacing_mm", 0.05),
  ],
  arc: [
    ...SAID,
    choice("at", ["top", "bottom"]),
    mm("radius_mm"),
    { name: "span_deg", editor: "number", unit: "°", step: 5 },
    mm("size_mm"),
    mm("least_mm"),
    mm("spacing_mm", 0.05),
  ],
  line: [mm("x1_mm"), mm("y1_mm"), mm("x2_mm"), mm("y2_mm"), mm("stroke_mm", 0.05), colour("colour")],
  box: [...BOXED, mm("corner_mm"), colour("fill"), colour("stroke"), mm("stroke_mm", 0.05)],
  logo: [...BOXED, colour("colour")],
  hole: [mm("x_mm"), mm("y_mm"), mm("diameter_mm")],
  sheet: [
    choice("page", ["A3", "A4", "A5", "letter"]),
    { name: "columns", editor: "number", step: 1 },
    { name: "rows", editor: "number", step: 1 },
    mm("left_mm", 0.5),
    mm("top_mm", 0.5),
    mm("pitch_x_mm", 0.5),
    mm("pitch_y_mm", 0.5),
    { name: "cut_marks", editor: "check" },
  ],
  roll: [{ name: "dpi", editor: "number", unit: "dpi", step: 1 }, mm("gap_mm", 0.5)],
};

/** The value at a dotted path; undefined where nothing is. */
export function valueAt(template: Json | undefined, path: string): Json | undefined {
  let found: Json | undefined = template;
  for (const step of steps(path)) {
    if (found === null || typeof found !== "object") return undefined;
    found = (found as { readonly [name: string]: Json })[step];
  }
  return found;
}

/** A copy with another value at `path`; undefined takes away what is there. Only what lies on the path is copied. */
export function withValue(template: Template, path: string, value: Json | undefined): Template {
  return replaced(template, steps(path), value) as Template;
}

function replaced(at: Json | undefined, path: readonly string[], value: Json | undefined): Json | undefined {
  const [step, ...rest] = path;
  if (step === undefined) return value;
  if (Array.isArray(at)) {
    const index = Number(step);
    const items = at as readonly Json[];
    const inner = replaced(items[index], rest, value);
    if (inner === undefined) return items.filter((_, each) => each !== index);
    return items.map((item, each) => (each === index ? inner : item));
  }
  const kept = { ...(at as { readonly [name: string]: Json }) };
  const inner = replaced(kept[step], rest, value);
  if (inner === undefined) delete (kept as Record<string, Json>)[step];
  else (kept as Record<string, Json>)[step] = inner;
  return kept;
}

function steps(path: string): string[] {
  return path === "" ? [] : path.split(".");
}

function list(template: Template, name: string): readonly Template[] {
  const found = template[name];
  return Array.isArray(found) ? (found as readonly Template[]) : [];
}

/** Everything on the label, the label itself first, then the symbol, then what is drawn, in the order it is drawn. */
export function partsOf(template: Template): LabelPart[] {
  const parts: LabelPart[] = [
    { path: "", kind: "label" },
    { path: "qr", kind: "qr" },
  ];
  list(template, "elements").forEach((element, index) => {
    parts.push({ path: `elements.${index}`, kind: element.type as PartKind });
  });
  list(template, "holes").forEach((_, index) => parts.push({ path: `holes.${index}`, kind: "hole" }));
  if (template.sheet) parts.push({ path: "sheet", kind: "sheet" });
  if (template.roll) parts.push({ path: "roll", kind: "roll" });
  return parts;
}

/** The part at `path`; the label itself when it is gone. */
export function partAt(template: Template, path: string): LabelPart {
  return partsOf(template).find((part) => part.path === path) ?? { path: "", kind: "label" };
}

function number(template: Template, path: string, name: string): number {
  const found = valueAt(template, path === "" ? name : `${path}.${name}`);
  return typeof found === "number" ? found : 0;
}

/** How round the corners of the label's picture are, as shares of its sides; nothing where they are not. */
export function cornersOf(template: Template): string {
  if (template.shape === "round") return "50%";
  const [corner, wide, high] = ["corner_mm", "width_mm", "height_mm"].map((name) => number(template, "", name));
  if (template.shape !== "rounded" || !corner || !wide || !high) return "";
  return `${(100 * corner) / wide}% / ${(100 * corner) / high}%`;
}

/** Where a part stands, in mm; undefined for what has no place of its own. */
export function boxOf(template: Template, part: LabelPart): Box | undefined {
  const of = (name: string): number => number(template, part.path, name);
  switch (part.kind) {
    case "qr":
      return { x: of("x_mm"), y: of("y_mm"), width: of("side_mm"), height: of("side_mm") };
    case "text":
      return { x: of("x_mm"), y: of("y_mm"), width: of("width_mm"), height: of("size_mm") };
    case "box":
    case "logo":
      return { x: of("x_mm"), y: of("y_mm"), width: of("width_mm"), height: of("height_mm") };
    case "line": {
      const [left, right] = [Math.min(of("x1_mm"), of("x2_mm")), Math.max(of("x1_mm"), of("x2_mm"))];
      const [top, bottom] = [Math.min(of("y1_mm"), of("y2_mm")), Math.max(of("y1_mm"), of("y2_mm"))];
      return { x: left, y: top - 0.5, width: Math.max(right - left, 1), height: Math.max(bottom - top, 1) };
    }
    case "hole": {
      const side = of("diameter_mm");
      return { x: of("x_mm") - side / 2, y: of("y_mm") - side / 2, width: side, height: side };
    }
    case "arc":
      return arcBox(template, part);
    default:
      return undefined;
  }
}

/** The middle of the letters' arc, as wide as the arc's chord: enough to take hold of it. */
function arcBox(template: Template, part: LabelPart): Box {
  const of = (name: string): number => number(template, part.path, name);
  const middle = { x: number(template, "", "width_mm") / 2, y: number(template, "", "height_mm") / 2 };
  const half = Math.sin((Math.min(of("span_deg"), 180) * Math.PI) / 360) * of("radius_mm");
  const top = valueAt(template, `${part.path}.at`) !== "bottom";
  const y = top ? middle.y - of("radius_mm") - of("size_mm") : middle.y + of("radius_mm") - of("size_mm");
  return { x: middle.x - half, y, width: 2 * half, height: of("size_mm") };
}

const round = (value: number): number => Math.round(value * 100) / 100;

/** A copy in which a part stands elsewhere. Letters on an arc only come nearer to the middle or go farther out. */
export function moved(template: Template, part: LabelPart, right: number, down: number): Template {
  const shift = (current: Template, name: string, by: number): Template =>
    withValue(current, `${part.path}.${name}`, round(number(current, part.path, name) + by));
  switch (part.kind) {
    case "qr":
    case "text":
    case "box":
    case "logo":
    case "hole":
      return shift(shift(template, "x_mm", right), "y_mm", down);
    case "line":
      return shift(shift(shift(shift(template, "x1_mm", right), "x2_mm", right), "y1_mm", down), "y2_mm", down);
    case "arc":
      return shift(template, "radius_mm", valueAt(template, `${part.path}.at`) === "bottom" ? down : -down);
    default:
      return template;
  }
}

/** A copy in which a part is wider and higher by as much; the symbol and holes stay as wide as high. */
export function resized(template: Template, part: LabelPart, wider: number, higher: number): Template {
  const grow = (current: Template, name: string, by: number, least: number): Template =>
    withValue(current, `${part.path}.${name}`, Math.max(least, round(number(current, part.path, name) + by)));
  const larger = Math.abs(wider) > Math.abs(higher) ? wider : higher;
  switch (part.kind) {
    case "qr":
      return grow(template, "side_mm", larger, 5);
    case "hole":
      return grow(template, "diameter_mm", larger, 0.5);
    case "text":
      return grow(grow(template, "width_mm", wider, 1), "size_mm", higher, 1);
    case "arc":
      return grow(template, "size_mm", higher === 0 ? wider : higher, 1);
    case "box":
    case "logo":
      return grow(grow(template, "width_mm", wider, 0.5), "height_mm", higher, 0.5);
    case "line":
      return grow(grow(template, "x2_mm", wider, 0), "y2_mm", higher, 0);
    default:
      return template;
  }
}

/** A copy with one part more, and the path of the new part. */
export function withPart(template: Template, kind: PartKind): { template: Template; path: string } {
  const wide = number(template, "", "width_mm");
  const high = number(template, "", "height_mm");
  if (kind === "sheet") {
    const sheet = { page: "A4", columns: 3, rows: 8, left_mm: 0, top_mm: 0, pitch_x_mm: wide, pitch_y_mm: high };
    return { template: withValue(template, "sheet", sheet), path: "sheet" };
  }
  if (kind === "roll") return { template: withValue(template, "roll", { dpi: 203, gap_mm: 2 }), path: "roll" };
  if (kind === "hole") {
    const holes = [...list(template, "holes"), { x_mm: wide / 2, y_mm: 4, diameter_mm: 4 }];
    return { template: withValue(template, "holes", holes), path: `holes.${holes.length - 1}` };
  }
  const elements = [...list(template, "elements"), newElement(kind, wide, high)];
  return { template: withValue(template, "elements", elements), path: `elements.${elements.length - 1}` };
}

function newElement(kind: PartKind, wide: number, high: number): Template {
  const ink = "#16202c";
  switch (kind) {
    case "arc":
      return { type: kind, field: "name", radius_mm: round(Math.min(wide, high) / 2 - 5), size_mm: 3.5, colour: ink };
    case "line":
      return { type: kind, x1_mm: 2, y1_mm: 2, x2_mm: wide - 2, y2_mm: 2, stroke_mm: 0.3, colour: ink };
    case "box":
      return { type: kind, x_mm: 2, y_mm: 2, width_mm: wide - 4, height_mm: 6, fill: "", stroke: ink, stroke_mm: 0.3 };
    case "logo":
      return { type: kind, x_mm: 2, y_mm: 2, width_mm: 10, height_mm: 10, colour: ink };
    default:
      return { type: "text", field: "text", text: "CoverCode", x_mm: 2, y_mm: 2, width_mm: wide - 4, size_mm: 3, colour: ink };
  }
}

/** A copy without a part. The label and its symbol can't be taken away. */
export function withoutPart(template: Template, part: LabelPart): Template {
  return part.kind === "label" || part.kind === "qr" ? template : withValue(template, part.path, undefined);
}

/** A copy in which an element is drawn one step earlier (-1) or later (1), and where it is now. */
export function reordered(template: Template, part: LabelPart, by: -1 | 1): { template: Template; path: string } {
  const [name, place] = part.path.split(".");
  const from = Number(place);
  if (name !== "elements") return { template, path: part.path };
  const elements = [...list(template, name)];
  const [taken, other] = [elements[from], elements[from + by]];
  if (taken === undefined || other === undefined) return { template, path: part.path };
  elements[from] = other;
  elements[from + by] = taken;
  return { template: withValue(template, name, elements), path: `${name}.${from + by}` };
}

/** The part that a problem of the server speaks of (`elements[2].size_mm`), and its property. */
export function placeOfProblem(template: Template, field: string): { part: LabelPart; property: string } {
  const path = field.replace(/\[(\d+)\]/g, ".$1");
  const parts = partsOf(template).filter((part) => part.path !== "" && (path === part.path || path.startsWith(`${part.path}.`)));
  const part = parts[0] ?? { path: "", kind: "label" as const };
  return { part, property: path.slice(part.path === "" ? 0 : part.path.length + 1) };
}

/** What was done, so that it can be undone. */
export class Course {
  private readonly before: Template[] = [];
  private readonly after: Template[] = [];
  private mark = "";

  constructor(private current: Template) {}

  get template(): Template {
    return this.current;
  }

  get canUndo(): boolean {
    return this.before.length > 0;
  }

  get canRedo(): boolean {
    return this.after.length > 0;
  }

  /** Goes on with `next`. Changes with the same `mark` one after the other (a drag, typing) count as one. */
  change(next: Template, mark = ""): void {
    if (next === this.current) return;
    if (mark === "" || mark !== this.mark) {
      this.before.push(this.current);
      if (this.before.length > 200) this.before.shift();
    }
    this.mark = mark;
    this.after.length = 0;
    this.current = next;
  }

  undo(): void {
    const last = this.before.pop();
    if (last === undefined) return;
    this.after.push(this.current);
    this.current = last;
    this.mark = "";
  }

  redo(): void {
    const next = this.after.pop();
    if (next === undefined) return;
    this.before.push(this.current);
    this.current = next;
    this.mark = "";
  }
}
