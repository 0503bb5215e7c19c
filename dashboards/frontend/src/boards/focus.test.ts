import { expect, test } from "vitest";
import { placeAgain } from "./focus";

test("a link that moved to another row is found there", () => {
  expect(placeAgain("/cases/7", 0, ["/cases/9", "/cases/7"])).toBe(1);
});

test("of several that lead to the same, the one at the same place is meant", () => {
  expect(placeAgain("/cases", 1, ["/cases", "/cases", "/cases"])).toBe(1);
});

test("where it has gone, what took its place is next, and the last where it was the last", () => {
  expect(placeAgain("/cases/7", 1, ["/cases/1", "/cases/2", "/cases/3"])).toBe(1);
  expect(placeAgain("/cases/7", 5, ["/cases/1", "/cases/2"])).toBe(1);
  expect(placeAgain("/cases/7", 0, [])).toBe(-1);
});

test("heads of columns, which have no address, are known by their place", () => {
  expect(placeAgain("", 2, ["/a", "", "", ""])).toBe(2);
});
