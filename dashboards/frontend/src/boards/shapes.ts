// A board, its panels and the answers to them, as the server writes them. Times are Unix ms.

export type Language = "zh" | "en";
export type Named = Readonly<Record<Language, string>>;

export const PANEL_KINDS = ["time_series", "stat", "table", "bar", "heat_map", "state_timeline", "map", "text"] as const;
export type PanelKind = (typeof PANEL_KINDS)[number];
export const VARIABLES = ["area", "unit", "class", "family", "asset", "device", "cabinet", "kind"] as const;
export type VariableName = (typeof VARIABLES)[number];
export const MARK_KINDS = ["alerts", "cases", "permits"] as const;
export type MarkKind = (typeof MARK_KINDS)[number];
export const TONES = ["good", "notice", "alarm", "critical"] as const;
export type Tone = (typeof TONES)[number];

/** One list of things of the city, or a variable of the board ("$area"). */
export type Chosen = string | readonly (string | number)[];

/** Conditions by name; a value is what it must be, one of several, or a variable of the board ("$area"). */
export type Where = Readonly<Record<string, string | number | boolean | readonly (string | number)[]>>;

export interface SeriesSource {
  readonly of: "series";
  readonly points?: readonly number[];
  readonly point?: string;
  readonly of_assets?: Chosen;
  readonly of_devices?: Chosen;
  readonly of_family?: Chosen;
  readonly of_class?: Chosen;
  readonly where?: Where;
  readonly most?: number;
  readonly show?: Show;
}

/** Of the readings of a slice what is drawn: their mean within their extremes, the mean alone, or the greatest alone. */
export type Show = "range" | "mean" | "max";

export interface CountSource {
  readonly of: "count";
  readonly what: string;
  readonly by?: string | null;
  readonly over?: string | null;
  readonly at?: "opened" | "ended";
  readonly where?: Where;
  readonly limit?: number;
}

export interface OtherSource {
  readonly of: "week_hours" | "list" | "states" | "quality";
  readonly what: string;
  readonly where?: Where;
  readonly order?: string;
  readonly limit?: number;
}

export type Source = SeriesSource | CountSource | OtherSource | { readonly of: "map"; readonly where?: Where };

export interface Threshold {
  readonly from: number;
  readonly tone: Tone;
}

export interface PanelOptions {
  readonly unit?: string | null;
  readonly decimals?: number | null;
  readonly thresholds?: readonly Threshold[];
  readonly stacked?: boolean;
  readonly min?: number | null;
  readonly max?: number | null;
  readonly spark?: boolean;
  readonly text?: Named | null;
  readonly limit?: number | null;
  readonly href?: string;
}

export interface Place {
  readonly x: number;
  readonly y: number;
  readonly w: number;
  readonly h: number;
}

export interface Panel extends Place {
  readonly id: string;
  readonly title: Named;
  readonly kind: PanelKind;
  readonly source: Source | null;
  readonly options: PanelOptions;
}

export interface Variable {
  readonly name: VariableName;
  readonly multi: boolean;
  readonly default: readonly (string | number)[];
}

export interface Board {
  readonly key: string;
  readonly name: Named;
  readonly note: Named;
  readonly time: { readonly from: string; readonly to: string };
  readonly refresh_s: number;
  readonly variables: readonly Variable[];
  readonly annotations: readonly MarkKind[];
  readonly panels: readonly Panel[];
}

/** What each variable is set to; an empty list stands for all there is. */
export type Choices = Readonly<Record<string, readonly string[]>>;

export interface Line {
  readonly name: string;
  readonly unit?: string;
  readonly decimals?: number;
  readonly point_id?: number;
  readonly asset_id?: number | null;
  /** the line that this one is compared with: it has its colour, dashed */
  readonly like?: number;
  readonly t: readonly number[];
  readonly min?: readonly (number | null)[];
  readonly max?: readonly (number | null)[];
  readonly mean?: readonly (number | null)[];
  /** counts over time have one value per moment */
  readonly value?: readonly (number | null)[];
}

export type ColumnKind = "text" | "number" | "time" | "severity" | "stage" | "link";

export interface Column {
  readonly key: string;
  readonly name: string;
  readonly unit?: string;
  readonly kind: ColumnKind;
}

export type Cell = string | number | boolean | null;
/** beginning, end, state */
export type SpanOfState = readonly [number, number, string];

export interface Answer {
  readonly panel: string;
  readonly kind?: string;
  readonly at?: string;
  readonly took_ms?: number;
  readonly from_ms: number;
  readonly to_ms: number;
  readonly problem?: { readonly code: string; readonly text: string };
  readonly series?: readonly Line[];
  /** what is drawn of the curves; none: their range */
  readonly show?: Show;
  /** curves that did not fit */
  readonly left_out?: number;
  /** sum of the bars that did not fit */
  readonly rest?: number;
  readonly value?: number | null;
  readonly unit?: string;
  readonly decimals?: number | null;
  readonly before?: number | null;
  readonly spark?: { readonly t: readonly number[]; readonly value: readonly (number | null)[] } | null;
  readonly href?: string | null;
  readonly columns?: readonly Column[];
  readonly rows?: readonly (readonly Cell[])[] | readonly StateRow[];
  readonly hrefs?: readonly (string | null)[];
  readonly more?: boolean;
  readonly bars?: readonly Bar[];
  readonly cells?: readonly (readonly [number, number, number])[];
  /** what the map is narrowed to; it asks for the rest itself */
  readonly map?: { readonly area?: string; readonly families?: readonly string[] };
}

export interface Bar {
  readonly name: string;
  readonly value: number;
  readonly href?: string | null;
}

export interface StateRow {
  readonly name: string;
  readonly href?: string | null;
  readonly spans: readonly SpanOfState[];
}

/** Something that happened, drawn across the charts. */
export interface Mark {
  readonly of: MarkKind;
  readonly from_ms: number;
  readonly to_ms?: number | null;
  readonly severity?: number | null;
  readonly text: string;
  readonly href?: string | null;
}

export interface Choice {
  readonly value: string | number;
  readonly name: string;
}

/** The rows of a table answer; none for another kind. */
export function tableRows(answer: Answer): readonly (readonly Cell[])[] {
  return answer.columns === undefined ? [] : ((answer.rows ?? []) as readonly (readonly Cell[])[]);
}

/** The rows of a state timeline; none for another kind. */
export function stateRows(answer: Answer): readonly StateRow[] {
  return answer.columns === undefined ? ((answer.rows ?? []) as readonly StateRow[]) : [];
}

/** The name in the language of the page, or in the other one where it was left empty. */
export function called(name: Named, language: Language): string {
  return name[language] || name[language === "zh" ? "en" : "zh"];
}
