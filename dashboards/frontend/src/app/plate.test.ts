import { describe, expect, it } from "vitest";
import { tokenIn } from "./plate";

describe("the token of a plate", () => {
  it.each([
    ["HTTPS://CITY.EXAMPLE/Q/K3M7-PQ2X", "K3M7PQ2X"],
    ["https://city.example/q/k3m7pq2x?x=1", "K3M7PQ2X"],
    [" k3m7 pq2x ", "K3M7PQ2X"],
    ["3205080118000001", "3205080118000001"],
  ])("is found in %s", (text, token) => {
    expect(tokenIn(text)).toBe(token);
  });
  it.each(["", "https://city.example/report", "weixin://pay/abc", "https://city.example/q/%E0%A4%A", "<script>"])("is not in %s", (text) => {
    expect(tokenIn(text)).toBe("");
  });
});
