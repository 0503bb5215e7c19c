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
