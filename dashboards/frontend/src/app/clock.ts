// The city's clock on this phone: phones are wrong by minutes, and the time of an act is evidence.
import { fact, keepFact, type Store } from "./kept";

/** A smaller difference may be the line's: the phone is right enough. */
const MATTERS_MS = 30_000;
/** What is kept is written anew when it is wrong by more than this. */
const SAME_MS = 1_000;

let skewMs = 0;

/** Unix ms by the city's clock, as far as the phone has heard of it. */
export const cityNow = (): number => Date.now() + (Math.abs(skewMs) > MATTERS_MS ? skewMs : 0);

/** What an earlier day heard counts until the city can be heard again. */
export async function recallSkew(store: Store): Promise<void> {
  skewMs = (await fact<number>(store, "skew_ms")) ?? 0;
}

/** Takes the city's time (ISO 8601) out of an answer that came at `nowMs`, and keeps the difference for days without a signal. */
export async function heardTime(store: Store, said: string, nowMs: number): Promise<void> {
  const skew = Date.parse(said) - nowMs;
  if (!Number.isFinite(skew)) return;
  skewMs = skew;
  const kept = await fact<number>(store, "skew_ms");
  // on a phone that is full it is known as long as the app is open
  if (kept === undefined || Math.abs(kept - skew) > SAME_MS) await keepFact(store, "skew_ms", skew).catch(() => undefined);
}
