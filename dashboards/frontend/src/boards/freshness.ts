// When a board asks again: by its clock, after what happens in the city, and after a question that failed.
import { settled } from "../settled";

/** After an event what is counted is asked for again, but no oftener than this. */
export const AFTER_EVENT_MS = 5_000;
export const FAILED_AGAIN_MS = 5_000;

/** What asks; nothing of it rejects. */
export interface Refreshed {
  /** whether the span goes on by itself */
  isLive(): boolean;
  /** Asks for what has come since. */
  goOn(): Promise<void>;
  /** Asks again for what events change. */
  recount(): Promise<void>;
  /** Settles once nothing is being asked any more. */
  rest(): Promise<void>;
}

export class Freshness {
  /** Something has happened: what it changes is asked for soon, also where an answer is under way, which may not know of it. */
  readonly happened: () => void;
  /** when it was settled what was asked last; undefined while it is being asked */
  private settledAt: number | undefined;
  private failed = false;
  private missed = false;

  constructor(
    private readonly refreshed: Refreshed,
    /** how often the clock asks; 0: never */
    public everyS: number,
  ) {
    this.happened = settled(() => this.recount(), AFTER_EVENT_MS);
    setInterval(() => this.look(), 1_000);
    document.addEventListener("visibilitychange", () => this.look());
  }

  asked(): void {
    this.settledAt = undefined;
  }

  answered(): void {
    this.failed = false;
    this.settledAt = Date.now();
  }

  /** Whatever was asked for is asked for again soon, also where the clock asks nothing. */
  lost(): void {
    this.failed = true;
    this.settledAt = Date.now();
  }

  private look(): void {
    if (document.hidden) return;
    if (this.missed) {
      this.missed = false;
      this.happened();
    }
    const goesOn = this.failed || (this.everyS > 0 && this.refreshed.isLive());
    const waitMs = this.failed ? FAILED_AGAIN_MS : this.everyS * 1_000;
    if (!goesOn || this.settledAt === undefined || Date.now() - this.settledAt < waitMs) return;
    this.asked();
    void this.refreshed.goOn();
  }

  private async recount(): Promise<void> {
    await this.refreshed.rest();
    if (!this.refreshed.isLive()) return;
    // nobody looks: once somebody does
    if (document.hidden) this.missed = true;
    else await this.refreshed.recount();
  }
}
