import { describe, expect, test } from "vitest";
import { blocks, pieces, safeHref } from "./writing";

describe("text panels", () => {
  test("have headings, paragraphs and lists", () => {
    expect(blocks("# Duty\nCall **12345**\nat once.\n\n- one\n- two\n1. first\n---")).toEqual([
      { of: "heading", level: 3, pieces: [{ of: "text", text: "Duty" }] },
      { of: "paragraph", pieces: [{ of: "text", text: "Call " }, { of: "bold", text: "12345" }, { of: "text", text: " at once." }] },
      { of: "list", ordered: false, items: [[{ of: "text", text: "one" }], [{ of: "text", text: "two" }]] },
      { of: "list", ordered: true, items: [[{ of: "text", text: "first" }]] },
      { of: "rule" },
    ]);
  });

  test("take markup for what it says", () => {
    expect(pieces("<b>x</b>")).toEqual([{ of: "text", text: "<b>x</b>" }]);
  });

  test.each(["javascript:alert(1)", "data:text/html,x", "//other.host/x", "/\\other.host", "vbscript:x"])("make no link of %s", (href) => {
    expect(safeHref(href)).toBeUndefined();
    expect(pieces(`[x](${href})`)).toEqual([{ of: "text", text: `[x](${href})` }]);
  });

  test("link within the site and to web pages", () => {
    expect(pieces("see [cases](/cases?open_only=1)")[1]).toEqual({ of: "link", text: "cases", href: "/cases?open_only=1" });
    expect(safeHref("https://example.org/a")).toBe("https://example.org/a");
  });
});
