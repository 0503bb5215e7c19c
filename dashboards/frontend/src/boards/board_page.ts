// A board that somebody looks at: which span and choices, which panel fills the screen, what keys and paper do.
import { cityNow } from "../clock";
import { type Page, part, say, thisPage } from "../page";
import { THEME_CHANGED } from "../theme";
import { type Look, readLook, writeLook } from "./address";
import { Asking, EarlyAnswers, widthOf } from "./asking";
import { BoardAnswers } from "./board_answers";
import { BoardMarks } from "./board_marks";
import { Chooser } from "./chooser";
import { menuWatch } from "./focus";
import { type FrameDesk, PanelFrame, putPanel } from "./frame";
import { onPaper } from "./paper";
import type { Board, Choices, Mark, Panel } from "./shapes";
import { fixed, type Saying, type Span, spanNow } from "./span";
import { RefreshPicker, TimePicker } from "./time_picker";
import type { View } from "./view";
import { Wares } from "./wares";

/** What the template says about the board and where everything is. */
export interface BoardPlace {
  readonly board: Board;
  readonly version: number;
  readonly answers: string;
  readonly annotations: string;
  /** address of a panel's values as a file, with `PANEL` in the place of its id */
  readonly csv: string;
  readonly search: string;
}

export function placeOf(box: HTMLElement): BoardPlace {
  const { answers, annotations, csv, search } = box.dataset;
  const board = JSON.parse(box.dataset.board ?? "{}") as Board & { readonly version: number };
  return {
    board,
    version: board.version,
    answers: answers ?? "",
    annotations: annotations ?? "",
    csv: csv ?? "",
    search: search ?? "",
  };
}

const RENEWED_AGAIN_MS = 60_000;

export class BoardPage implements FrameDesk {
  readonly map: HTMLElement;
  private readonly board: Board;
  private readonly frames = new Map<string, PanelFrame>();
  private readonly wares: Wares;
  private readonly picker: TimePicker;
  private readonly choosers = new Map<string, Chooser>();
  private look: Look;
  private readonly happenings: BoardMarks;
  private readonly answers: BoardAnswers;
  private before: Saying[] = [];
  private readonly hadMenu = menuWatch();

  constructor(
    private readonly box: HTMLElement,
    private readonly place: BoardPlace,
    readonly page: Page,
    early: EarlyAnswers,
  ) {
    this.board = place.board;
    this.map = box;
    this.wares = new Wares(place.search);
    this.look = readLook(location.search, this.board.time, this.board.variables);
    this.picker = new TimePicker(part("[data-time]", box), page, (said) => this.go(said), this.board.time);
    this.happenings = new BoardMarks(box, this.board, page, place.annotations, () => this.looked(), () => this.redraw());
    this.answers = new BoardAnswers(box, { board: this.board, page, frames: this.frames, marks: this.happenings, looked: () => this.looked(), renew: () => this.renew() }, early);
    this.makeTools();
    for (const panel of this.board.panels) {
      const section = box.querySelector<HTMLElement>(`[data-panel="${CSS.escape(panel.id)}"]`);
      if (section === null) continue;
      putPanel(section, panel);
      this.frames.set(panel.id, new PanelFrame(section, panel, this));
    }
    this.showLook();
    this.answers.begin(early);
    addEventListener("popstate", () => {
      this.look = readLook(location.search, this.board.time, this.board.variables);
      this.showLook();
      void this.answers.load();
    });
    addEventListener(THEME_CHANGED, () => this.redraw());
    addEventListener("keydown", (event) => this.key(event));
    onPaper({
      before: () => this.forPaper(),
      paint: (share) => this.frames.forEach((frame) => frame.fitPaper(share)),
      after: () => this.frames.forEach((frame) => frame.fitScreen()),
      ready: () => Promise.all([...this.frames.values()].map((frame) => frame.still())),
    });
  }

  // --- what panels ask of their board

  marks = (): readonly Mark[] => this.happenings.shown;

  zoom(span: Span): void {
    this.before.push(this.look.time);
    this.go(fixed(span), false);
  }

  back(): void {
    this.go(this.before.pop() ?? this.board.time, false);
  }

  move(by: number): void {
    this.picker.move(by);
  }

  scale(factor: number): void {
    this.picker.scale(factor);
  }

  point(ms: number | undefined, from: View): void {
    for (const frame of this.frames.values()) frame.point(ms, from);
  }

  said(): Saying {
    return this.look.time;
  }

  csvAddress(panel: Panel): string {
    const { fromMs, toMs } = this.span();
    const query = new URLSearchParams({
      from_ms: String(Math.round(fromMs)),
      to_ms: String(Math.round(toMs)),
      vars: JSON.stringify(this.look.choices),
    });
    return `${this.place.csv.replace("PANEL", encodeURIComponent(panel.id))}?${query}`;
  }

  /** Lets one panel fill the screen, or puts it back. */
  fill(panel: Panel): void {
    const filled = this.look.panel === panel.id ? undefined : panel.id;
    this.look = { ...this.look, panel: filled };
    this.remember();
    this.showFilled();
    if (filled !== undefined) this.frames.get(filled)?.section.focus();
  }

  // --- what is shown

  private looked(): { span: Span; choices: Choices; time: Saying } {
    return { span: this.span(), choices: this.look.choices, time: this.look.time };
  }

  private span(): Span {
    return spanNow(this.look.time, this.board.time);
  }

  private go(said: Saying, forget = true): void {
    if (forget) this.before.push(this.look.time);
    this.look = { ...this.look, time: said };
    this.remember();
    this.showLook();
    void this.answers.load();
  }

  private remember(): void {
    const search = writeLook(this.look, this.board.time, this.board.variables);
    history.pushState(null, "", `${location.pathname}${search}${location.hash}`);
  }

  private showLook(): void {
    this.picker.show(this.look.time);
    for (const [name, chooser] of this.choosers) chooser.set(this.look.choices[name] ?? []);
    this.showFilled();
  }

  private showFilled(): void {
    const filled = this.look.panel;
    document.body.classList.toggle("board-has-filled", filled !== undefined && this.frames.has(filled));
    for (const [id, { section }] of this.frames) {
      section.classList.toggle("board-filled", id === filled);
      section.tabIndex = -1;
    }
  }

  private makeTools(): void {
    const { t } = this.page;
    const bar = part("[data-variables]", this.box);
    bar.replaceChildren();
    for (const { name, multi } of this.board.variables) {
      const onChange = (values: readonly string[]): void => {
        this.look = { ...this.look, choices: { ...this.look.choices, [name]: values } };
        this.remember();
        void this.answers.load();
      };
      const chooser = new Chooser({ label: t(`board.variable.${name}`), several: multi, ...this.wares.of(name), onChange }, this.page);
      this.choosers.set(name, chooser);
      bar.append(chooser.box);
    }
    new RefreshPicker(
      part("[data-refresh]", this.box),
      this.page,
      this.board.refresh_s,
      (seconds) => {
        this.answers.freshness.everyS = seconds;
      },
      () => void this.answers.load(),
    );
  }

  /** Loads the page anew: a screen on which nobody presses anything must not show a board that is another one by now. */
  private renew(): boolean {
    try {
      const name = `covercode:board:${this.board.key}:${this.place.version}`;
      // a server that still gives the old page would be asked for it without end
      if (Date.now() - Number(sessionStorage.getItem(name) ?? 0) < RENEWED_AGAIN_MS) return false;
      sessionStorage.setItem(name, String(Date.now()));
    } catch {
      return false; // a browser that keeps nothing could not tell
    }
    location.reload();
    return true;
  }

  private redraw(): void {
    for (const frame of this.frames.values()) frame.redraw();
  }

  /** Which span, what was chosen and when: paper tells it, and keeps a picture of what can't be painted on it. */
  private forPaper(): void {
    const { t, moment } = this.page;
    const chosen = this.board.variables.flatMap(({ name }) => {
      const words = this.choosers.get(name)?.words;
      return words === undefined ? [] : [`${t(`board.variable.${name}`)} ${words}`];
    });
    const span = this.span();
    const words = [t("board.from_to", { from: moment(span.fromMs), to: moment(span.toMs) }), ...chosen, t("board.printed", { at: moment(cityNow()) })];
    say(part("[data-printed]", this.box), words.join(" · "));
    for (const frame of this.frames.values()) frame.forPaper();
  }

  private key(event: KeyboardEvent): void {
    const field = event.target instanceof Element && event.target.closest("input, select, textarea") !== null;
    if (field || event.ctrlKey || event.metaKey || event.altKey) return;
    const panel = this.board.panels.find((each) => each.id === this.look.panel);
    if (event.key === "Escape" && panel !== undefined && !this.hadMenu()) this.fill(panel);
    else if (event.key === "r") void this.answers.load();
    else return;
    event.preventDefault();
  }
}

export async function openBoard(box: HTMLElement): Promise<void> {
  const place = placeOf(box);
  const look = readLook(location.search, place.board.time, place.board.variables);
  const span = spanNow(look.time, place.board.time);
  const early = new EarlyAnswers(new Asking(place.answers, place.version), { span, choices: look.choices, widthPx: widthOf(box), panels: undefined });
  new BoardPage(box, place, await thisPage(), early);
}
