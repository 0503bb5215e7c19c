// Asks for what a board shows, hands each panel its answer as it comes, and keeps all of them fresh.
import { cityNow } from "../clock";
import { startLive } from "../live";
import { type Page, part, say } from "../page";
import { type Asking, type EarlyAnswers, type Outcome, type Question, widthOf } from "./asking";
import type { BoardMarks } from "./board_marks";
import type { PanelFrame } from "./frame";
import { Freshness, type Refreshed } from "./freshness";
import type { Answer, Board, Choices } from "./shapes";
import { isLive, type Saying, type Span } from "./span";

/** Curves that go on are asked for whole no oftener than this: readings that came late lie before their end. */
const WHOLE_EVERY_MS = 300_000;
const SERIES = "series";

/** What there is to ask for. */
export interface Shown {
  readonly board: Board;
  readonly page: Page;
  readonly frames: ReadonlyMap<string, PanelFrame>;
  readonly marks: BoardMarks;
  readonly looked: () => { readonly span: Span; readonly choices: Choices; readonly time: Saying };
  /** The board is another one by now; false where it can't be shown anew at once. */
  readonly renew: () => boolean;
}

export class BoardAnswers implements Refreshed {
  readonly freshness: Freshness;
  private readonly asking: Asking;
  private askedAt: number;
  /** when everything was answered last; 0: what is shown may be of another span or choice */
  private wholeAt = 0;
  /** the span and the choices, as they are said, of which everything was answered last */
  private wholeOf = "";
  /** of when what each panel shows is, ms: an answer may have been kept for a while */
  private readonly givenAt = new Map<string, number>();
  /** what is being asked, or was last */
  private under: Promise<unknown>;

  constructor(
    private readonly box: HTMLElement,
    private readonly shown: Shown,
    early: EarlyAnswers,
  ) {
    this.asking = early.asking;
    this.askedAt = early.askedAt;
    this.under = early.done;
    this.freshness = new Freshness(this, shown.board.refresh_s);
  }

  /** Takes what was asked for before the page's words had come. */
  begin(early: EarlyAnswers): void {
    for (const frame of this.shown.frames.values()) frame.waiting();
    early.deliver((answer) => this.answer(answer));
    void early.done.then((outcome) => this.settle(outcome, true));
    void this.shown.marks.load();
    this.follow();
  }

  /** Asks for everything; what was under way is given up. */
  load(): Promise<void> {
    return this.going(this.askWhole());
  }

  isLive(): boolean {
    return isLive(this.shown.looked().time);
  }

  async rest(): Promise<void> {
    for (let seen: unknown; seen !== this.under; ) {
      seen = this.under;
      await this.under;
    }
  }

  recount(): Promise<void> {
    return this.going(this.ask(this.counted()).then((outcome) => this.settle(outcome, false)));
  }

  /** Curves get what came since, the rest is asked for anew; now and then everything is. */
  goOn(): Promise<void> {
    const whole = !this.isLive() || Date.now() - this.wholeAt > WHOLE_EVERY_MS;
    return whole ? this.load() : this.going(this.grow());
  }

  private going(work: Promise<void>): Promise<void> {
    this.under = work;
    return work;
  }

  private async askWhole(): Promise<void> {
    this.askedAt = Date.now();
    this.wholeAt = 0;
    this.freshness.asked();
    const outcome = await this.ask();
    this.settle(outcome, true);
    if (outcome === "answered") await this.shown.marks.load();
  }

  private ask(panels?: readonly string[]): Promise<Outcome> {
    for (const [id, frame] of this.shown.frames) if (panels === undefined || panels.includes(id)) frame.waiting();
    return this.asking.ask(this.question(panels), (answer) => this.answer(answer));
  }

  private async grow(): Promise<void> {
    const { frames, marks, looked } = this.shown;
    const ends = new Map([...frames].flatMap(([id, { end }]) => (end === undefined ? [] : [[id, end] as const])));
    const others = this.shown.board.panels.flatMap(({ id, source }) => (source === null || ends.has(id) ? [] : [id]));
    let outcome: Outcome = "answered";
    if (ends.size > 0) {
      const { span } = looked();
      const question = { ...this.question([...ends.keys()]), span: { fromMs: Math.min(...ends.values()), toMs: span.toMs } };
      outcome = await this.asking.ask(question, (answer) => {
        // other curves than before, or none: these are asked for whole
        if (frames.get(answer.panel)?.grow(answer, span) === true) this.noteTime(answer);
        else others.push(answer.panel);
      });
    }
    if (outcome === "answered" && others.length > 0) outcome = await this.ask(others);
    this.settle(outcome, false);
    if (outcome !== "answered") return;
    this.sayFresh();
    await marks.load();
  }

  private question(panels?: readonly string[]): Question {
    const { span, choices } = this.shown.looked();
    return { span, choices, widthPx: widthOf(this.box), panels };
  }

  private answer(answer: Answer): void {
    this.shown.frames.get(answer.panel)?.answer(answer);
    this.noteTime(answer);
  }

  private noteTime({ panel, at }: Answer): void {
    const ms = Date.parse(at ?? "");
    if (!Number.isNaN(ms)) this.givenAt.set(panel, ms);
  }

  private settle(outcome: Outcome, whole: boolean): void {
    if (outcome === "answered" && this.asking.wrongClock) {
      this.asking.wrongClock = false;
      if (this.isLive()) {
        void this.load();
        return;
      }
    }
    // some panels that follow events don't make the others fresh: those stay due when they were
    if (outcome === "outdated" || (outcome === "answered" && !whole)) return;
    if (outcome === "changed" && this.shown.renew()) return;
    const { t, clock } = this.shown.page;
    if (outcome === "answered") {
      this.wholeAt = Date.now();
      this.wholeOf = this.asked();
      this.box.dataset.drawn = String(Date.now() - this.askedAt);
      this.sayFresh();
      return;
    }
    const status = part("[data-status]", this.box);
    status.dataset.state = outcome === "refused" ? outcome : "unreachable";
    const why = outcome === "refused" ? this.asking.refusal : "";
    say(status, why === "" ? t("board.unreachable", { clock: clock(cityNow()) }) : why);
    for (const frame of this.shown.frames.values()) frame.unanswered(this.wholeOf !== this.asked());
    this.wholeAt = 0;
    this.freshness.lost();
  }

  private asked(): string {
    const { time, choices } = this.shown.looked();
    return JSON.stringify([time, choices]);
  }

  private sayFresh(): void {
    const { t, clock } = this.shown.page;
    const status = part("[data-status]", this.box);
    status.dataset.state = "answered";
    const oldest = Math.min(...this.givenAt.values());
    say(status, t("board.as_of", { clock: clock(Number.isFinite(oldest) ? oldest : cityNow()) }));
    this.freshness.answered();
  }

  /** Panels of what events tell of. */
  private counted(): string[] {
    return this.shown.board.panels.filter(({ source }) => source !== null && source.of !== SERIES).map(({ id }) => id);
  }

  /** What happens in the city changes what is counted before the clock says so. */
  private follow(): void {
    const isCounted = this.counted().length > 0;
    const happened = (): void => {
      if (isCounted) this.freshness.happened();
    };
    startLive(this.shown.page, {
      onEvent: (event) => {
        for (const frame of this.shown.frames.values()) frame.follow(event);
        happened();
      },
      onResync: happened,
    });
  }
}
