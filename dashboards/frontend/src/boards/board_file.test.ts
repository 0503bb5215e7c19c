import { expect, test } from "vitest";
import { boardOfFile } from "./board_file";
import { withPanel } from "./draft";
import type { Board } from "./shapes";

const BOARD: Board = withPanel(
  { key: "night", name: { zh: "夜班", en: "Night" }, note: { zh: "", en: "" }, time: { from: "-7d", to: "now" }, refresh_s: 60, variables: [{ name: "area", multi: true, default: ["3205"] }], annotations: ["alerts"], panels: [] },
  "stat",
).board;

test("a board that was downloaded is the same again, under the key of the board that is edited", () => {
  expect(boardOfFile(JSON.stringify(BOARD), "")).toEqual({ ...BOARD, key: "" });
});

test("what a file does not say is as usual", () => {
  const plain = { name: { zh: "夜班" }, panels: [{ id: "a", kind: "text", x: 0, y: 0, w: 4, h: 2 }] };
  expect(boardOfFile(JSON.stringify(plain), "k")).toEqual({
    ...BOARD,
    key: "k",
    name: { zh: "夜班", en: "" },
    time: { from: "-24h", to: "now" },
    refresh_s: 30,
    variables: [],
    annotations: [],
    panels: [{ id: "a", kind: "text", x: 0, y: 0, w: 4, h: 2, title: { zh: "", en: "" }, source: null, options: {} }],
  });
});

const panel = { id: "a", kind: "stat", x: 0, y: 0, w: 4, h: 4 };
test.each([
  ["no JSON", "{"],
  ["something else", "[1, 2]"],
  ["no panels", JSON.stringify({ name: { zh: "" } })],
  ["a panel of an unknown kind", JSON.stringify({ name: {}, panels: [{ ...panel, kind: "pie" }] })],
  ["a panel without a place", JSON.stringify({ name: {}, panels: [{ ...panel, x: undefined }] })],
  ["two panels of one id", JSON.stringify({ name: {}, panels: [panel, panel] })],
  ["an unknown variable", JSON.stringify({ name: {}, panels: [], variables: [{ name: "colour" }] })],
])("a file with %s is none", (_, text) => {
  expect(boardOfFile(text, "k")).toBeUndefined();
});
