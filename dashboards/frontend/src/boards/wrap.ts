// Words broken into lines that fit, for pictures: a canvas writes one line and squeezes what is too long. Pure.

/** Han characters each stand alone, with the signs that must not begin a line; other words stay whole. */
const WORD = /[\u2e80-\u9fff\uf900-\ufaff][\u3001\u3002\uff01\uff09\uff0c\uff1a\uff1b\uff1f\u201d\u300b\u300d\u300f]*|\s+|[^\s\u2e80-\u9fff\uf900-\ufaff]+/gu;

export function wordsIn(text: string): string[] {
  return text.match(WORD) ?? [];
}

/** The lines, each at most `width` wide as `measure` says; a word that is wider than that is broken within. */
export function wrapped<T extends { readonly text: string }>(words: readonly T[], width: number, measure: (word: T) => number): T[][] {
  const lines: T[][] = [];
  let line: T[] = [];
  let used = 0;
  const end = (): void => {
    lines.push(line);
    line = [];
    used = 0;
  };
  const put = (word: T): void => {
    const wide = measure(word);
    const blank = word.text.trim() === "";
    if (used + wide > width && line.length > 0) {
      if (blank) return; // the line's end is room enough
      end();
    }
    if (blank && line.length === 0) return;
    line.push(word);
    used += wide;
  };
  for (const word of words) {
    if (measure(word) <= width) put(word);
    else for (const text of word.text) put({ ...word, text });
  }
  if (line.length > 0) end();
  return lines;
}
