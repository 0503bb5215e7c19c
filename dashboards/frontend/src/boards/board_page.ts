// A board that somebody looks at: asks for its answers, draws each as it comes, keeps them fresh, and goes where they point.
import { fetchJson } from "../answers";
import { startLive } from "../live";
import { type Page, part, say, thisPage } from "../page";
import { settled } from "../settled";
import { THEME_CHANGED } from "../theme";
import { type Look, readLook, writeLook } from "./address";
import { Asking, type Question } from "./asking";
import { Chooser } from "./chooser";
import { type FrameDesk, PanelFrame, putPanel } from "./frame";
import type { Answer, Board, Mark, MarkKind, Panel } from "./shapes";
import { MARK_KINDS } from "./shapes";
import { fixed, isLive, moved, type Saying, scaled, type Span, spanNow } from "./span";
import { RefreshPicker, TimePicker } from "./time_picker";
import type { View } from "./view";
import { Wares } from "./wares";

/** After an event what is counted is asked for again, but no oftener than this. */
const AFTER_EVENT_MS = 5_000;
const FAILED_AGAIN_MS = 5_000;
const SERIES = "series";

/** What the template says about the board and where everything is. */
export interface BoardPlace {
  readonly board: Board;
  readonly answers: string;
  readonly annotations: string;
  /** address of a panel's values as a file, with `PANEL` in the place of its id */
  readonly csv: string;
  readonly search: string;
}

export function placeOf(box: HTMLElement): BoardPlace {
  const { board, answers, annotations, csv, search } = box.dataset;
  return {
    board: JSON.parse(board ?? "{}") as Board,
    answers: answers ?? "",
    annotations: annotations ?? "",
    csv: csv ?? "",
    search: search ?? "",
  };
}

export class BoardPage implements FrameDesk {
  readonly map: HTMLElement;
  private readonly board: Board;
  private readonly frames = new Map<string, PanelFrame>();
  private readonly asking: Asking;
  private readonly wares: Wares;
  private readonly picker: TimePicker;
  private readonly choosers = new Map<string, Chooser>();
  private look: Look;
  private before: Saying[] = [];
  private shownMarks: readonly Mark[] = [];
  private markKinds: ReadonlySet<MarkKind>;
  private everyS: number;
  private askedAt = 0;
  private dueAt = 0;

  constructor(
    private readonly box: HTMLElement,
    private readonly place: BoardPlace,
    readonly page: Page,
    early: EarlyAnswers,
  ) {
    this.board = place.board;
    this.map = box;
    this.asking = early.asking;
    this.wares = new Wares(place.search);
    this.everyS = this.board.refresh_s;
    this.markKinds = new Set(this.board.annotations);
    this.look = readLook(location.search, this.board.time, this.board.variables);
    this.picker = new TimePicker(part("[data-time]", box), page, (said) => this.go(said));
    this.makeTools();
    for (const panel of this.board.panels) {
      const section = box.querySelector<HTMLElement>(`[data-panel="${CSS.escape(panel.id)}"]`);
      if (section === null) continue;
      putPanel(section, panel);
      this.frames.set(panel.id, new PanelFrame(section, panel, this));
    }
    this.showLook();
    this.take(early);
    addEventListener("popstate", () => {
      this.look = readLook(location.search, this.board.time, this.board.variables);
      this.showLook();
      void this.load();
    });
    addEventListener(THEME_CHANGED, () => this.redraw());
    addEventListener("keydown", (event) => this.key(event));
    setInterval(() => this.keepFresh(), 1_000);
    document.addEventListener("visibilitychange", () => this.keepFresh());
    this.follow();
  }

  // --- what panels ask of their board

  marks = (): readonly Mark[] => this.shownMarks;

  zoom(span: Span): void {
    this.before.push(this.look.time);
    this.go(fixed(span), false);
  }

  back(): void {
    this.go(this.before.pop() ?? this.board.time, false);
  }

  move(by: number): void {
    this.picker.move((span) => moved(span, by, Date.now()));
  }

  scale(factor: number): void {
    this.picker.move((span) => scaled(span, factor, Date.now()));
  }

  point(ms: number | undefined, from: View): void {
    for (const frame of this.frames.values()) frame.point(ms, from);
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

  private span(): Span {
    return spanNow(this.look.time, this.board.time);
  }

  private go(said: Saying, forget = true): void {
    if (forget) this.before.push(this.look.time);
    this.look = { ...this.look, time: said };
    this.remember();
    this.showLook();
    void this.load();
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
        void this.load();
      };
      const chooser = new Chooser({ label: t(`board.variable.${name}`), several: multi, ...this.wares.of(name), onChange }, this.page);
      this.choosers.set(name, chooser);
      bar.append(chooser.box);
    }
    new RefreshPicker(
      part("[data-refresh]", this.box),
      this.page,
      this.everyS,
      (seconds) => {
        this.everyS = seconds;
      },
      () => void this.load(),
    );
    this.makeMarkSwitches();
  }

  private makeMarkSwitches(): void {
    const box = part("[data-marks]", this.box);
    if (!this.board.panels.some((panel) => panel.kind === "time_series")) return;
    for (const kind of MARK_KINDS) {
      const button = document.createElement("button");
      button.type = "button";
      button.className = "chip board-switch";
      button.textContent = this.page.t(`board.marks.${kind}`);
      button.setAttribute("aria-pressed", String(this.markKinds.has(kind)));
      button.addEventListener("click", () => {
        const kinds = new Set(this.markKinds);
        if (!kinds.delete(kind)) kinds.add(kind);
        this.markKinds = kinds;
        button.setAttribute("aria-pressed", String(kinds.has(kind)));
        void this.loadMarks();
      });
      box.append(button);
    }
  }

  // --- asking

  private question(panels?: readonly string[]): Question {
    return { span: this.span(), choices: this.look.choices, widthPx: widthOf(this.box), panels };
  }

  /** Takes what was asked for before the page's words had come. */
  private take(early: EarlyAnswers): void {
    for (const frame of this.frames.values()) frame.waiting();
    this.askedAt = early.askedAt;
    early.deliver((answer) => this.answer(answer));
    void early.done.then((outcome) => this.settle(outcome));
    void this.loadMarks();
  }

  private async load(panels?: readonly string[]): Promise<void> {
    const whole = panels === undefined;
    if (whole) {
      this.askedAt = Date.now();
      this.dueAt = Infinity;
    }
    for (const [id, frame] of this.frames) if (panels === undefined || panels.includes(id)) frame.waiting();
    const outcome = await this.asking.ask(this.question(panels), (answer) => this.answer(answer));
    // some panels that follow events don't make the others fresh: those stay due when they were
    if (outcome === "answered" && !whole) return;
    this.settle(outcome);
    if (outcome === "answered") await this.loadMarks();
  }

  private answer(answer: Answer): void {
    this.frames.get(answer.panel)?.answer(answer);
  }

  private settle(outcome: string): void {
    if (outcome === "outdated") return;
    const { t, clock } = this.page;
    const status = part("[data-status]", this.box);
    status.dataset.state = outcome;
    if (outcome === "answered") {
      say(status, t("board.as_of", { clock: clock(Date.now()) }));
      this.box.dataset.drawn = String(Date.now() - this.askedAt);
      this.dueAt = Date.now() + this.everyS * 1000;
      return;
    }
    say(status, outcome === "refused" ? this.asking.refusal : t("board.unreachable", { clock: clock(Date.now()) }));
    for (const frame of this.frames.values()) {
      if (frame.section.dataset.state === "waiting") frame.tell(t("board.no_answer"), 2);
      else if (frame.section.dataset.state === "refreshing") frame.section.dataset.state = "answered";
    }
    this.dueAt = Date.now() + FAILED_AGAIN_MS;
  }

  private async loadMarks(): Promise<void> {
    if (this.markKinds.size === 0 || !this.board.panels.some((panel) => panel.kind === "time_series")) {
      this.setMarks([]);
      return;
    }
    const { fromMs, toMs } = this.span();
    const query = new URLSearchParams({
      from_ms: String(Math.round(fromMs)),
      to_ms: String(Math.round(toMs)),
      vars: JSON.stringify(this.look.choices),
      kinds: [...this.markKinds].join(","),
    });
    try {
      const { marks } = await fetchJson<{ marks: Mark[] }>(`${this.place.annotations}?${query}`);
      this.setMarks(marks.filter((mark) => this.markKinds.has(mark.of)));
    } catch {
      this.setMarks([]); // the curves say what they say without them
    }
  }

  private setMarks(marks: readonly Mark[]): void {
    const changed = JSON.stringify(marks) !== JSON.stringify(this.shownMarks);
    this.shownMarks = marks;
    if (changed) this.redraw();
  }

  private redraw(): void {
    for (const frame of this.frames.values()) frame.redraw();
  }

  /** A span that goes on by itself is looked at again, as long as somebody looks. */
  private keepFresh(): void {
    if (document.hidden || this.everyS === 0 || !isLive(this.look.time) || this.asking.isRunning) return;
    if (Date.now() >= this.dueAt) void this.load();
  }

  /** What happens in the city changes what is counted before the clock says so. */
  private follow(): void {
    const counted = this.board.panels.filter((panel) => panel.source !== null && panel.source.of !== SERIES).map((panel) => panel.id);
    const again = settled(async () => {
      if (!document.hidden && isLive(this.look.time) && !this.asking.isRunning) await this.load(counted);
    }, AFTER_EVENT_MS);
    startLive(this.page, {
      onEvent: (event) => {
        for (const frame of this.frames.values()) frame.follow(event);
        if (counted.length > 0) again();
      },
      onResync: again,
    });
  }

  private key(event: KeyboardEvent): void {
    const field = event.target instanceof Element && event.target.closest("input, select, textarea") !== null;
    if (field || event.ctrlKey || event.metaKey || event.altKey) return;
    const panel = this.board.panels.find((each) => each.id === this.look.panel);
    if (event.key === "Escape" && panel !== undefined && document.querySelector("details.menu[open]") === null) this.fill(panel);
    else if (event.key === "r") void this.load();
    else return;
    event.preventDefault();
  }
}

/** How wide the widest panel is: so many values a curve needs at most. */
export function widthOf(box: HTMLElement): number {
  const widths = [...box.querySelectorAll<HTMLElement>("[data-body]")].map((body) => body.clientWidth);
  return Math.min(2_000, Math.max(300, ...widths));
}

/** The first question goes out before the words are there; its answers wait for the page. */
export class EarlyAnswers {
  readonly askedAt = Date.now();
  readonly done: Promise<string>;
  private waiting: Answer[] = [];
  private take: ((answer: Answer) => void) | undefined;

  constructor(
    readonly asking: Asking,
    question: Question,
  ) {
    this.done = asking.ask(question, (answer) => {
      if (this.take === undefined) this.waiting.push(answer);
      else this.take(answer);
    });
  }

  deliver(take: (answer: Answer) => void): void {
    this.take = take;
    for (const answer of this.waiting) take(answer);
    this.waiting = [];
  }
}

export async function openBoard(box: HTMLElement): Promise<void> {
  const place = placeOf(box);
  const look = readLook(location.search, place.board.time, place.board.variables);
  const span = spanNow(look.time, place.board.time);
  const early = new EarlyAnswers(new Asking(place.answers), { span, choices: look.choices, widthPx: widthOf(box), panels: undefined });
  new BoardPage(box, place, await thisPage(), early);
}
