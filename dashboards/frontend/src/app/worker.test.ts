import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

const HOUSE = "https://house.example";
const LATER = "covercode-app-later";
const BUILT = "/static/built/assets/";

/** A browser's shelves, as far as the worker uses them; what the line can't bring is not put on one. */
class Shelves {
  readonly all = new Map<string, Map<string, Response>>();
  line: (address: string) => Promise<Response> = (address) => Promise.resolve(new Response(address));

  private shelf(name: string): Map<string, Response> {
    const shelf = this.all.get(name) ?? new Map<string, Response>();
    this.all.set(name, shelf);
    return shelf;
  }

  readonly open = (name: string): Promise<unknown> => {
    const shelf = this.shelf(name);
    return Promise.resolve({
      put: (address: string, answer: Response) => Promise.resolve(shelf.set(address, answer)),
      match: (address: string) => Promise.resolve(shelf.get(address)?.clone()),
      keys: () => Promise.resolve([...shelf.keys()].map((address) => ({ url: HOUSE + address }))),
      delete: (one: { url: string }) => Promise.resolve(shelf.delete(new URL(one.url).pathname)),
      addAll: async (addresses: string[]) => {
        const answers = await Promise.all(addresses.map(async (address) => [address, await this.line(address)] as const));
        for (const [address, answer] of answers) shelf.set(address, answer);
      },
    });
  };
  readonly match = (address: string): Promise<Response | undefined> => Promise.resolve([...this.all.values()].find((shelf) => shelf.has(address))?.get(address)?.clone());
  readonly keys = (): Promise<string[]> => Promise.resolve([...this.all.keys()]);
  readonly delete = (name: string): Promise<boolean> => Promise.resolve(this.all.delete(name));
  names(shelf: string): string[] {
    return [...(this.all.get(shelf)?.keys() ?? [])].sort();
  }
}

type Handler = (event: object) => void;

/** A version of the worker; `fire` answers when it has done what it was asked. */
async function version(name: string): Promise<(event: string, more?: object) => Promise<unknown>> {
  const handlers = new Map<string, Handler>();
  vi.stubGlobal("addEventListener", (event: string, handler: Handler) => handlers.set(event, handler));
  vi.resetModules();
  await import("./worker");
  const told = { version: name, shell: [`${BUILT}main-${name}.js`, "/app/manifest.webmanifest"], later: [`${BUILT}reader-${name}.js`, `${BUILT}zxing-${name}.wasm`] };
  return async (event, more = {}) => {
    vi.stubGlobal("COVERCODE", told);
    let done: unknown;
    const take = (work: Promise<unknown>): void => void (done = work);
    handlers.get(event)?.({ waitUntil: take, respondWith: take, ...more });
    return done;
  };
}

const reader = (name: string): string[] => [`${BUILT}reader-${name}.js`, `${BUILT}zxing-${name}.wasm`];
const asked = (address: string): object => ({ request: { method: "GET", url: HOUSE + address } });
let shelves: Shelves;

beforeEach(() => {
  shelves = new Shelves();
  vi.stubGlobal("caches", shelves);
  vi.stubGlobal("location", { origin: HOUSE });
  vi.stubGlobal("clients", { claim: () => Promise.resolve() });
  vi.stubGlobal("fetch", (request: string | { url: string }) => shelves.line(typeof request === "string" ? request : new URL(request.url).pathname));
});
afterEach(() => {
  vi.unstubAllGlobals();
});

describe("the worker", () => {
  it("keeps the shell, and answers with it when the line is gone", async () => {
    const fire = await version("one");
    await fire("install");
    expect(shelves.names("covercode-app-one")).toEqual(["/app", "/app/manifest.webmanifest", `${BUILT}main-one.js`]);
    shelves.line = () => Promise.reject(new TypeError("no signal"));
    const answer = (await fire("fetch", asked("/app"))) as Response;
    expect(await answer.text()).toBe("/app");
    expect(await fire("fetch", asked("/api/v1/cases"))).toBeUndefined();
  });

  it("is not installed without all of the shell", async () => {
    const fire = await version("one");
    shelves.line = (address) => Promise.resolve(new Response("", { status: address === "/app" ? 502 : 200 }));
    await expect(fire("install")).rejects.toThrow("/app: 502");
  });

  it("keeps what reads codes only on a phone that asks for it", async () => {
    const fire = await version("one");
    await fire("install");
    expect(shelves.names(LATER)).toEqual([]);
    await fire("message", { data: { say: "keep the reader" } });
    expect(shelves.names(LATER)).toEqual(reader("one"));
  });

  it("brings the reader of a newer version with it, takes none from the older one, and clears up when it takes over", async () => {
    const older = await version("one");
    await older("install");
    await older("message", { data: { say: "keep the reader" } });
    const newer = await version("two");
    await newer("install");
    await older("message", { data: { say: "keep the reader" } }); // the app is opened once more before anybody updates
    expect(shelves.names(LATER)).toEqual([...reader("one"), ...reader("two")].sort());
    shelves.line = () => Promise.reject(new TypeError("no signal"));
    await newer("activate");
    expect([shelves.names(LATER), [...shelves.all.keys()].sort()]).toEqual([reader("two"), [LATER, "covercode-app-two"].sort()]);
    const answer = (await newer("fetch", asked(reader("two")[0] ?? ""))) as Response;
    expect(await answer.text()).toBe(reader("two")[0]);
  });
});
