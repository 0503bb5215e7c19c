import { expect, it } from "vitest";
import { sizeOf, whyRefused } from "./files";

it("writes sizes as people say them", () => {
  expect(sizeOf(0)).toBe("0 B");
  expect(sizeOf(999)).toBe("999 B");
  expect(sizeOf(1_000)).toBe("1.0 kB");
  expect(sizeOf(4_210_000)).toBe("4.2 MB");
  expect(sizeOf(209_700_000)).toBe("210 MB");
  expect(sizeOf(3_000_000_000_000)).toBe("3000 GB");
});

it("says what the server said, and nothing when somebody else answered", () => {
  const errors = [{ field: "file", problem: "is empty" }];

  expect(whyRefused(JSON.stringify({ detail: "can't be used", errors }))).toBe("is empty");
  expect(whyRefused(JSON.stringify({ detail: "too large", errors: [] }))).toBe("too large");
  expect(whyRefused("<html>502 Bad Gateway</html>")).toBeUndefined();
});
