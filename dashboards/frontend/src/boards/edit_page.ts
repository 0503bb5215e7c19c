// The editor of a board: panels are moved and sized on the grid, each shows what it will show, everything can be undone.
import { fetchJson, post, Refused } from "../answers";
import { element } from "../elements";
import { type Page, part, say, thisPage } from "../page";
import { THEME_CHANGED } from "../theme";
import { asKind, namedVariables, withChange, withCopy, withoutPanel, withPanel, withPlace } from "./draft";
import { group, number, type Option, pair, select, text, tick } from "./fields";
import { type FrameDesk, PanelFrame, panelSection, putPanel } from "./frame";
import { History } from "./history";
import { moved } from "./layout";
import { optionFields } from "./option_fields";
import { makePlaceable, type PlacingDesk } from "./placing";
import { type Answer, type Board, called, MARK_KINDS, type Mark, type Panel, PANEL_KINDS, type Place, type Source, VARIABLES } from "./shapes";
import { sourceFields } from "./source_fields";
import { lengthWords, QUICK, type Span, spanNow } from "./span";
import { type Grammar, Wares } from "./wares";

const TYPING_MS = 400;
const EVERY_S = [0, 10, 30, 60, 300] as const;

interface Saved {
  readonly key: string;
  readonly version: number;
  readonly href: string;
}

class BoardEditor implements FrameDesk, PlacingDesk {
  readonly map: HTMLElement;
  private readonly history: History<Board>;
  private readonly frames = new Map<string, PanelFrame>();
  private readonly asked = new Map<string, { said: string; timer: ReturnType<typeof setTimeout> | undefined; run: AbortController | undefined }>();
  private readonly grid: HTMLElement;
  private readonly side: HTMLElement;
  private readonly wares: Wares;
  private version: number;
  private savedBoard: Board;
  private chosen: string | undefined;
  private leaving = false;
  private saving = false;

  constructor(
    private readonly box: HTMLElement,
    readonly page: Page,
    private readonly grammar: Grammar,
  ) {
    const board = JSON.parse(box.dataset.editBoard ?? "{}") as Board;
    this.map = box;
    this.wares = new Wares(box.dataset.search ?? "");
    this.version = Number(box.dataset.version ?? 0);
    this.history = new History(onlyBoard(board));
    this.savedBoard = this.history.value;
    this.grid = part("[data-grid]", box);
    this.side = part("[data-side]", box);
    this.makeTools();
    this.show();
    this.showSide();
    addEventListener(THEME_CHANGED, () => {
      for (const frame of this.frames.values()) frame.redraw();
    });
    addEventListener("beforeunload", (event) => {
      if (this.isChanged && !this.leaving) event.preventDefault();
    });
    addEventListener("keydown", (event) => this.key(event));
  }

  // --- what frames and handles ask of their editor

  marks = (): readonly Mark[] => [];
  zoom(): void {}
  back(): void {}
  move(): void {}
  scale(): void {}
  point(ms: number | undefined, from: Parameters<FrameDesk["point"]>[1]): void {
    for (const frame of this.frames.values()) frame.point(ms, from);
  }

  panel(id: string): Panel | undefined {
    return this.board.panels.find((panel) => panel.id === id);
  }

  tryPlace(id: string, place: Place): void {
    for (const panel of moved(this.board.panels, id, place)) this.put(panel);
  }

  putPlace(id: string, place: Place): void {
    const next = withPlace(this.board, id, place);
    if (JSON.stringify(next.panels) !== JSON.stringify(this.board.panels)) this.keep(next, `place ${id}`);
    else this.show();
  }

  choose(id: string | undefined): void {
    if (this.chosen === id) return;
    this.chosen = id;
    this.showChosen();
    this.showSide();
  }

  // --- the board

  private get board(): Board {
    return this.history.value;
  }

  private get isChanged(): boolean {
    return JSON.stringify(this.board) !== JSON.stringify(this.savedBoard);
  }

  private keep(board: Board, kind?: string): void {
    this.history.put(board, kind);
    this.show();
  }

  private put(panel: Panel): void {
    const frame = this.frames.get(panel.id);
    if (frame !== undefined) putPanel(frame.section, panel);
  }

  private show(): void {
    for (const [id, frame] of this.frames) {
      if (this.panel(id) !== undefined) continue;
      frame.close();
      frame.section.remove();
      this.frames.delete(id);
      this.asked.delete(id);
    }
    for (const panel of this.board.panels) {
      const frame = this.frames.get(panel.id) ?? this.addFrame(panel);
      const title = called(panel.title, this.page.language) || this.page.t("board.untitled");
      const heading = frame.section.querySelector("h2");
      frame.change(panel);
      if (heading !== null) say(heading, title);
      this.put(panel);
      this.preview(panel);
    }
    part("[data-none]", this.box).hidden = this.board.panels.length > 0;
    const undo = part<HTMLButtonElement>("[data-undo]", this.box);
    const redo = part<HTMLButtonElement>("[data-redo]", this.box);
    undo.disabled = !this.history.canUndo;
    redo.disabled = !this.history.canRedo;
    say(part("[data-changed]", this.box), this.page.t(this.isChanged ? "board.unsaved" : "board.all_saved"));
    if (this.chosen !== undefined && this.panel(this.chosen) === undefined) this.choose(undefined);
    this.showChosen();
  }

  private addFrame(panel: Panel): PanelFrame {
    const section = panelSection(panel, "", this.page.t("board.panel_menu_short"));
    section.querySelector(".board-panel-menu")?.remove();
    section.tabIndex = 0;
    section.addEventListener("click", () => this.choose(panel.id));
    section.addEventListener("focus", () => this.choose(panel.id));
    // what a panel shows is looked at here, not followed
    section.querySelector("[data-body]")?.addEventListener("click", (event) => event.preventDefault(), true);
    this.grid.append(section);
    const frame = new PanelFrame(section, panel, this);
    makePlaceable(section, panel.id, this.grid, this);
    this.frames.set(panel.id, frame);
    return frame;
  }

  private showChosen(): void {
    for (const [id, { section }] of this.frames) section.classList.toggle("board-chosen-panel", id === this.chosen);
  }

  /** Asks what the panel will show, a moment after the last change. */
  private preview(panel: Panel): void {
    if (panel.source === null) return;
    const { x: _x, y: _y, title: _title, ...what } = panel;
    const said = JSON.stringify([what, this.board.time]);
    const before = this.asked.get(panel.id);
    if (before?.said === said) return;
    clearTimeout(before?.timer);
    before?.run?.abort();
    const run = new AbortController();
    const timer = setTimeout(() => void this.ask(panel.id, run), before === undefined ? 0 : TYPING_MS);
    this.asked.set(panel.id, { said, timer, run });
  }

  private async ask(id: string, run: AbortController): Promise<void> {
    const panel = this.panel(id);
    const frame = this.frames.get(id);
    if (panel === undefined || frame === undefined) return;
    frame.waiting();
    const { fromMs, toMs } = this.span();
    const vars = Object.fromEntries(this.board.variables.map(({ name, default: usual }) => [name, usual.map(String)]));
    const body = { panel, from_ms: Math.round(fromMs), to_ms: Math.round(toMs), width_px: Math.max(frame.section.clientWidth, 300), vars };
    try {
      const response = await post(this.box.dataset.preview ?? "", body, run.signal);
      frame.answer((await response.json()) as Answer);
    } catch (problem) {
      if (run.signal.aborted) return;
      frame.tell(problem instanceof Refused ? problemWords(problem) : this.page.t("board.no_answer"), 2);
    }
  }

  private span(): Span {
    return spanNow(this.board.time);
  }

  // --- the bar above

  private makeTools(): void {
    const { t } = this.page;
    const add = part("[data-add]", this.box);
    for (const kind of PANEL_KINDS) {
      const button = element("button", { type: "button" }, t(`board.kind.${kind}`));
      button.addEventListener("click", () => {
        add.closest("details")?.removeAttribute("open");
        const made = withPanel(this.board, kind);
        this.keep(made.board);
        this.choose(made.id);
        const section = this.frames.get(made.id)?.section;
        section?.scrollIntoView({ block: "center", behavior: "smooth" });
        section?.focus();
      });
      add.append(button);
    }
    part("[data-undo]", this.box).addEventListener("click", () => this.undo());
    part("[data-redo]", this.box).addEventListener("click", () => this.redo());
    part("[data-settings]", this.box).addEventListener("click", () => this.choose(undefined));
    part("[data-save]", this.box).addEventListener("click", () => void this.save(this.version));
  }

  private undo(): void {
    this.history.undo();
    this.show();
    this.showSide();
  }

  private redo(): void {
    this.history.redo();
    this.show();
    this.showSide();
  }

  private key(event: KeyboardEvent): void {
    const { target } = event;
    const typing = target instanceof Element && target.closest("input, textarea, select") !== null;
    const command = event.ctrlKey || event.metaKey;
    if (command && event.key === "s") void this.save(this.version);
    else if (command && !typing && event.key === "z" && !event.shiftKey) this.undo();
    else if (command && !typing && (event.key === "y" || (event.key === "z" && event.shiftKey) || event.key === "Z")) this.redo();
    else if (!typing && event.key === "Delete" && this.chosen !== undefined) this.keep(withoutPanel(this.board, this.chosen));
    else if (!typing && event.key === "Escape") this.choose(undefined);
    else return;
    event.preventDefault();
  }

  // --- the side: what is chosen, or the board itself

  private showSide(): void {
    const panel = this.chosen === undefined ? undefined : this.panel(this.chosen);
    this.side.replaceChildren(...(panel === undefined ? this.boardFields() : this.panelFields(panel)));
    this.box.dataset.side = panel === undefined ? "board" : "panel";
  }

  private boardFields(): HTMLElement[] {
    const { t } = this.page;
    const { board } = this;
    const set = (change: Partial<Board>, kind?: string): void => this.keep({ ...this.board, ...change }, kind);
    const spans: Option[] = [...QUICK].map((length): Option => [length, t("board.last", { span: lengthWords(length, t) })]);
    const every: Option[] = EVERY_S.map((seconds): Option => [String(seconds), seconds === 0 ? t("board.refresh_never") : seconds < 60 ? t("board.length.s", { n: seconds }) : t("board.length.min", { n: seconds / 60 })]);
    const named = namedVariables(board);
    return [
      element("h2", {}, t("board.settings")),
      text(t("board.name_zh"), board.name.zh, (zh) => set({ name: { ...this.board.name, zh } }, "name.zh")),
      text(t("board.name_en"), board.name.en, (en) => set({ name: { ...this.board.name, en } }, "name.en")),
      text(t("board.note_zh"), board.note.zh, (zh) => set({ note: { ...this.board.note, zh } }, "note.zh"), { most: 400 }),
      text(t("board.note_en"), board.note.en, (en) => set({ note: { ...this.board.note, en } }, "note.en"), { most: 400 }),
      pair(
        select(t("board.span"), spans, board.time.from, (from) => set({ time: { from, to: "now" } })),
        select(t("board.refresh_every"), every, String(board.refresh_s), (seconds) => set({ refresh_s: Number(seconds) })),
      ),
      group(
        t("board.variables"),
        element("p", { class: "hint" }, t("board.variables_hint")),
        ...VARIABLES.map((name) => {
          const has = board.variables.some((each) => each.name === name);
          const made = tick(t(`board.variable.${name}`), has, (on) => {
            const rest = this.board.variables.filter((each) => each.name !== name);
            set({ variables: on ? [...rest, { name, multi: true, default: [] }] : rest });
            this.showSide();
          });
          // a variable that a panel names can't go before the panel lets go of it
          const field = made.querySelector("input");
          if (field !== null && has && named.has(name)) field.disabled = true;
          return made;
        }),
      ),
      group(
        t("board.annotations"),
        ...MARK_KINDS.map((kind) =>
          tick(t(`board.marks.${kind}`), board.annotations.includes(kind), (on) => {
            const rest = this.board.annotations.filter((each) => each !== kind);
            set({ annotations: on ? [...rest, kind] : rest });
          }),
        ),
      ),
    ];
  }

  private panelFields(panel: Panel): HTMLElement[] {
    const { t } = this.page;
    const { id } = panel;
    const change = (next: (panel: Panel) => Panel, kind?: string, again = false): void => {
      this.keep(withChange(this.board, id, next), kind === undefined ? undefined : `${id} ${kind}`);
      if (again) this.showSide();
    };
    const kinds = PANEL_KINDS.map((kind): Option => [kind, t(`board.kind.${kind}`)]);
    const act = (words: string, look: string, work: () => void): HTMLElement => {
      const button = element("button", { type: "button", class: `button ${look}` }, words);
      button.addEventListener("click", work);
      return button;
    };
    const place = (words: string, name: keyof Place): HTMLElement =>
      number(words, panel[name], (value) => {
        const now = this.panel(id);
        if (value !== undefined && now !== undefined) this.putPlace(id, { ...now, [name]: value });
      }, { min: 0, max: 500 });
    const desk = {
      page: this.page,
      wares: this.wares,
      grammar: this.grammar,
      board: this.board,
      change: (source: Source, again: boolean) => change((now) => ({ ...now, source }), again ? undefined : "source", again),
    };
    return [
      element("h2", {}, t("board.panel")),
      text(t("board.title_zh"), panel.title.zh, (zh) => change((now) => ({ ...now, title: { ...now.title, zh } }), "title.zh")),
      text(t("board.title_en"), panel.title.en, (en) => change((now) => ({ ...now, title: { ...now.title, en } }), "title.en")),
      select(t("board.kind"), kinds, panel.kind, (kind) => change((now) => asKind(now, kind as Panel["kind"], this.grammar.shows[kind] ?? []), undefined, true)),
      ...sourceFields(panel, desk),
      ...optionFields(panel, this.page, (options, again) => change((now) => ({ ...now, options }), again ? undefined : "options", again)),
      group(t("board.place"), pair(place(t("board.place_x"), "x"), place(t("board.place_y"), "y")), pair(place(t("board.place_w"), "w"), place(t("board.place_h"), "h"))),
      element(
        "div",
        { class: "inline" },
        act(t("board.copy_panel"), "", () => {
          const made = withCopy(this.board, id);
          this.keep(made.board);
          this.choose(made.id);
        }),
        act(t("board.remove_panel"), "grave", () => this.keep(withoutPanel(this.board, id))),
      ),
    ];
  }

  // --- keeping it

  private async save(version: number): Promise<void> {
    if (this.saving) return; // a key held down must not make a new board twice
    this.saving = true;
    const { t } = this.page;
    const message = part("[data-message]", this.box);
    const button = part<HTMLButtonElement>("[data-save]", this.box);
    button.setAttribute("aria-disabled", "true");
    message.replaceChildren();
    message.hidden = true;
    const body = this.board;
    try {
      const response = await post(this.box.dataset.save ?? "", { version, body });
      const saved = (await response.json()) as Saved;
      this.version = saved.version;
      this.savedBoard = body;
      this.leaving = true;
      location.href = saved.href;
    } catch (problem) {
      message.hidden = false;
      if (problem instanceof Refused && (problem.status === 409 || problem.status === 412)) await this.tellConflict(message);
      else {
        message.className = "message error";
        message.replaceChildren(element("span", {}, problem instanceof Refused ? problemWords(problem) : t("board.save_failed")));
      }
      message.focus();
    } finally {
      button.removeAttribute("aria-disabled");
      this.saving = this.leaving;
    }
  }

  /** Somebody saved meanwhile: look at theirs, or put one's own over it. Nothing is lost until that is decided. */
  private async tellConflict(message: HTMLElement): Promise<void> {
    const { t } = this.page;
    const theirs = await fetch(this.box.dataset.body ?? "", { headers: { Accept: "application/json" } }).catch(() => undefined);
    const newest = Number(/-(\d+)"?$/.exec(theirs?.headers.get("ETag") ?? "")?.[1] ?? 0);
    const over = element("button", { type: "button", class: "button grave" }, t("board.conflict_over"));
    over.addEventListener("click", () => void this.save(newest));
    const look = element("a", { class: "button", href: this.box.dataset.view ?? "", target: "_blank" }, t("board.conflict_look"));
    message.className = "message warn";
    message.replaceChildren(
      element("div", { class: "stack-tight" }, element("strong", {}, t("board.conflict")), element("span", {}, t("board.conflict_text", { n: newest })), element("div", { class: "inline" }, look, ...(newest > 0 ? [over] : []))),
    );
  }
}

/** The board without what the page says about it. */
function onlyBoard(given: Board): Board {
  const { key, name, note, time, refresh_s, variables, annotations, panels } = given;
  return { key, name, note, time, refresh_s, variables, annotations, panels };
}

function problemWords(problem: Refused): string {
  const errors = problem.problem?.errors ?? [];
  return errors.length === 0 ? problem.message : errors.map((each) => `${each.field}: ${each.problem}`).join(" · ");
}

export async function openEditor(box: HTMLElement): Promise<void> {
  const page = await thisPage();
  const { sources } = await fetchJson<{ sources: Grammar }>(box.dataset.search ?? "");
  new BoardEditor(box, page, sources);
  box.dataset.drawn = "1";
}
