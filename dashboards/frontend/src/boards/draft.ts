// A board while it is edited: pure changes, one value after the other.
import { freePlace, settle } from "./layout";
import { type Board, type Panel, type PanelKind, type PanelOptions, type SeriesSource, type Source, type VariableName } from "./shapes";

const SIZES: Readonly<Record<PanelKind, readonly [number, number]>> = {
  time_series: [12, 8],
  stat: [6, 4],
  table: [12, 8],
  bar: [8, 8],
  heat_map: [12, 8],
  state_timeline: [12, 8],
  map: [12, 10],
  text: [8, 4],
};

/** What a panel shows at first: something that is there in every city. */
const BEGUN: Readonly<Record<PanelKind, Source | null>> = {
  time_series: { of: "count", what: "alerts", by: "severity", over: "hour" },
  stat: { of: "count", what: "cases", where: { open: true } },
  table: { of: "list", what: "cases", where: { open: true }, order: "worst", limit: 20 },
  bar: { of: "count", what: "cases", by: "stage", where: { open: true } },
  heat_map: { of: "week_hours", what: "alerts" },
  state_timeline: { of: "states", what: "cabinets", limit: 20 },
  map: { of: "map" },
  text: null,
};

function newId(board: Board, kind: string): string {
  const taken = new Set(board.panels.map((panel) => panel.id));
  for (let number = 1; ; number += 1) {
    const id = `${kind.replaceAll("_", "-")}-${number}`;
    if (!taken.has(id)) return id;
  }
}

/** A panel of that kind in the first room there is. */
export function withPanel(board: Board, kind: PanelKind): { board: Board; id: string } {
  const [w, h] = SIZES[kind];
  const id = newId(board, kind);
  const options: PanelOptions = kind === "text" ? { text: { zh: "", en: "" } } : kind === "time_series" ? { stacked: true } : kind === "stat" ? { spark: true } : {};
  const panel: Panel = { id, title: { zh: "", en: "" }, kind, ...freePlace(board.panels, w, h), source: BEGUN[kind], options };
  return { board: { ...board, panels: settle([...board.panels, panel]) }, id };
}

export function withCopy(board: Board, id: string): { board: Board; id: string } {
  const found = board.panels.find((panel) => panel.id === id);
  if (found === undefined) return { board, id };
  const copy: Panel = { ...found, id: newId(board, found.kind), ...freePlace(board.panels, found.w, found.h) };
  return { board: { ...board, panels: settle([...board.panels, copy]) }, id: copy.id };
}

export function withoutPanel(board: Board, id: string): Board {
  return { ...board, panels: settle(board.panels.filter((panel) => panel.id !== id)) };
}

export function withChange(board: Board, id: string, change: (panel: Panel) => Panel): Board {
  return { ...board, panels: board.panels.map((panel) => (panel.id === id ? change(panel) : panel)) };
}

/** Another kind of the same panel; its source stays where it fits. */
export function asKind(panel: Panel, kind: PanelKind, shows: readonly string[]): Panel {
  const fits = panel.source !== null && shows.includes(panel.source.of);
  return { ...panel, kind, source: fits ? panel.source : BEGUN[kind] };
}

/** Another sort of source of the same panel. */
export function asSource(panel: Panel, of: string): Panel {
  const made: Readonly<Record<string, Source>> = {
    series: { of: "series", point: "tilt_z", of_family: ["cover"], most: 20, show: "range" },
    count: BEGUN[panel.kind]?.of === "count" ? (BEGUN[panel.kind] as Source) : { of: "count", what: "cases", by: "stage" },
    week_hours: { of: "week_hours", what: "alerts" },
    list: { of: "list", what: "cases", order: "worst", limit: 20 },
    states: { of: "states", what: "cabinets", limit: 20 },
    quality: { of: "quality", what: "lateness" },
    map: { of: "map" },
  };
  return { ...panel, source: made[of] ?? panel.source };
}

export const SELECTIONS = ["of_family", "of_class", "of_assets", "of_devices"] as const;
export type Selection = (typeof SELECTIONS)[number];

/** By what the points of readings are selected; a selection that was just begun holds nothing yet. */
export function selectionOf(source: SeriesSource): Selection {
  const begun = SELECTIONS.filter((each) => source[each] !== undefined);
  return begun.find((each) => (source[each]?.length ?? 0) > 0) ?? begun[0] ?? "of_family";
}

/** The source with one condition more, changed, or (undefined) gone. */
export function withCondition(source: Source, name: string, value: string | number | boolean | readonly (string | number)[] | undefined): Source {
  const { [name]: _gone, ...rest } = source.where ?? {};
  const where = value === undefined ? rest : { ...rest, [name]: value };
  return { ...source, where } as Source;
}

/** Options without what was left empty: what is not said is as usual. */
export function withOption<K extends keyof PanelOptions>(options: PanelOptions, name: K, value: PanelOptions[K] | undefined): PanelOptions {
  const { [name]: _gone, ...rest } = options;
  const empty = value === undefined || value === null || value === "" || value === false || (Array.isArray(value) && value.length === 0);
  return empty ? rest : { ...rest, [name]: value };
}

/** Variables that some source names, so that none of them is taken off the board by mistake. */
export function namedVariables(board: Board): Set<VariableName> {
  const said = JSON.stringify(board.panels.map((panel) => panel.source));
  return new Set(Array.from(said.matchAll(/"\$([a-z]+)"/g), ([, name]) => name as VariableName));
}
