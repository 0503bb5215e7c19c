// Builds MapLibre from its published sources instead of its finished bundles. The bundles for the page and for the worker
// hold most of the library twice (436 kB compressed); built here they share it in a file that both load (228 kB).
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { type Plugin, transformWithOxc } from "vite";

const WORKER = "virtual:maplibre-worker";
/** Decodes tiles in another format than the vector tiles that we serve and read: 25 kB compressed that nobody here needs. */
const LEFT_OUT = "@maplibre/mlt";

/** `maplibre-gl` resolves to its sources; `virtual:maplibre-worker` is the address of the worker built beside them. */
export function maplibreFromSource(): Plugin {
  const sources = join(dirname(createRequire(import.meta.url).resolve("maplibre-gl/package.json")), "src");
  return {
    name: "covercode-maplibre",
    enforce: "pre",
    resolveId(id) {
      if (id === "maplibre-gl") return join(sources, "index.ts");
      return id === WORKER || id === LEFT_OUT ? `\0${id}` : undefined;
    },
    async transform(code, id) {
      if (!id.startsWith(sources) || !id.endsWith(".ts")) return undefined;
      // its classes name fields that their parents have set already: such a line must not set them to nothing again
      const { code: plain } = await transformWithOxc(code, id, {
        typescript: { removeClassFieldsWithoutInitializer: true },
        assumptions: { setPublicClassFields: true },
      });
      return { code: plain, map: null };
    },
    load(id) {
      if (id === `\0${LEFT_OUT}`) return "export const GEOMETRY_TYPE = {}; export const decodeTile = () => { throw new Error('tiles in this format are not read') };";
      if (id !== `\0${WORKER}`) return undefined;
      const worker = this.emitFile({ type: "chunk", id: join(sources, "source/worker.ts"), name: "map-worker" });
      return `export default import.meta.ROLLUP_FILE_URL_${worker};`;
    },
  };
}
