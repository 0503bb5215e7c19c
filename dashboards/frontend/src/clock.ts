// The city's clock as its server tells it: a desk's or a phone's own may be wrong by minutes, and "now" is the city's.
// (The wall counts on from its last answer with a counter that nobody sets: `ServerClock` in wall_model.ts.)

/** A smaller difference may be the line's: the device is right enough. */
const NO_DIFFERENCE_MS = 30_000;
let difference = 0;

/** Unix ms by the city's clock, as far as it was heard. */
export function cityNow(): number {
  return Date.now() + difference;
}

/** How much the city's clock is ahead of this device's, ms: what an app keeps until the city can be heard again. */
export function aheadMs(): number {
  return difference;
}

/** Takes up what was known of the city's clock when the page was last open. */
export function recallAhead(ms: number): void {
  difference = ms;
}

/** Takes what the city says it was at `ownMs` of this device; never off by more than what does not matter after it. */
export function heardClock(cityMs: number, ownMs = Date.now()): void {
  const ahead = cityMs - ownMs;
  if (Number.isNaN(ahead) || Math.abs(ahead - difference) < NO_DIFFERENCE_MS) return;
  difference = Math.abs(ahead) < NO_DIFFERENCE_MS ? 0 : ahead;
}

/** The same out of an answer's header `Date` (whole seconds). */
export function heardAnswer(answer: Response): void {
  heardClock(Date.parse(answer.headers.get("Date") ?? ""));
}
