import "fake-indexeddb/auto";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Page } from "../page";
import { forget, openStore } from "./kept";
import type { Act, Carried } from "./shapes";
import { State } from "./state";

const NOW = Date.now();
const MINUTE_MS = 60_000;

function act(more: Partial<Act>): Act {
  const plain = { seq: 1, id: "a", key: "k", user_id: 7, user_name: "王强", about: "", line: "", done_at: new Date(NOW).toISOString(), request: null, pictures: [], tries: 0, next_ms: 0 } as const;
  return { ...plain, kind: "move", subject: { case_id: 9, move: "accept" }, state: "waiting", ...more };
}

const carried = (version: number, more: Partial<Carried> = {}): Carried => ({ cases: [{ case: { id: 9, version } }], permits: [], ...more }) as unknown as Carried;

let state: State;
beforeEach(async () => {
  state = new State(await openStore(), {} as Page);
  state.user = { id: 7, name: "王强" };
});
afterEach(async () => {
  state.store.close();
  await forget();
});

describe("the last move of a case", () => {
  it("leads on as long as what is carried does not show it", () => {
    state.carried = carried(4);
    state.acts = [act({})];
    expect(state.lastMove(9)?.id).toBe("a");
    state.acts = [act({ state: "sent", answer: { version: 5 } })];
    expect(state.lastMove(9)?.id).toBe("a");
    state.carried = carried(5);
    expect(state.lastMove(9)).toBeUndefined();
  });
  it("is one's own", () => {
    state.carried = carried(4);
    state.acts = [act({ user_id: 8 })];
    expect(state.lastMove(9)).toBeUndefined();
  });
});

describe("a permit that was started here", () => {
  const started = (more: Partial<Act>): Act => act({ kind: "permit", subject: { asset_id: 3 }, request: { path: "", body: { minutes: 60, work: "清淤" } }, ...more });

  it("runs while it waits, and as the city says once that was asked", () => {
    state.acts = [started({})];
    expect(state.permitOf(3)?.act?.id).toBe("a");
    state.acts = [started({ state: "sent", settled_ms: NOW, answer: { id: 40 } })];
    state.carried = carried(1, { asked_ms: NOW - MINUTE_MS });
    expect(state.permitOf(3)?.act?.id).toBe("a");
    const ends_at = new Date(NOW + 120 * MINUTE_MS).toISOString();
    state.carried = carried(1, { asked_ms: NOW + 1, permits: [{ id: 40, asset_id: 3, ended_at: null, ends_at, work: "清淤" }] as unknown as Carried["permits"] });
    expect(state.permitOf(3)).toMatchObject({ permit: { id: 40 }, ends_at });
    state.carried = carried(1, { asked_ms: NOW + 1 });
    expect(state.permitOf(3)).toBeUndefined();
  });
});
