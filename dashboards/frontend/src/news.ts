// "This page has changed": shown instead of moving things under somebody's finger.
import type { LiveEvent } from "./live";

/** Whether an event tells something that the page, whose newest entry is `newest`, does not show yet. */
export function isNews(event: Pick<LiveEvent, "at">, newest: string | undefined): boolean {
  return newest === undefined || Date.parse(event.at) > Date.parse(newest);
}

/** Tells that the page is older than `event`. */
export function showFreshNote(event: LiveEvent): void {
  if (!isNews(event, document.body.dataset.newest)) return;
  const note = document.querySelector<HTMLElement>("[data-fresh-note]");
  if (note !== null) note.hidden = false;
}
