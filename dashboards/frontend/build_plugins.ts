// What the build does beside Vite: ships only the words that scripts use, and lays compressed files beside built ones.
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import type { Plugin } from "vite";
import { wordsUsed } from "./script_words";

const WORDS = "virtual:words/";
const COMPRESSED = /\.(?:js|mjs|css|svg|json|wasm|webmanifest)$/;
/** Below this a compressed file saves less than its headers cost. */
const SMALLEST_BYTES = 1_000;

/** Every source of the pages' scripts under `folder`, without the tests. */
export function scriptSources(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".ts") && !name.endsWith(".test.ts") && !name.endsWith(".d.ts"))
    .sort()
    .map((name) => join(folder, name));
}

/** `virtual:words/zh` and `virtual:words/en`: the words of `catalogues`/zh.json … that scripts under `sources` use. */
export function words(catalogues: string, sources: string): Plugin {
  return {
    name: "covercode-words",
    resolveId: (id) => (id.startsWith(WORDS) ? `\0${id}` : undefined),
    load(id) {
      if (!id.startsWith(`\0${WORDS}`)) return undefined;
      const catalogue = join(catalogues, `${id.slice(WORDS.length + 1)}.json`);
      const files = scriptSources(sources);
      for (const file of [catalogue, ...files]) this.addWatchFile(file);
      const all = JSON.parse(readFileSync(catalogue, "utf8")) as Record<string, string>;
      const used = wordsUsed(all, files.map((file) => readFileSync(file, "utf8")));
      // parsing a text is quicker for the browser than an object literal, and keeps no name per key
      return `export default JSON.parse(${JSON.stringify(JSON.stringify(used))});`;
    },
  };
}

/** Lays `name.br` and `name.gz` beside each built file; what was compressed before is kept in `cache`. */
export function compressed(cache: string): Plugin {
  return {
    name: "covercode-compressed",
    apply: "build",
    writeBundle(options, bundle) {
      mkdirSync(cache, { recursive: true });
      for (const { fileName } of Object.values(bundle)) {
        const path = join(options.dir ?? "", fileName);
        if (!COMPRESSED.test(fileName) || !existsSync(path)) continue;
        const body = readFileSync(path);
        if (body.length < SMALLEST_BYTES) continue;
        const digest = createHash("sha256").update(body).digest("hex").slice(0, 32);
        writeFileSync(`${path}.br`, kept(join(cache, `${digest}.br`), () => brotli(body)));
        writeFileSync(`${path}.gz`, kept(join(cache, `${digest}.gz`), () => gzipSync(body, { level: 9 })));
      }
    },
  };
}

function brotli(body: Buffer): Buffer {
  const { BROTLI_PARAM_QUALITY, BROTLI_PARAM_SIZE_HINT, BROTLI_MAX_QUALITY } = constants;
  const params = { [BROTLI_PARAM_QUALITY]: BROTLI_MAX_QUALITY, [BROTLI_PARAM_SIZE_HINT]: body.length };
  return brotliCompressSync(body, { params });
}

function kept(path: string, make: () => Buffer): Buffer {
  if (existsSync(path)) return readFileSync(path);
  const made = make();
  writeFileSync(path, made);
  return made;
}
