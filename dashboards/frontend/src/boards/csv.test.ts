import { expect, test } from "vitest";
import { csvOf } from "./csv";
import type { Column } from "./shapes";

const COLUMNS: readonly Column[] = [
  { key: "t", name: "Time", kind: "time" },
  { key: "v", name: 'Tilt, "A"', kind: "number", unit: "deg" },
];
const file = (rows: readonly (readonly (string | number | null)[])[], columns = COLUMNS): string =>
  csvOf({ columns, rows }, (ms) => `at ${ms}`, ({ name, unit }) => (unit === undefined ? name : `${name} (${unit})`));

test("moments are on the city's clock, what is missing is empty, and units stand in the heads", () => {
  expect(file([[1, 0.5], [2, null]])).toBe('\ufeffTime,"Tilt, ""A"" (deg)"\r\nat 1,0.5\r\nat 2,\r\n');
});

test("words that a spreadsheet would run are only words, and numbers below zero stay numbers", () => {
  const columns: readonly Column[] = [{ key: "n", name: "=1+1", kind: "text" }, { key: "v", name: "V", kind: "number" }];
  expect(file([["@cmd", -3]], columns)).toBe("\ufeff'=1+1,V\r\n'@cmd,-3\r\n");
});
