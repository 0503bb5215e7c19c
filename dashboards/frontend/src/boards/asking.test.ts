import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Refused } from "../answers";
import { Asking, PATIENCE_MS, problemWords, type Question } from "./asking";
import type { Answer } from "./shapes";

const QUESTION: Question = { span: { fromMs: 0, toMs: 60_000 }, choices: {}, widthPx: 600, panels: undefined };
const LINE = '{"panel":"one","from_ms":0,"to_ms":60000}\n';

/** What the server sends as it sends it; the connection breaks when the page gives up. */
let server: ReadableStreamDefaultController<Uint8Array>;
let told: Answer[];

function answered(version: string): void {
  vi.stubGlobal("fetch", (_address: string, { signal }: RequestInit) => {
    const body = new ReadableStream<Uint8Array>({ start: (controller) => void (server = controller) });
    signal?.addEventListener("abort", () => server.error(new DOMException("given up", "AbortError")));
    return Promise.resolve(new Response(body, { headers: { "Board-Version": version } }));
  });
}

function send(line: string): void {
  server.enqueue(new TextEncoder().encode(line));
}

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal("document", { querySelector: () => null });
  told = [];
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

test("each answer is told as it comes", async () => {
  answered("3");
  const outcome = new Asking("/answers", 3).ask(QUESTION, (answer) => told.push(answer));
  await vi.advanceTimersByTimeAsync(0);
  send(LINE);
  await vi.advanceTimersByTimeAsync(0);
  expect(told.map(({ panel }) => panel)).toEqual(["one"]);
  server.close();
  expect(await outcome).toBe("answered");
});

test("a question of which nothing more comes is given up, and a slow one is not", async () => {
  answered("3");
  const outcome = new Asking("/answers", 3).ask(QUESTION, (answer) => told.push(answer));
  await vi.advanceTimersByTimeAsync(PATIENCE_MS - 1);
  send(LINE);
  await vi.advanceTimersByTimeAsync(PATIENCE_MS - 1);
  send(LINE);
  await vi.advanceTimersByTimeAsync(PATIENCE_MS);
  expect(await outcome).toBe("unreachable");
  expect(told).toHaveLength(2);
});

test("answers of another version of the board are not told as those of this one", async () => {
  answered("4");
  expect(await new Asking("/answers", 3).ask(QUESTION, (answer) => told.push(answer))).toBe("changed");
  expect(told).toEqual([]);
});

test("only our server's own words say why it refused", () => {
  const said = { type: "", title: "", status: 422, detail: "name.zh: is missing", code: "invalid_input", errors: [{ field: "name.zh", problem: "is missing" }], request_id: "" };
  expect(problemWords(new Refused(422, said))).toBe("name.zh: is missing");
  expect(problemWords(new Refused(422, { ...said, errors: [], detail: "it was removed" }))).toBe("it was removed");
  expect(problemWords(new Refused(502))).toBeUndefined();
  expect(problemWords(new TypeError("nothing answers"))).toBeUndefined();
});
