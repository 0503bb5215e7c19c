// Asks the server for a board's answers: what is asked anew makes what was under way useless.
import { Refused } from "../answers";
import { postForLines } from "./lines";
import type { Answer, Choices } from "./shapes";
import type { Span } from "./span";

export interface Question {
  readonly span: Span;
  readonly choices: Choices;
  readonly widthPx: number;
  /** undefined: all of them */
  readonly panels: readonly string[] | undefined;
}

/** What a question came to: every line is told to `onAnswer` as it arrives. */
export type Outcome = "answered" | "outdated" | "refused" | "unreachable";

export class Asking {
  private running: AbortController | undefined;
  /** why the server refused the last question */
  refusal = "";

  constructor(private readonly address: string) {}

  get isRunning(): boolean {
    return this.running !== undefined;
  }

  async ask(question: Question, onAnswer: (answer: Answer) => void): Promise<Outcome> {
    this.running?.abort();
    const mine = new AbortController();
    this.running = mine;
    const body = {
      from_ms: Math.round(question.span.fromMs),
      to_ms: Math.round(question.span.toMs),
      width_px: question.widthPx,
      vars: question.choices,
      panels: question.panels ?? null,
    };
    try {
      await postForLines<Answer>(this.address, body, (answer) => {
        if (this.running === mine) onAnswer(answer);
      }, mine.signal);
      return this.running === mine ? "answered" : "outdated";
    } catch (problem) {
      if (this.running !== mine) return "outdated";
      if (!(problem instanceof Refused)) return "unreachable";
      this.refusal = problem.message;
      return "refused";
    } finally {
      if (this.running === mine) this.running = undefined;
    }
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
  readonly done: Promise<Outcome>;
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
