// Builds the pages' scripts and styles into ../static/built with a manifest that the Flask side reads.
// Nothing here may leave an inline script or an address outside the house: the pages run under a strict content policy.
import { join } from "node:path";
import { defineConfig } from "vite";
import { appWorker } from "./app_worker";
import { compressed, words } from "./build_plugins";
import { maplibreFromSource } from "./maplibre_source";

const ENTRIES = ["base", "overview", "map_page", "asset", "case", "scan", "imports", "areas", "designer", "device", "group", "place", "plates", "rule_editor", "report", "app/main", "board", "board_edit", "explore", "wall"];

const HERE = import.meta.dirname;

export default defineConfig({
  plugins: [appWorker(HERE), maplibreFromSource(), words(join(HERE, "../words"), join(HERE, "src")), compressed(join(HERE, "node_modules/.cache/covercode"))],
  base: "/static/built/",
  publicDir: false,
  css: {
    transformer: "lightningcss",
    // WeChat's built-in browser on Android trails Chrome by years; the citizen's page must look right there.
    lightningcss: { targets: { chrome: 90 << 16, safari: (15 << 16) | (4 << 8), firefox: 100 << 16 } },
  },
  build: {
    outDir: "../static/built",
    emptyOutDir: true,
    manifest: "manifest.json",
    target: ["chrome90", "safari15.4", "firefox100"],
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 1300,
    rolldownOptions: {
      input: { ...Object.fromEntries(ENTRIES.map((name) => [name, `src/${name}.ts`])), first: "src/styles/first.css" },
    },
  },
});
