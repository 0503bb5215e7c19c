import { expect, test } from "vitest";
import { asKind, asSource, namedVariables, selectionOf, withCondition, withCopy, withOption, withoutPanel, withPanel } from "./draft";
import type { Board } from "./shapes";

const EMPTY: Board = {
  key: "",
  name: { zh: "", en: "" },
  note: { zh: "", en: "" },
  time: { from: "-24h", to: "now" },
  refresh_s: 30,
  variables: [],
  annotations: [],
  panels: [],
};

test("a panel that is added shows something at once, and beside the others", () => {
  const one = withPanel(EMPTY, "time_series");
  const two = withPanel(one.board, "time_series");
  expect([one.id, two.id]).toEqual(["time-series-1", "time-series-2"]);
  expect(two.board.panels.map(({ x, y }) => [x, y])).toEqual([
    [0, 0],
    [12, 0],
  ]);
  expect(two.board.panels[1]?.source).toMatchObject({ of: "count", over: "hour" });
});

test("a copy is another panel, and taking the first away lets it rise", () => {
  const { board, id } = withPanel(EMPTY, "map");
  const copied = withCopy(withPanel(board, "table").board, id);
  expect(copied.board.panels).toHaveLength(3);
  expect(new Set(copied.board.panels.map((panel) => panel.id)).size).toBe(3);
  expect(withoutPanel(copied.board, id).panels.every((panel) => panel.y === 0 || panel.y === 8)).toBe(true);
});

test("another kind keeps the source where it fits, and begins anew where not", () => {
  const stat = withPanel(EMPTY, "stat").board.panels[0]!;
  expect(asKind(stat, "bar", ["count", "quality"]).source).toBe(stat.source);
  expect(asKind(stat, "heat_map", ["week_hours"]).source).toEqual({ of: "week_hours", what: "alerts" });
  expect(asSource(stat, "series").source).toMatchObject({ of: "series", point: "tilt_z" });
});

test("a selection that was just begun stays the one that is filled in", () => {
  expect(selectionOf({ of: "series", of_class: [] })).toBe("of_class");
  expect(selectionOf({ of: "series", of_family: [], of_assets: [7] })).toBe("of_assets");
  expect(selectionOf({ of: "series", of_devices: "$device" })).toBe("of_devices");
  expect(selectionOf({ of: "series" })).toBe("of_family");
});

test("a condition is set, changed and taken away", () => {
  const set = withCondition({ of: "list", what: "cases" }, "area", "$area");
  expect(set).toEqual({ of: "list", what: "cases", where: { area: "$area" } });
  expect(withCondition(set, "area", undefined)).toEqual({ of: "list", what: "cases", where: {} });
});

test("an option that is left empty is not said", () => {
  expect(withOption({ unit: "mm", decimals: 1 }, "unit", "")).toEqual({ decimals: 1 });
  expect(withOption({}, "decimals", 0)).toEqual({ decimals: 0 });
  expect(withOption({ stacked: true }, "stacked", false)).toEqual({});
});

test("the variables that sources name are known", () => {
  const { board, id } = withPanel(EMPTY, "table");
  const named = { ...board, panels: board.panels.map((panel) => (panel.id === id ? { ...panel, source: withCondition(panel.source!, "unit", "$unit") } : panel)) };
  expect([...namedVariables(named)]).toEqual(["unit"]);
});
