import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { AFTER_EVENT_MS, FAILED_AGAIN_MS, Freshness, type Refreshed } from "./freshness";

/** A board whose questions end when the test says so. */
class Board implements Refreshed {
  readonly did: string[] = [];
  live = true;
  end: () => void = () => undefined;
  private under: Promise<void> = Promise.resolve();

  isLive(): boolean {
    return this.live;
  }

  goOn(): Promise<void> {
    return this.ask("all");
  }

  recount(): Promise<void> {
    return this.ask("counted");
  }

  rest(): Promise<void> {
    return this.under;
  }

  private ask(what: string): Promise<void> {
    this.did.push(what);
    this.under = new Promise((done) => (this.end = done));
    return this.under;
  }
}

let page: EventTarget & { hidden: boolean };
beforeEach(() => {
  vi.useFakeTimers();
  page = Object.assign(new EventTarget(), { hidden: false });
  vi.stubGlobal("document", page);
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

test("what happens while an answer is under way is asked for after it", async () => {
  const board = new Board();
  const freshness = new Freshness(board, 30);
  freshness.answered();
  await vi.advanceTimersByTimeAsync(30_000);
  expect(board.did).toEqual(["all"]);
  freshness.happened();
  await vi.advanceTimersByTimeAsync(2 * AFTER_EVENT_MS);
  expect(board.did).toEqual(["all"]);
  board.end();
  await vi.advanceTimersByTimeAsync(0);
  expect(board.did).toEqual(["all", "counted"]);
});

test("what happens while nobody looks is asked for once somebody does", async () => {
  const board = new Board();
  const freshness = new Freshness(board, 0);
  page.hidden = true;
  freshness.happened();
  await vi.advanceTimersByTimeAsync(10 * AFTER_EVENT_MS);
  expect(board.did).toEqual([]);
  page.hidden = false;
  page.dispatchEvent(new Event("visibilitychange"));
  await vi.advanceTimersByTimeAsync(AFTER_EVENT_MS);
  expect(board.did).toEqual(["counted"]);
});

test("a span that does not go on stays as it is, but is asked for again where that failed", async () => {
  const board = new Board();
  board.live = false;
  const freshness = new Freshness(board, 30);
  freshness.answered();
  freshness.happened();
  await vi.advanceTimersByTimeAsync(120_000);
  expect(board.did).toEqual([]);
  freshness.lost();
  await vi.advanceTimersByTimeAsync(FAILED_AGAIN_MS);
  expect(board.did).toEqual(["all"]);
});

test("a slow answer is waited for, however short the interval", async () => {
  const board = new Board();
  const freshness = new Freshness(board, 5);
  freshness.answered();
  await vi.advanceTimersByTimeAsync(60_000);
  expect(board.did).toEqual(["all"]);
});
