// Asks the server for a board's answers: what is asked anew makes what was under way useless.
import { post, Refused } from "../answers";
import { aheadMs } from "../clock";
import { eachLine } from "./lines";
import type { Answer, Choices } from "./shapes";
import type { Span } from "./span";

export interface Question {
  readonly span: Span;
  readonly choices: Choices;
  readonly widthPx: number;
  /** undefined: all of them */
  readonly panels: readonly string[] | undefined;
}

/**
 * What a question came to: every line is told to `onAnswer` as it arrives. `changed`: somebody has kept another version
 * of the board meanwhile, whose answers belong under other titles; none of them was told.
 */
export type Outcome = "answered" | "outdated" | "changed" | "refused" | "unreachable";

/** A question of which nothing more comes for so long is given up: a server that is gone for good does not say so. */
export const PATIENCE_MS = 60_000;

export class Asking {
  private running: AbortController | undefined;
  /** why the server refused the last question; empty where nobody of ours said why */
  refusal = "";
  /** the last answers were asked for by a clock that turned out to be wrong */
  wrongClock = false;

  constructor(
    private readonly address: string,
    /** of the board that is shown */
    private readonly version: number,
  ) {}

  async ask(question: Question, onAnswer: (answer: Answer) => void): Promise<Outcome> {
    this.running?.abort();
    const mine = new AbortController();
    this.running = mine;
    let patience: ReturnType<typeof setTimeout> | undefined;
    const wait = (): void => {
      clearTimeout(patience);
      patience = setTimeout(() => mine.abort(), PATIENCE_MS);
    };
    wait();
    const body = {
      from_ms: Math.round(question.span.fromMs),
      to_ms: Math.round(question.span.toMs),
      width_px: question.widthPx,
      vars: question.choices,
      panels: question.panels ?? null,
    };
    try {
      const ahead = aheadMs();
      const response = await post(this.address, body, mine.signal);
      if (aheadMs() !== ahead) this.wrongClock = true;
      if (this.running === mine && isOther(response, this.version)) {
        mine.abort();
        return "changed";
      }
      await eachLine<Answer>(response, (answer) => {
        wait();
        if (this.running === mine) onAnswer(answer);
      });
      return this.running === mine ? "answered" : "outdated";
    } catch (problem) {
      if (this.running !== mine) return "outdated";
      if (!(problem instanceof Refused)) return "unreachable";
      this.refusal = problemWords(problem) ?? "";
      return "refused";
    } finally {
      clearTimeout(patience);
      if (this.running === mine) this.running = undefined;
    }
  }
}

function isOther(response: Response, version: number): boolean {
  const said = response.headers.get("Board-Version");
  return said !== null && Number(said) !== version;
}

/** Why the server refused, in its words; undefined where something else than our server answered, or nothing did. */
export function problemWords(problem: unknown): string | undefined {
  if (!(problem instanceof Refused) || problem.problem === null) return undefined;
  const { errors, detail } = problem.problem;
  return errors.length === 0 ? detail : errors.map((each) => `${each.field}: ${each.problem}`).join(" · ");
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
