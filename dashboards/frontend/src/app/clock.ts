// Keeps on the phone what was heard of the city's clock: the time of an act is evidence on days without a signal too.
import { aheadMs, heardClock, recallAhead } from "../clock";
import { fact, keepFact, type Store } from "./kept";

/** What an earlier day heard counts until the city can be heard again. */
export async function recallClock(store: Store): Promise<void> {
  recallAhead((await fact<number>(store, "skew_ms")) ?? 0);
}

/** Takes the city's time (ISO 8601) out of an answer that came at `ownMs`, and keeps the difference. */
export async function keepClock(store: Store, said: string, ownMs: number): Promise<void> {
  heardClock(Date.parse(said), ownMs);
  // on a phone that is full it is known as long as the app is open
  if ((await fact<number>(store, "skew_ms")) !== aheadMs()) await keepFact(store, "skew_ms", aheadMs()).catch(() => undefined);
}
