import { expect, test, vi } from "vitest";
import { Refused, refusal, within } from "./answers";

const PROBLEM = {
  type: "http://city.example/api/docs#problem-invalid_input",
  title: "Something does not fit",
  status: 422,
  detail: "points: 0 must be between 10 and 5000",
  code: "invalid_input",
  errors: [{ field: "points", problem: "0 must be between 10 and 5000" }],
  request_id: "0123456789ab",
};

function answer(body: string, type: string): Response {
  return new Response(body, { status: 422, headers: { "Content-Type": type } });
}

test("a refusal says what the server said, field by field", async () => {
  const refused = await refusal(answer(JSON.stringify(PROBLEM), "application/problem+json"));
  expect(refused).toBeInstanceOf(Refused);
  expect(refused.message).toBe(PROBLEM.detail);
  expect(refused.problem?.errors[0]?.field).toBe("points");
});

test("a question is given up when its time is over, also where the browser has no word for that", () => {
  vi.useFakeTimers();
  vi.spyOn(AbortSignal, "timeout").mockImplementation(() => {
    throw new TypeError("not a function");
  });
  const signal = within(20_000);
  vi.advanceTimersByTime(19_999);
  expect(signal.aborted).toBe(false);
  vi.advanceTimersByTime(1);
  expect([signal.aborted, (signal.reason as DOMException).name]).toEqual([true, "TimeoutError"]);
  vi.restoreAllMocks();
  vi.useRealTimers();
});

test("what a proxy answers, or what was cut off, still tells the status", async () => {
  for (const strange of [answer("<h1>Bad gateway</h1>", "text/html"), answer('{"ti', "application/problem+json")]) {
    const refused = await refusal(strange);
    expect(refused.status).toBe(422);
    expect(refused.problem).toBeNull();
    expect(refused.message).toContain("422");
  }
});
