// Which words the pages' scripts use, read out of their sources, so that a page loads these and not the whole catalogue.
//
// A script names a word in one of three ways:
//   t("chart.none")                a key as it stands, anywhere in a source;
//   t(`point.${name}`), "point." + name   a beginning, filled while the page runs: every key that begins so is shipped;
//   // words: letter.* map.title   a line that declares what no literal shows (a key that the server names).

/** What one source names: whole keys (or what looks like one) and beginnings of keys. */
export interface Named {
  readonly keys: ReadonlySet<string>;
  readonly beginnings: ReadonlySet<string>;
}

const LITERAL = /["'`]([a-z]\w*(?:\.\w+)+)["'`]/g;
const BEGINNING = /`([a-z]\w*\.[\w.]*)\$\{|"([a-z]\w*\.[\w.]*)" \+/g;
const DECLARED = /^\s*\/\/ words: (.+)$/gm;
// a template that begins with a value, straight in a call that looks a word up
const BLIND = /\bt\(\s*`\$\{[^`]*`/g;

/** What `source` (TypeScript) names. */
export function namedIn(source: string): Named {
  const keys = new Set(Array.from(source.matchAll(LITERAL), (found) => found[1] ?? ""));
  const beginnings = new Set(Array.from(source.matchAll(BEGINNING), (found) => found[1] ?? found[2] ?? ""));
  for (const [, line = ""] of source.matchAll(DECLARED)) {
    for (const one of line.trim().split(/\s+/)) {
      if (one.endsWith("*")) beginnings.add(one.slice(0, -1));
      else keys.add(one);
    }
  }
  return { keys, beginnings };
}

/** Calls in `source` whose word nothing in it tells; their source has to declare them. */
export function blindIn(source: string): string[] {
  return source.search(DECLARED) >= 0 ? [] : Array.from(source.matchAll(BLIND), ([call]) => call);
}

/** The part of `catalogue` that `sources` use, in the catalogue's order. */
export function wordsUsed(
  catalogue: Readonly<Record<string, string>>,
  sources: Iterable<string>,
): Record<string, string> {
  const keys = new Set<string>();
  const beginnings = new Set<string>();
  for (const source of sources) {
    const named = namedIn(source);
    for (const key of named.keys) keys.add(key);
    for (const beginning of named.beginnings) beginnings.add(beginning);
  }
  const begins = [...beginnings];
  const used = Object.entries(catalogue).filter(([key]) => keys.has(key) || begins.some((with_) => key.startsWith(with_)));
  return Object.fromEntries(used);
}
