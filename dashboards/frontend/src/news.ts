// "This page has changed": shown instead of moving things under somebody's finger.
import { within } from "./answers";
import type { LiveEvent } from "./live";

/** Whether an event tells something that the page, whose newest entry is `newest`, does not show yet. */
export function isNews(event: Pick<LiveEvent, "at">, newest: string | undefined): boolean {
  return newest === undefined || Date.parse(event.at) > Date.parse(newest);
}

/** Tells that the page is older than `event`. */
export function showFreshNote(event: LiveEvent): void {
  if (isNews(event, document.body.dataset.newest)) show();
}

const newestOf = (page: Document): string | undefined => page.body.dataset.newest;

/** Tells so where the page would be another one by now, as `told` reads it: for when too much happened to be told of each. */
export async function lookForNews(told: (page: Document) => string | undefined = newestOf): Promise<void> {
  const answer = await fetch(location.href, { headers: { Accept: "text/html" }, signal: within(15_000) });
  if (!answer.ok) return;
  if (told(new DOMParser().parseFromString(await answer.text(), "text/html")) !== told(document)) show();
}

function show(): void {
  const note = document.querySelector<HTMLElement>("[data-fresh-note]");
  if (note !== null) note.hidden = false;
}
