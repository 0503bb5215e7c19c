// The city's clock as its server tells it: a desk's own may be wrong by minutes, and "now" is the city's.

/** The server tells whole seconds, and what it says was a while on its way. */
const NO_DIFFERENCE_MS = 30_000;
let aheadMs = 0;

export function cityNow(): number {
  return Date.now() + aheadMs;
}

/** Takes the moment of an answer (its header `Date`); tells whether the city's clock is another than was thought. */
export function heardClock(date: string | null): boolean {
  const ahead = Date.parse(date ?? "") - Date.now();
  if (Number.isNaN(ahead) || Math.abs(ahead - aheadMs) < NO_DIFFERENCE_MS) return false;
  aheadMs = Math.abs(ahead) < NO_DIFFERENCE_MS ? 0 : ahead;
  return true;
}
