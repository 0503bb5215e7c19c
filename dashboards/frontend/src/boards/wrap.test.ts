import { expect, test } from "vitest";
import { wordsIn, wrapped } from "./wrap";

const lines = (text: string, width: number): string[] =>
  wrapped(
    wordsIn(text).map((word) => ({ text: word })),
    width,
    (word) => word.text.length,
  ).map((line) =>
    line
      .map((word) => word.text)
      .join("")
      .trimEnd(),
  );

test("English breaks between words and Chinese between characters", () => {
  expect(lines("call the duty room", 8)).toEqual(["call the", "duty", "room"]);
  expect(lines("夜间先断电再开盖", 3)).toEqual(["夜间先", "断电再", "开盖"]);
});

test("no line begins with a comma or a full stop", () => {
  expect(lines("先断电，再开盖。", 3)).toEqual(["先断", "电，再", "开盖。"]);
});

test("a word that is wider than the line is broken, and nothing of it is lost", () => {
  const long = "https://example.org/a/b";
  expect(lines(long, 7).join("")).toBe(long);
  expect(Math.max(...lines(long, 7).map((line) => line.length))).toBe(7);
});
