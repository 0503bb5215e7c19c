import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { startScanPlace } from "./position";

const words = { textContent: "", dataset: { waiting: "waiting", kept: "kept", far: "far", denied: "denied" } };
const button = { disabled: false, hidden: false, addEventListener: () => undefined };

beforeEach(() => {
  Object.assign(button, { disabled: false, hidden: false });
  const box = { dataset: { scanPlace: "/q/K3M7PQ2X/place", csrf: "word" }, hidden: true, querySelector: (what: string) => (what === "button" ? button : words) };
  vi.stubGlobal("document", { querySelector: () => box });
  const found = { coords: { longitude: 113.3, latitude: 23.1, accuracy: 9 } };
  vi.stubGlobal("navigator", {
    geolocation: { getCurrentPosition: (done: (place: object) => void) => done(found) },
    permissions: { query: () => Promise.resolve({ state: "granted" }) },
  });
});
afterEach(() => {
  vi.unstubAllGlobals();
});

const told = async (answer: () => Response): Promise<unknown[]> => {
  vi.stubGlobal("fetch", () => Promise.resolve(answer()));
  await startScanPlace();
  return [words.textContent, button.hidden, button.disabled];
};

it("a place is said to be kept once it is", async () => {
  expect(await told(() => Response.json({ flag: null }))).toEqual(["kept", true, true]);
  expect(await told(() => Response.json({ flag: "far" }))).toEqual(["far", true, true]);
});

it("a place that the city did not take is not, and can be told again", async () => {
  expect(await told(() => Response.json({ code: "not_found" }, { status: 404 }))).toEqual(["denied", false, false]);
});
