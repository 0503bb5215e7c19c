import { describe, expect, it } from "vitest";
import {
  boxOf,
  cornersOf,
  Course,
  moved,
  partAt,
  partsOf,
  placeOfProblem,
  reordered,
  resized,
  type Template,
  valueAt,
  withoutPart,
  withPart,
  withValue,
} from "./label_model";

const plate: Template = {
  key: "plate",
  width_mm: 60,
  height_mm: 90,
  qr: { x_mm: 4, y_mm: 16, side_mm: 52 },
  elements: [
    { type: "text", field: "name", x_mm: 3, y_mm: 3, width_mm: 54, size_mm: 7 },
    { type: "box", x_mm: 1, y_mm: 1, width_mm: 10, height_mm: 5 },
    { type: "arc", field: "token", radius_mm: 25, size_mm: 4, span_deg: 180, at: "bottom" },
  ],
  holes: [{ x_mm: 6, y_mm: 30, diameter_mm: 4 }],
  sheet: { columns: 3 },
};

describe("a template's parts", () => {
  it("are the label, the symbol, what is drawn, holes and the sheet, in this order", () => {
    expect(partsOf(plate).map((part) => part.kind)).toEqual(["label", "qr", "text", "box", "arc", "hole", "sheet"]);
  });

  it("are seen on a label whose corners are as round as the plate's", () => {
    expect(cornersOf({ ...plate, shape: "rounded", corner_mm: 6 })).toBe("10% / 6.666666666666667%");
    expect(cornersOf({ ...plate, shape: "round" })).toBe("50%");
    expect(cornersOf({ ...plate, shape: "rounded" })).toBe("");
    expect(cornersOf({ ...plate, shape: "rect", corner_mm: 6 })).toBe("");
  });

  it("stand where their numbers say, and a hole is given by its middle", () => {
    expect(boxOf(plate, partAt(plate, "elements.0"))).toEqual({ x: 3, y: 3, width: 54, height: 7 });
    expect(boxOf(plate, partAt(plate, "holes.0"))).toEqual({ x: 4, y: 28, width: 4, height: 4 });
    expect(boxOf(plate, partAt(plate, "elements.2"))).toEqual({ x: 5, y: 66, width: 50, height: 4 });
  });

  it("fall back to the label when one is gone", () => {
    expect(partAt(plate, "elements.9").kind).toBe("label");
  });
});

describe("changing a template", () => {
  it("leaves the old one as it was", () => {
    const next = withValue(plate, "elements.0.size_mm", 9);
    expect(valueAt(next, "elements.0.size_mm")).toBe(9);
    expect(valueAt(plate, "elements.0.size_mm")).toBe(7);
    expect(next.holes).toBe(plate.holes);
  });

  it("moves a part, and letters on a lower arc outwards when they go down", () => {
    expect(valueAt(moved(plate, partAt(plate, "qr"), 1, -0.5), "qr")).toEqual({ x_mm: 5, y_mm: 15.5, side_mm: 52 });
    expect(valueAt(moved(plate, partAt(plate, "elements.2"), 5, 1), "elements.2.radius_mm")).toBe(26);
  });

  it("keeps the symbol square when it grows", () => {
    expect(valueAt(resized(plate, partAt(plate, "qr"), 0, -2), "qr.side_mm")).toBe(50);
  });

  it("takes an element away, but never the symbol", () => {
    expect(partsOf(withoutPart(plate, partAt(plate, "elements.1"))).map((part) => part.kind)).not.toContain("box");
    expect(withoutPart(plate, partAt(plate, "qr"))).toBe(plate);
    expect(withoutPart(plate, partAt(plate, "sheet")).sheet).toBeUndefined();
  });

  it("adds a part at the end and says where it is", () => {
    const made = withPart(plate, "text");
    expect(made.path).toBe("elements.3");
    expect(partAt(made.template, made.path).kind).toBe("text");
  });

  it("draws an element later, and stops at the end", () => {
    const next = reordered(plate, partAt(plate, "elements.0"), 1);
    expect(next.path).toBe("elements.1");
    expect(valueAt(next.template, "elements.1.type")).toBe("text");
    expect(reordered(plate, partAt(plate, "elements.2"), 1).template).toBe(plate);
  });

  it("finds what a problem of the server speaks of", () => {
    const found = placeOfProblem(plate, "elements[2].radius_mm");
    expect([found.part.path, found.property]).toEqual(["elements.2", "radius_mm"]);
    expect(placeOfProblem(plate, "name_zh")).toEqual({ part: { path: "", kind: "label" }, property: "name_zh" });
  });
});

describe("the course of an edit", () => {
  it("is undone and done again step by step", () => {
    const course = new Course(plate);
    course.change(withValue(plate, "width_mm", 61));
    course.change(withValue(course.template, "width_mm", 62));
    course.undo();
    expect(course.template.width_mm).toBe(61);
    course.redo();
    expect(course.template.width_mm).toBe(62);
    course.undo();
    course.undo();
    expect([course.template, course.canUndo]).toEqual([plate, false]);
  });

  it("counts one drag as one step", () => {
    const course = new Course(plate);
    for (const width of [61, 62, 63]) course.change(withValue(course.template, "width_mm", width), "drag");
    course.undo();
    expect(course.template).toBe(plate);
  });
});
