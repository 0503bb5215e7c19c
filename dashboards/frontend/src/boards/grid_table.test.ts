import { expect, test } from "vitest";
import { sortedPlaces } from "./grid_table";

const ROWS = [
  ["盖 10", 3],
  ["盖 9", null],
  ["盖 2", 7],
] as const;

test("rows come in the order of a column, numbers as numbers", () => {
  expect(sortedPlaces(ROWS, undefined)).toEqual([0, 1, 2]);
  expect(sortedPlaces(ROWS, { column: 0, down: false })).toEqual([2, 1, 0]);
  expect(sortedPlaces(ROWS, { column: 1, down: false })).toEqual([0, 2, 1]);
});

test("what is missing comes last either way", () => {
  expect(sortedPlaces(ROWS, { column: 1, down: true })).toEqual([2, 0, 1]);
});
