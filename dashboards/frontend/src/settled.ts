// Many reasons to fetch, one fetch.

/** So many times as long as a fetch took, nothing is fetched after it: a server that has much to do is left alone. */
const LEFT_ALONE = 2;

/**
 * Runs `work` soon after it is asked for (`waitMs`): once for many requests, never twice at a time, never lost.
 *
 * After it, it rests for `restMs` at least: where something happens all the time, nobody reads faster than that, and
 * what each fetch leaves behind in the browser is cleared away late.
 */
export function settled(work: () => Promise<void>, waitMs: number, restMs = 0): () => void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let running = false;
  let again = false;
  let restsUntil = 0;
  const run = async (): Promise<void> => {
    timer = undefined;
    running = true;
    const began = performance.now();
    try {
      await work();
    } catch {
      // The badge beside the menu tells that the connection is gone; what is on the page stays, with its time.
    } finally {
      running = false;
      const now = performance.now();
      if (restMs > 0) restsUntil = now + Math.max(restMs, LEFT_ALONE * (now - began));
      if (again) {
        again = false;
        ask();
      }
    }
  };
  const ask = (): void => {
    if (running) again = true;
    else timer ??= setTimeout(() => void run(), Math.max(waitMs, restsUntil - performance.now()));
  };
  return ask;
}
