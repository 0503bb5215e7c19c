// Many reasons to fetch, one fetch.

/** Runs `work` soon after it is asked for: once for many requests, never twice at a time, never lost. */
export function settled(work: () => Promise<void>, waitMs: number): () => void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let running = false;
  let again = false;
  const run = async (): Promise<void> => {
    timer = undefined;
    running = true;
    try {
      await work();
    } catch {
      // The badge beside the menu tells that the connection is gone; what is on the page stays, with its time.
    } finally {
      running = false;
      if (again) {
        again = false;
        ask();
      }
    }
  };
  const ask = (): void => {
    if (running) again = true;
    else timer ??= setTimeout(() => void run(), waitMs);
  };
  return ask;
}
