// Keeps every <time data-ago>, <time data-countdown> and the title of <time data-since> on the page true.
import { cityNow } from "./clock";
import { ago, agoInMinutes, countdown } from "./format";
import { type Page, say } from "./page";

const EVERY_MS = 1000;

/** Writes the words of one <time> for `nowMs`. */
export function refreshTime(element: HTMLTimeElement, nowMs: number, page: Page): void {
  const moment = Date.parse(element.dateTime);
  if (Number.isNaN(moment)) return;
  if (element.dataset.countdown !== undefined) {
    const limit = element.dataset.limitS === undefined ? undefined : Number(element.dataset.limitS);
    const words = countdown(moment, nowMs, page.t, limit);
    say(element, words.text);
    element.classList.toggle("late", words.state === "late");
    element.classList.toggle("soon", words.state === "soon");
  } else {
    say(element, (element.dataset.ago === "minutes" ? agoInMinutes : ago)(moment, nowMs, page.t));
  }
}

/** What a clock alone leaves to who points at it: its day, and how long ago that was. */
export function sinceTitle(moment: number, now: number, page: Pick<Page, "moment" | "t">): string {
  return `${page.moment(moment)} · ${agoInMinutes(moment, now, page.t)}`;
}

export function refreshTimes(page: Page, root: ParentNode = document, now = cityNow()): void {
  for (const element of root.querySelectorAll<HTMLTimeElement>("time[data-since]")) {
    const title = sinceTitle(Date.parse(element.dateTime), now, page);
    if (element.title !== title) element.title = title;
  }
  for (const element of root.querySelectorAll<HTMLTimeElement>("time[data-ago], time[data-countdown]")) {
    refreshTime(element, now, page);
  }
}

export function startTimes(page: Page): void {
  refreshTimes(page);
  setInterval(() => {
    if (!document.hidden) refreshTimes(page);
  }, EVERY_MS);
  document.addEventListener("visibilitychange", () => refreshTimes(page));
}
