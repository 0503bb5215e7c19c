// Follows work that takes time: polls an address and keeps a bar true until the work is over. Without it the page can be
// loaded again to the same effect.
import { fetchJson, Refused } from "./answers";
import { duration } from "./format";
import { type Page, part, say } from "./page";

/** What the address answers. `total` null: nobody knows yet. */
export interface Progress {
  readonly done: number;
  readonly total: number | null;
  readonly finished: boolean;
  readonly left_s?: number | null;
  readonly words?: string | null;
  /** where to go when finished; null: this page again */
  readonly next?: string | null;
}

/** How far the work was at a moment of this page's clock. */
export interface Mark {
  readonly atMs: number;
  readonly done: number;
}

const EVERY_MS = 1_000;
const SLOWEST_MS = 10_000;
const WINDOW_MS = 30_000;

/** The marks that still count for the speed, the oldest first: those of the last half minute and one before. */
export function lately(marks: readonly Mark[], nowMs: number): Mark[] {
  const first = marks.findIndex((mark) => nowMs - mark.atMs <= WINDOW_MS);
  return first < 0 ? marks.slice(-1) : marks.slice(Math.max(0, first - 1));
}

/** Seconds still needed at the speed of `marks`; undefined while the speed can't be told. */
export function secondsLeft(marks: readonly Mark[], total: number | null): number | undefined {
  const first = marks[0];
  const last = marks[marks.length - 1];
  if (first === undefined || last === undefined || total === null || last.done <= first.done) return undefined;
  const perMs = (last.done - first.done) / (last.atMs - first.atMs);
  return Math.max(0, total - last.done) / perMs / 1000;
}

class Follower {
  private marks: Mark[] = [];
  private pause = EVERY_MS;
  private spoken = -1;
  private readonly bar: HTMLProgressElement;

  constructor(
    private readonly box: HTMLElement,
    private readonly page: Page,
  ) {
    this.bar = part<HTMLProgressElement>("progress", box);
    part("[data-progress-reload]", box).hidden = true;
  }

  async follow(): Promise<void> {
    try {
      const now = await fetchJson<Progress>(this.box.dataset.progress ?? "");
      this.pause = EVERY_MS;
      if (now.finished) {
        this.leave(now.next ?? this.box.dataset.progressNext);
        return;
      }
      this.show(now, performance.now());
    } catch (error) {
      if (error instanceof Refused && error.status < 500) {
        location.reload(); // signed out or gone: the page itself says it in words
        return;
      }
      this.pause = Math.min(this.pause * 2, SLOWEST_MS);
      say(part("[data-progress-left]", this.box), this.page.t("progress.lost"));
    }
    setTimeout(() => void this.follow(), this.pause);
  }

  private show(now: Progress, atMs: number): void {
    const { t } = this.page;
    this.marks = lately([...this.marks, { atMs, done: now.done }], atMs);
    if (now.total === null) this.bar.removeAttribute("value");
    else {
      this.bar.max = Math.max(1, now.total);
      this.bar.value = now.done;
    }
    const grouped = (n: number): string => n.toLocaleString("en");
    const some = now.done > 0 ? grouped(now.done) : "";
    const count = now.total === null ? some : `${grouped(now.done)} / ${grouped(now.total)}`;
    say(part("[data-progress-count]", this.box), count);
    if (now.words) say(part("[data-progress-words]", this.box), now.words);
    const left = secondsLeft(this.marks, now.total) ?? now.left_s ?? undefined;
    say(part("[data-progress-left]", this.box), left === undefined ? "" : t("progress.left", { span: duration(left, t) }));
    this.speak(now);
  }

  /** Said aloud at each tenth only: a screen reader that counts every second is of no use. */
  private speak(now: Progress): void {
    if (now.total === null || now.total === 0) return;
    const tenth = Math.floor((10 * now.done) / now.total);
    if (tenth <= this.spoken) return;
    this.spoken = tenth;
    say(part("[data-progress-spoken]", this.box), this.page.t("progress.percent", { percent: tenth * 10 }));
  }

  private leave(address: string | undefined): void {
    if (address === undefined || address === "" || address === location.pathname + location.search) location.reload();
    else location.assign(address);
  }
}

/** Follows every progress of the page. */
export function startProgress(page: Page): void {
  for (const box of document.querySelectorAll<HTMLElement>("[data-progress]")) void new Follower(box, page).follow();
}
