import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { startDrafts } from "./drafts";

/** A field of a page, as far as drafts know it. */
class Field extends EventTarget {
  readonly dataset = { keep: "note-7" };
  readonly form = new EventTarget();

  constructor(public value = "") {
    super();
  }

  type(words: string): void {
    this.value = words;
    this.dispatchEvent(new Event("input"));
  }

  send(): void {
    this.form.dispatchEvent(new Event("submit", { cancelable: true }));
  }
}

/** A page of the server with the field, and whether it says that all went well. */
function page(field: Field, ok = false): Field {
  vi.stubGlobal("document", { querySelector: () => (ok ? {} : null), querySelectorAll: () => [field] });
  startDrafts();
  return field;
}

beforeEach(() => {
  const kept: Record<string, string> = {};
  const methods = {
    getItem: (key: string) => kept[key] ?? null,
    setItem: (key: string, value: string) => void (kept[key] = value),
    removeItem: (key: string) => void delete kept[key],
  };
  for (const [name, value] of Object.entries(methods)) Object.defineProperty(kept, name, { value, enumerable: false });
  vi.stubGlobal("window", { localStorage: kept });
});
afterEach(() => vi.unstubAllGlobals());

test("what was typed is there after the page was closed", () => {
  page(new Field()).type("frame replaced");
  expect(page(new Field()).value).toBe("frame replaced");
});

test("a note that was sent where no network took it is there again", () => {
  const field = page(new Field());
  field.type("frame replaced");
  field.send();
  expect(page(new Field()).value).toBe("frame replaced");
  expect(page(new Field()).value).toBe("frame replaced");
});

test("a note that was taken is forgotten", () => {
  const field = page(new Field());
  field.type("frame replaced");
  field.send();
  expect(page(new Field(), true).value).toBe("");
  expect(page(new Field()).value).toBe("");
});

test("what the server gives back is not written over", () => {
  const field = page(new Field());
  field.type("frame replaced");
  field.send();
  expect(page(new Field("frame replaced, seal too")).value).toBe("frame replaced, seal too");
});
