// Beside the grid of the editor: the fields of the board, or of the panel that is chosen.
import { element } from "../elements";
import type { Page } from "../page";
import { asKind, namedVariables, withChange, withCopy, withoutPanel } from "./draft";
import { group, type Option, pair, select, text, tick } from "./fields";
import { optionFields } from "./option_fields";
import type { PlaceBar } from "./place_bar";
import { Chooser } from "./chooser";
import { type Board, MARK_KINDS, type Panel, PANEL_KINDS, type PanelOptions, type Source, type Variable, VARIABLES } from "./shapes";
import { sourceFields } from "./source_fields";
import { fieldOf, isLive, lengthWords, QUICK, spanNow, spanWords } from "./span";
import type { Grammar, Wares } from "./wares";

const EVERY_S = [0, 10, 30, 60, 300] as const;
/** Stands in the list for a span that is not among the usual ones. */
const OWN_SPAN = "own";
/** Values of these are numbers. */
const NUMBERED: ReadonlySet<string> = new Set(["asset", "device", "unit"]);

/** What the fields ask of their editor. */
export interface FieldsDesk {
  readonly page: Page;
  readonly wares: Wares;
  readonly grammar: Grammar;
  /** as it is now, also when a field made earlier asks */
  readonly board: Board;
  /** changes of one `kind` in a row are undone as one */
  keep(board: Board, kind?: string): void;
  choose(id: string): void;
  /** Writes the fields anew. */
  showSide(): void;
}

export function boardFields(desk: FieldsDesk): HTMLElement[] {
  const { board } = desk;
  const { t } = desk.page;
  const set = (change: Partial<Board>, kind?: string): void => desk.keep({ ...desk.board, ...change }, kind);
  const spans: Option[] = [...QUICK].map((length): Option => [length, t("board.last", { span: lengthWords(length, t) })]);
  const { time } = board;
  const isQuick = isLive(time) && spans.some(([length]) => length === time.from);
  // a span that was chosen elsewhere stays until another is chosen here
  if (!isQuick) spans.unshift([OWN_SPAN, spanWords(time, spanNow(time), t, (ms) => fieldOf(ms, desk.page.zone).replace("T", " "))]);
  const every: Option[] = EVERY_S.map((seconds): Option => [String(seconds), seconds === 0 ? t("board.refresh_never") : seconds < 60 ? t("board.length.s", { n: seconds }) : t("board.length.min", { n: seconds / 60 })]);
  return [
    element("h2", {}, t("board.settings")),
    text(t("board.name_zh"), board.name.zh, (zh) => set({ name: { ...desk.board.name, zh } }, "name.zh")),
    text(t("board.name_en"), board.name.en, (en) => set({ name: { ...desk.board.name, en } }, "name.en")),
    text(t("board.note_zh"), board.note.zh, (zh) => set({ note: { ...desk.board.note, zh } }, "note.zh"), { most: 400 }),
    text(t("board.note_en"), board.note.en, (en) => set({ note: { ...desk.board.note, en } }, "note.en"), { most: 400 }),
    pair(
      select(t("board.span"), spans, isQuick ? time.from : OWN_SPAN, (from) => set({ time: from === OWN_SPAN ? time : { from, to: "now" } })),
      select(t("board.refresh_every"), every, String(board.refresh_s), (seconds) => set({ refresh_s: Number(seconds) })),
    ),
    variables(desk, set),
    group(
      t("board.annotations"),
      ...MARK_KINDS.map((kind) =>
        tick(t(`board.marks.${kind}`), board.annotations.includes(kind), (on) => {
          const rest = desk.board.annotations.filter((each) => each !== kind);
          set({ annotations: on ? [...rest, kind] : rest });
        }),
      ),
    ),
  ];
}

type Set = (change: Partial<Board>, kind?: string) => void;

function variables(desk: FieldsDesk, set: Set): HTMLElement {
  const { t } = desk.page;
  const named = namedVariables(desk.board);
  const ticks = VARIABLES.flatMap((name) => {
    const own = desk.board.variables.find((each) => each.name === name);
    const has = own !== undefined;
    const made = tick(t(`board.variable.${name}`), has, (on) => {
      const rest = desk.board.variables.filter((each) => each.name !== name);
      set({ variables: on ? [...rest, { name, multi: true, default: [] }] : rest });
      desk.showSide();
    });
    // a variable that a panel names can't go before the panel lets go of it
    const field = made.querySelector("input");
    if (field !== null && has && named.has(name)) field.disabled = true;
    return own === undefined ? [made] : [made, beginning(own, desk, set)];
  });
  return group(t("board.variables"), element("p", { class: "hint" }, t("board.variables_hint")), ...ticks);
}

/** What a variable is set to when the board is opened, and whether it takes several values. */
function beginning(variable: Variable, desk: FieldsDesk, set: Set): HTMLElement {
  const { t } = desk.page;
  const { name, multi } = variable;
  const label = t(`board.variable.${name}`);
  const put = (change: Partial<Variable>, kind?: string): void =>
    set({ variables: desk.board.variables.map((each) => (each.name === name ? { ...each, ...change } : each)) }, kind);
  const onChange = (chosen: readonly string[]): void => put({ default: NUMBERED.has(name) ? chosen.map(Number) : chosen }, `default ${name}`);
  const chooser = new Chooser({ label: t("board.variable_default"), several: multi, ...desk.wares.of(name), onChange }, desk.page);
  chooser.set(variable.default.map(String));
  const several = tick(t("board.variable_several"), multi, (on) => {
    const now = desk.board.variables.find((each) => each.name === name)?.default ?? [];
    put({ multi: on, default: on ? now : now.slice(0, 1) });
    desk.showSide();
  });
  return element("div", { class: "board-values board-variable", role: "group", "aria-label": label }, chooser.box, several);
}

export function panelFields(panel: Panel, place: PlaceBar, desk: FieldsDesk): HTMLElement[] {
  const { t } = desk.page;
  const { id } = panel;
  const change = (next: (panel: Panel) => Panel, kind?: string, again = false): void => {
    desk.keep(withChange(desk.board, id, next), kind === undefined ? undefined : `${id} ${kind}`);
    if (again) desk.showSide();
  };
  const kinds = PANEL_KINDS.map((kind): Option => [kind, t(`board.kind.${kind}`)]);
  const act = (words: string, look: string, work: () => void): HTMLElement => {
    const button = element("button", { type: "button", class: `button ${look}` }, words);
    button.addEventListener("click", work);
    return button;
  };
  const copy = (): void => {
    const made = withCopy(desk.board, id);
    desk.keep(made.board);
    desk.choose(made.id);
  };
  // only the fields of a source ask
  const source = (): Source => (desk.board.panels.find((each) => each.id === id)?.source ?? panel.source) as Source;
  const changeSource = (next: Source, field?: string): void =>
    change((now) => ({ ...now, source: next }), field === undefined ? undefined : `source.${field}`, field === undefined);
  const changeOptions = (next: (now: PanelOptions) => PanelOptions, field?: string): void =>
    change((now) => ({ ...now, options: next(now.options) }), field === undefined ? undefined : `options.${field}`, field === undefined);
  return [
    element("h2", {}, t("board.panel")),
    text(t("board.title_zh"), panel.title.zh, (zh) => change((now) => ({ ...now, title: { ...now.title, zh } }), "title.zh")),
    text(t("board.title_en"), panel.title.en, (en) => change((now) => ({ ...now, title: { ...now.title, en } }), "title.en")),
    select(t("board.kind"), kinds, panel.kind, (kind) => change((now) => asKind(now, kind as Panel["kind"], desk.grammar.shows[kind] ?? []), undefined, true)),
    ...sourceFields(panel, { page: desk.page, wares: desk.wares, grammar: desk.grammar, board: desk.board, source, change: changeSource }),
    ...optionFields(panel, desk.page, changeOptions),
    place.box,
    element("div", { class: "inline" }, act(t("board.copy_panel"), "", copy), act(t("board.remove_panel"), "grave", () => desk.keep(withoutPanel(desk.board, id)))),
  ];
}
