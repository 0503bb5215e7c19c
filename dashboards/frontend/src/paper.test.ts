import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { lightOnPaper, onPrintKey, printLight } from "./paper";
import { THEME_CHANGED } from "./theme";

let root: { dataset: { theme?: string } };
let told: (string | undefined)[];

beforeEach(() => {
  root = { dataset: { theme: "dark" } };
  told = [];
  const place = new EventTarget();
  place.addEventListener(THEME_CHANGED, () => told.push(root.dataset.theme));
  const probe = { style: {}, remove: () => undefined };
  vi.stubGlobal("document", { documentElement: root, createElement: () => probe, body: { append: () => undefined } });
  vi.stubGlobal("getComputedStyle", () => ({ color: root.dataset.theme === "dark" ? "rgb(11, 17, 23)" : "rgb(238, 241, 244)" }));
  vi.stubGlobal("matchMedia", () => ({ matches: true }));
  vi.stubGlobal("addEventListener", place.addEventListener.bind(place));
  vi.stubGlobal("dispatchEvent", place.dispatchEvent.bind(place));
  // as a browser prints: it says so before and after
  vi.stubGlobal("print", () => {
    dispatchEvent(new Event("beforeprint"));
    told.push(`printed ${root.dataset.theme}`);
    dispatchEvent(new Event("afterprint"));
  });
});
afterEach(() => {
  vi.unstubAllGlobals();
});

test("a dark page is printed light and is dark again", () => {
  lightOnPaper();
  print();
  print();
  expect(told).toEqual(["light", "printed light", "dark", "light", "printed light", "dark"]);
});

test("a page that is dark because the device is goes back to what the device says", () => {
  root.dataset.theme = "auto";
  lightOnPaper();
  print();
  expect(told).toEqual(["light", "printed light", "auto"]);
});

test("a light page is left alone", () => {
  root.dataset.theme = "light";
  lightOnPaper();
  print();
  expect(told).toEqual(["printed light"]);
});

test("a map is printed once it has drawn itself light", async () => {
  lightOnPaper();
  let drawn = (): void => undefined;
  const printing = printLight(() => new Promise<void>((done) => (drawn = done)));
  expect(told).toEqual(["light"]);
  drawn();
  await printing;
  expect(told).toEqual(["light", "printed light", "dark"]);
});

function press(key: string, more: object = {}): Event {
  const event = Object.assign(new Event("keydown", { cancelable: true }), { key, ctrlKey: true, ...more });
  dispatchEvent(event);
  return event;
}

test("the key that browsers print with waits for it too, where the page is dark", () => {
  let asked = 0;
  onPrintKey(() => (asked += 1));
  expect([press("p").defaultPrevented, press("P", { ctrlKey: false, metaKey: true }).defaultPrevented, asked]).toEqual([true, true, 2]);
  expect([press("p", { ctrlKey: false }).defaultPrevented, press("p", { shiftKey: true }).defaultPrevented, asked]).toEqual([false, false, 2]);
});
