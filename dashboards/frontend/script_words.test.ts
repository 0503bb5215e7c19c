import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { scriptSources } from "./build_plugins";
import { blindIn, namedIn, wordsUsed } from "./script_words";

const CALLED = /\bt\(\s*"([^"]+)"(?! \+)/g;
const BEGUN = /\bt\(\s*`([a-z][\w.]*)\$\{/g;
const here = import.meta.dirname;
const sources = scriptSources(join(here, "src")).map((file) => ({ file, source: readFileSync(file, "utf8") }));
const catalogues = ["zh", "en"].map(
  (language) => JSON.parse(readFileSync(join(here, `../words/${language}.json`), "utf8")) as Record<string, string>,
);

describe("the words of scripts", () => {
  const source = [
    't("chart.none"); const LATE = "time.overdue_by";',
    "t(`point.${name}`); t(`board.kind_${kind}_text`); t(\"unit.\" + unit);",
    "  // words: letter.* map.title",
    'import { a } from "./chart"; const address = `/assets/${id}`;',
  ].join("\n");

  it("are keys that stand in a source, beginnings that are filled, and what a line declares", () => {
    expect([...namedIn(source).keys]).toEqual(["chart.none", "time.overdue_by", "map.title"]);
    expect([...namedIn(source).beginnings]).toEqual(["point.", "board.kind_", "unit.", "letter."]);
  });

  it("are shipped alone, in the catalogue's order", () => {
    const catalogue = { "point.tilt": "1", "point": "2", "chart.none": "3", "chart.failed": "4", "letter.a.b": "5" };
    expect(Object.keys(wordsUsed(catalogue, [source]))).toEqual(["point.tilt", "chart.none", "letter.a.b"]);
  });

  it("have to be declared where a call begins with a value", () => {
    expect(blindIn("page.t(`${kind}.title`)")).toEqual(["t(`${kind}.title`"]);
    expect(blindIn("// words: case.* asset.*\npage.t(`${kind}.title`)")).toEqual([]);
  });
});

describe("every script", () => {
  const shipped = catalogues.map((catalogue) => wordsUsed(catalogue, sources.map(({ source }) => source)));

  it("asks only for words that are shipped, in both languages", () => {
    const asked = sources.flatMap(({ file, source }) =>
      Array.from(source.matchAll(CALLED), ([, key = ""]) => ({ file, key })),
    );
    expect(asked.length).toBeGreaterThan(50);
    for (const words of shipped) expect(asked.filter(({ key }) => words[key] === undefined)).toEqual([]);
  });

  it("declares what its calls don't show, and begins no key that no word has", () => {
    expect(sources.flatMap(({ file, source }) => blindIn(source).map((call) => ({ file, call })))).toEqual([]);
    const begun = sources.flatMap(({ file, source }) =>
      Array.from(source.matchAll(BEGUN), ([, beginning = ""]) => ({ file, beginning })),
    );
    for (const words of shipped) {
      const keys = Object.keys(words);
      expect(begun.filter(({ beginning }) => !keys.some((key) => key.startsWith(beginning)))).toEqual([]);
    }
  });
});
