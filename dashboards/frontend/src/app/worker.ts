// The service worker: keeps the shell, so that the app opens without a signal, and sends what waits when one comes back
// while no page is open. Each build is a version with a shelf of its own; an older page keeps its own until it reloads.
import { openStore } from "./kept";
import { sendAll } from "./sending";

interface Shell {
  readonly version: string;
  readonly shell: readonly string[];
  readonly later: readonly string[];
}

interface Waiting extends Event {
  waitUntil(work: Promise<unknown>): void;
}
interface Asked extends Waiting {
  readonly request: Request;
  respondWith(answer: Promise<Response>): void;
}
interface Told extends Waiting {
  readonly data: { readonly say?: string } | null;
}
interface Worker_ {
  readonly COVERCODE: Shell;
  readonly location: Location;
  readonly clients: { claim(): Promise<void>; matchAll(): Promise<{ postMessage(said: unknown): void }[]> };
  skipWaiting(): Promise<void>;
  addEventListener(name: "install" | "activate", does: (event: Waiting) => void): void;
  addEventListener(name: "fetch", does: (event: Asked) => void): void;
  addEventListener(name: "message", does: (event: Told) => void): void;
  addEventListener(name: "sync", does: (event: Waiting & { readonly tag: string }) => void): void;
}

const worker = globalThis as unknown as Worker_;
const SHELF = "covercode-app-";
const LATER = "covercode-app-later";
const PAGE = "/app";
const BUILT = "/static/built/assets/";

const shelf = (): string => SHELF + worker.COVERCODE.version;

worker.addEventListener("install", (event) => {
  event.waitUntil(
    (async () => {
      const kept = await caches.open(shelf());
      // built files never change under their name; the page does, so it is fetched past every cache between
      await kept.addAll(worker.COVERCODE.shell.filter((address) => address.startsWith(BUILT)));
      const fresh = [PAGE, ...worker.COVERCODE.shell.filter((address) => !address.startsWith(BUILT))];
      await Promise.all(
        fresh.map(async (address) => {
          const answer = await fetch(address, { cache: "reload" });
          if (!answer.ok) throw new Error(`${address}: ${answer.status}`);
          await kept.put(address, answer);
        }),
      );
      // a phone that kept the reader of the version before needs this one's on its first day too, with or without a signal
      if ((await (await caches.open(LATER)).keys()).length > 0) await keepReader().catch(() => undefined);
    })(),
  );
});

/** Keeps what reads QR codes where the browser can't. */
async function keepReader(): Promise<void> {
  const later = await caches.open(LATER);
  const missing = [];
  for (const address of worker.COVERCODE.later) if ((await caches.match(address)) === undefined) missing.push(address);
  await later.addAll(missing);
}

worker.addEventListener("activate", (event) => {
  event.waitUntil(
    (async () => {
      const old = (await caches.keys()).filter((name) => name.startsWith(SHELF) && name !== shelf() && name !== LATER);
      await Promise.all(old.map((name) => caches.delete(name)));
      // only now: while this version waited, both needed their reader
      const later = await caches.open(LATER);
      const wanted = new Set(worker.COVERCODE.later);
      for (const one of await later.keys()) if (!wanted.has(new URL(one.url).pathname)) await later.delete(one);
      await worker.clients.claim();
    })(),
  );
});

worker.addEventListener("fetch", (event) => {
  const address = new URL(event.request.url);
  if (event.request.method !== "GET" || address.origin !== worker.location.origin) return;
  if (address.pathname === PAGE) event.respondWith(keptOr(PAGE, event.request));
  else if (address.pathname.startsWith(BUILT) || worker.COVERCODE.shell.includes(address.pathname)) {
    event.respondWith(keptOr(address.pathname, event.request));
  }
});

/** What is kept under `name`; else from the network, and kept where it is a part that is only sometimes needed. */
async function keptOr(name: string, request: Request): Promise<Response> {
  const kept = (await (await caches.open(shelf())).match(name)) ?? (await caches.match(name));
  if (kept !== undefined) return kept;
  const answer = await fetch(request);
  if (answer.ok && worker.COVERCODE.later.includes(name)) await (await caches.open(LATER)).put(name, answer.clone());
  return answer;
}

worker.addEventListener("message", (event) => {
  if (event.data?.say === "take over") event.waitUntil(worker.skipWaiting());
  // a phone that can't read QR codes by itself keeps what can, for the day without a signal
  if (event.data?.say === "keep the reader") event.waitUntil(keepReader());
});

worker.addEventListener("sync", (event) => {
  if (event.tag !== "acts") return;
  event.waitUntil(
    navigator.locks.request("covercode-acts", async () => {
      const store = await openStore();
      const round = await sendAll(store, (address, init) => fetch(address, init), Date.now).finally(() => store.close());
      for (const client of await worker.clients.matchAll()) client.postMessage({ say: "acts changed" });
      if (round.again_ms !== undefined) throw new Error("not everything yet"); // the browser asks again later
    }),
  );
});
