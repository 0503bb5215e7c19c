// The editor of a board: panels are moved and sized on the grid, each shows what it will show, everything can be undone.
import { fetchJson } from "../answers";
import { element } from "../elements";
import { type Page, part, say, thisPage } from "../page";
import { THEME_CHANGED } from "../theme";
import { boardOfFile } from "./board_file";
import { withoutPanel, withPanel } from "./draft";
import { boardFields, type FieldsDesk, panelFields } from "./edit_fields";
import { keepingFocus } from "./focus";
import { type FrameDesk, PanelFrame, panelSection, putPanel } from "./frame";
import { History } from "./history";
import { inOrder, moved, sameLayout } from "./layout";
import { PlaceBar } from "./place_bar";
import { isStacked, makePlaceable, type PlacingDesk } from "./placing";
import { Previews } from "./previews";
import { Saving } from "./saving";
import { type Board, called, type Mark, type Panel, PANEL_KINDS, type Place } from "./shapes";
import { type Grammar, Wares } from "./wares";

class BoardEditor implements FrameDesk, PlacingDesk, FieldsDesk {
  readonly map: HTMLElement;
  readonly wares: Wares;
  private readonly history: History<Board>;
  private readonly frames = new Map<string, PanelFrame>();
  private readonly previews: Previews;
  private readonly saving: Saving;
  private readonly grid: HTMLElement;
  private readonly side: HTMLElement;
  private placeBar: PlaceBar | undefined;
  private chosen: string | undefined;

  constructor(
    private readonly box: HTMLElement,
    readonly page: Page,
    readonly grammar: Grammar,
  ) {
    const board = JSON.parse(box.dataset.editBoard ?? "{}") as Board;
    this.map = box;
    this.wares = new Wares(box.dataset.search ?? "");
    this.history = new History(onlyBoard(board));
    this.previews = new Previews(box.dataset.preview ?? "", page, () => this.board);
    this.saving = new Saving(box, page, () => this.board);
    this.grid = part("[data-grid]", box);
    this.side = part("[data-side]", box);
    this.makeTools();
    this.show();
    this.showSide();
    addEventListener(THEME_CHANGED, () => {
      for (const frame of this.frames.values()) frame.redraw();
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

  putPlace(id: string, place: Place, step?: string): void {
    this.putPanels(moved(this.board.panels, id, place), id, step);
  }

  putPanels(panels: readonly Panel[], id: string, step?: string): void {
    if (sameLayout(this.board.panels, panels)) this.show();
    else this.keep({ ...this.board, panels }, step === undefined ? undefined : `place ${id} ${step}`);
    // the hand that moved it is elsewhere on a small screen
    if (isStacked()) this.frames.get(id)?.section.scrollIntoView({ block: "nearest" });
  }

  choose(id: string | undefined): void {
    if (this.chosen === id) return;
    this.chosen = id;
    this.showChosen();
    this.showSide();
    // the buttons at the foot lie over what is there
    if (id !== undefined && isStacked()) this.frames.get(id)?.section.scrollIntoView({ block: "nearest" });
  }

  // --- the board

  get board(): Board {
    return this.history.value;
  }

  get panels(): readonly Panel[] {
    return this.board.panels;
  }

  keep(board: Board, kind?: string): void {
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
      this.previews.forget(id);
    }
    for (const panel of this.board.panels) {
      const frame = this.frames.get(panel.id) ?? this.addFrame(panel);
      const title = called(panel.title, this.page.language) || this.page.t("board.untitled");
      const heading = frame.section.querySelector("h2");
      frame.change(panel);
      if (heading !== null) say(heading, title);
      this.put(panel);
      this.previews.show(panel, frame);
    }
    this.order();
    part("[data-none]", this.box).hidden = this.board.panels.length > 0;
    const undo = part<HTMLButtonElement>("[data-undo]", this.box);
    const redo = part<HTMLButtonElement>("[data-redo]", this.box);
    undo.disabled = !this.history.canUndo;
    redo.disabled = !this.history.canRedo;
    say(part("[data-changed]", this.box), this.page.t(this.saving.isChanged ? "board.unsaved" : "board.all_saved"));
    if (this.chosen !== undefined && this.panel(this.chosen) === undefined) this.choose(undefined);
    this.placeBar?.show();
    this.showChosen();
  }

  /** Panels follow one another as they are read: for the keyboard, for screen readers and where they are stacked. */
  private order(): void {
    const focused = document.activeElement;
    let next: HTMLElement | null = null;
    for (const { id } of inOrder(this.board.panels).reverse()) {
      const section = this.frames.get(id)?.section ?? null;
      if (section !== null && section.nextElementSibling !== next) this.grid.insertBefore(section, next);
      next = section;
    }
    if (focused instanceof HTMLElement && focused !== document.activeElement && this.grid.contains(focused)) focused.focus({ preventScroll: true });
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
    const field = part<HTMLInputElement>("[data-file]", this.box);
    part("[data-open-file]", this.box).addEventListener("click", () => field.click());
    field.addEventListener("change", () => {
      const file = field.files?.[0];
      field.value = ""; // the same file again is a change too
      if (file !== undefined) void this.takeFile(file);
    });
  }

  /** Puts the board of a file in the place of the one that is edited; that can be undone. */
  private async takeFile(file: File): Promise<void> {
    const text = await file.text().catch(() => ""); // it was moved since it was chosen
    const board = boardOfFile(text, this.board.key);
    if (board === undefined) {
      tell(this.box, this.page.t("board.file_wrong", { name: file.name }));
      return;
    }
    part("[data-message]", this.box).hidden = true;
    this.chosen = undefined;
    this.keep(board);
    this.showSide();
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

  /** Takes a panel away; the keyboard stands on the one that takes its place. */
  private remove(id: string): void {
    const at = inOrder(this.board.panels).findIndex((panel) => panel.id === id);
    this.keep(withoutPanel(this.board, id));
    const next = inOrder(this.board.panels)[Math.min(at, this.board.panels.length - 1)];
    if (next !== undefined) this.frames.get(next.id)?.section.focus();
  }

  private key(event: KeyboardEvent): void {
    const { target } = event;
    const typing = target instanceof Element && target.closest("input, textarea, select") !== null;
    // these undo what was typed in them themselves
    const writing = target instanceof Element && target.closest("input:not([type=checkbox], [type=radio]), textarea") !== null;
    const command = event.ctrlKey || event.metaKey;
    if (command && event.key === "s") void this.saving.save();
    else if (command && !writing && event.key === "z" && !event.shiftKey) this.undo();
    else if (command && !writing && (event.key === "y" || (event.key === "z" && event.shiftKey) || event.key === "Z")) this.redo();
    else if (!typing && event.key === "Delete" && this.chosen !== undefined) this.remove(this.chosen);
    else if (!typing && event.key === "Escape") this.choose(undefined);
    else return;
    event.preventDefault();
  }

  // --- the side: what is chosen, or the board itself

  showSide(): void {
    const panel = this.chosen === undefined ? undefined : this.panel(this.chosen);
    this.placeBar = panel === undefined ? undefined : new PlaceBar(panel.id, this, () => this.goToFields());
    const fields = panel === undefined || this.placeBar === undefined ? boardFields(this) : panelFields(panel, this.placeBar, this);
    keepingFocus(this.side, () => this.side.replaceChildren(...fields));
    this.box.dataset.side = panel === undefined ? "board" : "panel";
  }

  private goToFields(): void {
    this.side.scrollIntoView({ block: "start" });
    this.side.querySelector<HTMLElement>("input, select")?.focus({ preventScroll: true });
  }
}

/** The board without what the page says about it. */
function onlyBoard(given: Board): Board {
  const { key, name, note, time, refresh_s, variables, annotations, panels } = given;
  return { key, name, note, time, refresh_s, variables, annotations, panels };
}

/** What went wrong, at the head of the page. */
function tell(box: HTMLElement, text: string, ...ways: readonly HTMLElement[]): void {
  const message = part("[data-message]", box);
  message.className = "message error";
  message.replaceChildren(element("span", {}, text), ...ways);
  message.hidden = false;
  message.focus();
}

export async function openEditor(box: HTMLElement): Promise<void> {
  const page = await thisPage();
  let grammar: Grammar;
  try {
    grammar = (await fetchJson<{ sources: Grammar }>(box.dataset.search ?? "")).sources;
  } catch {
    const again = element("button", { type: "button", class: "button" }, page.t("list.load_again"));
    again.addEventListener("click", () => location.reload());
    tell(box, page.t("board.no_editor"), again);
    return;
  }
  new BoardEditor(box, page, grammar);
  box.dataset.drawn = "1";
}
