// The fields of a panel's source: what it is of, how it is split, and by what it is narrowed. Choices, never typed code.
// words: state.* source.* stage.*
import { element } from "../elements";
import type { Page } from "../page";
import { Chooser } from "./chooser";
import { asSource, type Selection, selectionOf, SELECTIONS, withCondition } from "./draft";
import { group, number, type Option, pair, select, text } from "./fields";
import type { Board, CountSource, OtherSource, Panel, SeriesSource, Source, VariableName } from "./shapes";
import { VARIABLES } from "./shapes";
import type { Grammar, Wares } from "./wares";

const OVER = ["hour", "day", "week", "month"];
const QUALITY = ["lateness", "gaps", "rejected", "unowned", "unplaced"];
const TIMELINED = ["cabinets", "devices", "alerts"];
const LISTED = ["cases", "alerts", "assets", "devices", "cabinets"];
const ORDERS = ["worst", "newest", "late"];
const SHOWN = ["range", "mean", "max"];
const SELECTED_BY: Readonly<Record<Selection, VariableName>> = {
  of_family: "family",
  of_class: "class",
  of_assets: "asset",
  of_devices: "device",
};
const STATES: Readonly<Record<string, readonly string[]>> = {
  alerts: ["firing", "cleared"],
  assets: ["intact", "damaged", "lost", "abandoned"],
  devices: ["heard", "silent", "suspect"],
  cabinets: ["online", "offline"],
  permits: ["open", "ended", "overrun"],
  scans: ["flagged", "fine"],
};
const STAGES = ["collected", "filed", "dispatched", "in_hand", "handed_back", "verified", "closed", "suspended", "void"];
const CHANNELS = ["sensor", "citizen", "patrol", "hotline", "platform", "above"];

export interface SourceDesk {
  readonly page: Page;
  readonly wares: Wares;
  readonly grammar: Grammar;
  readonly board: Board;
  /** The source as it is now, also when a field made earlier asks. */
  source(): Source;
  /** `field`: what of it is changed; without one other fields belong to it now. */
  change(source: Source, field?: string): void;
}

export function sourceFields(panel: Panel, desk: SourceDesk): HTMLElement[] {
  const { t } = desk.page;
  const { source } = panel;
  if (source === null) return [];
  const shows = desk.grammar.shows[panel.kind] ?? [source.of];
  const fields: HTMLElement[] = [];
  if (shows.length > 1) {
    const options = shows.map((of): Option => [of, t(`board.of.${of}`)]);
    fields.push(select(t("board.source"), options, source.of, (of) => desk.change(asSource(panel, of).source ?? source)));
  }
  if (source.of === "series") fields.push(...seriesFields(source, desk));
  else if (source.of === "count") fields.push(...countFields(source, desk));
  else if (source.of !== "map") fields.push(...otherFields(source, desk));
  fields.push(conditions(source, desk));
  return fields;
}

function seriesFields(source: SeriesSource, desk: SourceDesk): HTMLElement[] {
  const { t } = desk.page;
  const points = desk.grammar.points.map((point): Option => [String(point.value), point.name]);
  if (source.points !== undefined && source.points.length > 0) {
    return [element("p", { class: "hint" }, t("board.points_by_id", { n: source.points.length })), shown(source, desk)];
  }
  const without = (): SeriesSource => {
    const { of_family: _f, of_class: _c, of_assets: _a, of_devices: _d, points: _p, ...rest } = desk.source() as SeriesSource;
    return rest;
  };
  const begin = (name: Selection): void => {
    const variable = SELECTED_BY[name];
    const has = desk.board.variables.some((each) => each.name === variable);
    desk.change({ ...without(), [name]: has ? `$${variable}` : variable === "family" ? ["cover"] : [] });
  };
  const name = selectionOf(source);
  return [
    select(t("board.point"), points, source.point ?? "", (point) => put<SeriesSource>(desk, { point })),
    select(t("board.whose"), SELECTIONS.map((each): Option => [each, t(`board.variable.${SELECTED_BY[each]}`)]), name, (each) => begin(each as Selection)),
    values(SELECTED_BY[name], source[name], desk, (value) => desk.change({ ...without(), [name]: value ?? [] }, name)),
    pair(
      number(t("board.most"), source.most ?? 50, (most) => put<SeriesSource>(desk, { most: most ?? 50 }), { min: 1, max: 50 }),
      shown(source, desk),
    ),
  ];
}

/** One field of the source of now; the fields beside it stay as they are. */
function put<S extends Source>(desk: SourceDesk, change: Partial<S>): void {
  desk.change({ ...desk.source(), ...change } as Source, Object.keys(change).join());
}

function shown(source: SeriesSource, desk: SourceDesk): HTMLElement {
  const { t } = desk.page;
  const options = SHOWN.map((each): Option => [each, t(`board.show.${each}`)]);
  return select(t("board.shown"), options, source.show ?? "range", (show) => put<SeriesSource>(desk, { show: show as "range" }));
}

function countFields(source: CountSource, desk: SourceDesk): HTMLElement[] {
  const { t } = desk.page;
  const { grammar } = desk;
  const things = Object.keys(grammar.splits).map((what): Option => [what, t(`board.counted.${what}`)]);
  const splits: Option[] = [["", t("board.by_nothing")], ...(grammar.splits[source.what] ?? []).map((by): Option => [by, t(`board.by.${by}`)])];
  const happens = grammar.happening === undefined || grammar.happening.includes(source.what);
  const overs: Option[] = [["", t("board.over_nothing")], ...(happens ? OVER.map((over): Option => [over, t(`board.over.${over}`)]) : [])];
  const anew = (what: string): void => {
    const now = desk.source() as CountSource;
    const by = grammar.splits[what]?.includes(now.by ?? "") === true ? now.by : null;
    const over = grammar.happening?.includes(what) === false ? null : now.over;
    desk.change({ ...now, what, by: by ?? null, over: over ?? null, where: kept(now, grammar.conditions[what] ?? []) });
  };
  const fields = [
    select(t("board.counted"), things, source.what, anew),
    pair(
      select(t("board.by"), splits, source.by ?? "", (by) => put<CountSource>(desk, { by: by === "" ? null : by })),
      select(t("board.over"), overs, source.over ?? "", (over) => put<CountSource>(desk, { over: over === "" ? null : over })),
    ),
  ];
  if (source.what === "cases") {
    const moments: Option[] = [["opened", t("board.at.opened")], ["ended", t("board.at.ended")]];
    fields.push(select(t("board.at"), moments, source.at ?? "opened", (at) => put<CountSource>(desk, { at: at as "opened" })));
  }
  return fields;
}

function otherFields(source: OtherSource, desk: SourceDesk): HTMLElement[] {
  const { t } = desk.page;
  const known = { week_hours: ["cases", "alerts", "scans"], list: LISTED, states: TIMELINED, quality: QUALITY }[source.of];
  const prefix = source.of === "quality" ? "board.quality" : "board.counted";
  const words = (what: string): string => (prefix === "board.quality" ? t(`board.quality.${what}`) : t(`board.counted.${what}`));
  const fields = [
    select(t("board.counted"), known.map((what): Option => [what, words(what)]), source.what, (what) => {
      const now = desk.source() as OtherSource;
      desk.change({ ...now, what, where: kept(now, desk.grammar.conditions[what] ?? []) });
    }),
  ];
  const limit = number(t("board.limit"), source.limit ?? 20, (most) => put<OtherSource>(desk, { limit: most ?? 20 }), { min: 1, max: 200 });
  if (source.of === "list") {
    const orders = ORDERS.map((order): Option => [order, t(`board.order.${order}`)]);
    fields.push(pair(select(t("board.order"), orders, source.order ?? "worst", (order) => put<OtherSource>(desk, { order })), limit));
  } else if (source.of === "states" || source.of === "quality") fields.push(limit);
  return fields;
}

/** The conditions that still can narrow it when it becomes of something else. */
function kept(source: Source, known: readonly string[]): Readonly<Record<string, string | number | boolean | readonly (string | number)[]>> {
  return Object.fromEntries(Object.entries(source.where ?? {}).filter(([name]) => known.includes(name)));
}

function conditions(source: Source, desk: SourceDesk): HTMLElement {
  const { t } = desk.page;
  const what = source.of === "series" ? "readings" : source.of === "map" ? "map" : source.what;
  const known = desk.grammar.conditions[what] ?? [];
  const fields = known.map((name) => {
    const value = source.where?.[name];
    const set = (next: string | number | boolean | readonly (string | number)[] | undefined): void =>
      desk.change(withCondition(desk.source(), name, next), `where.${name}`);
    if ((VARIABLES as readonly string[]).includes(name)) return values(name as VariableName, value, desk, set);
    return fixed(name, what, value, desk, set);
  });
  return group(t("board.narrowed"), ...fields);
}

/** A condition with few answers. */
function fixed(
  name: string,
  what: string,
  value: unknown,
  desk: SourceDesk,
  set: (value: string | number | boolean | undefined) => void,
): HTMLElement {
  const { t } = desk.page;
  const label = t(`board.condition.${name}`);
  const any: Option = ["", t("board.any")];
  if (name === "open" || name === "late") {
    const given = value === undefined ? "" : String(value);
    return select(label, [any, ["true", t("board.yes")], ["false", t("board.no")]], given, (next) => set(next === "" ? undefined : next === "true"));
  }
  if (name === "severity") {
    const levels = [3, 2, 1].map((level): Option => [String(level), t(`severity.${level}`)]);
    return select(label, [any, ...levels], value === undefined ? "" : String(value), (next) => set(next === "" ? undefined : Number(next)));
  }
  if (name === "reason") return text(label, value === undefined ? "" : String(value), (next) => set(next.trim() === "" ? undefined : next.trim()));
  const listed = name === "stage" ? STAGES : name === "channel" ? CHANNELS : (STATES[what] ?? []);
  const words = (each: string): string => {
    if (name === "stage") return t(`stage.${each}`);
    if (name === "channel") return t(`source.${each}`);
    return what === "assets" ? t(`state.${each}`) : t(`board.state.${each}`);
  };
  return select(label, [any, ...listed.map((each): Option => [each, words(each)])], value === undefined ? "" : String(value), (next) =>
    set(next === "" ? undefined : next),
  );
}

/** Things of the city: those a variable of the board chooses, or these. */
function values(
  name: VariableName,
  value: unknown,
  desk: SourceDesk,
  set: (value: string | readonly (string | number)[] | undefined) => void,
): HTMLElement {
  const { t } = desk.page;
  const label = t(`board.variable.${name}`);
  const bound = value === `$${name}`;
  const has = bound || desk.board.variables.some((each) => each.name === name);
  const numbers = name === "asset" || name === "device" || name === "unit";
  const onChange = (chosen: readonly string[]): void => set(chosen.length === 0 ? undefined : numbers ? chosen.map(Number) : chosen);
  const chooser = new Chooser({ label, several: true, ...desk.wares.of(name), onChange }, desk.page);
  const given = Array.isArray(value) ? value.map(String) : typeof value === "string" && !bound ? [value] : typeof value === "number" ? [String(value)] : [];
  chooser.set(given);
  chooser.box.hidden = bound;
  const box = element("div", { class: "board-values" }, chooser.box);
  if (has) {
    const follow = element("label", { class: "board-tick" });
    const field = element("input", { type: "checkbox" });
    field.checked = bound;
    field.addEventListener("change", () => {
      chooser.box.hidden = field.checked;
      set(field.checked ? `$${name}` : undefined);
    });
    follow.append(field, element("span", {}, t("board.follow_variable", { name: label })));
    box.append(follow);
  }
  return box;
}
