import { expect, test } from "vitest";
import { LineReader } from "./lines";

test("lines are given when they are whole, however the network cut them", () => {
  const reader = new LineReader();
  expect(reader.take('{"a"')).toEqual([]);
  expect(reader.take(':1}\n\n{"b":2}\n{"c')).toEqual(['{"a":1}', '{"b":2}']);
  expect(reader.take('":3}')).toEqual([]);
  expect(reader.end()).toEqual(['{"c":3}']);
  expect(reader.end()).toEqual([]);
});
