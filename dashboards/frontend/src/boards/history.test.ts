import { expect, test } from "vitest";
import { History } from "./history";

test("what was done can be undone and done again", () => {
  const history = new History(0);
  history.put(1);
  history.put(2);
  history.undo();
  expect([history.value, history.canUndo, history.canRedo]).toEqual([1, true, true]);
  history.redo();
  expect([history.value, history.canRedo]).toEqual([2, false]);
  history.undo();
  history.put(9);
  history.redo();
  expect(history.value).toBe(9);
});

test("typing counts as one change until something else is done", () => {
  const history = new History("");
  for (const text of ["a", "ab", "abc"]) history.put(text, "title");
  history.put("abc!", "note");
  history.undo();
  expect(history.value).toBe("abc");
  history.undo();
  expect([history.value, history.canUndo]).toEqual(["", false]);
});
