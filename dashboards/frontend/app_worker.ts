// Builds the phone's service worker beside the pages' scripts: one file with a fixed name and nothing to import, since it
// is served from /app/sw.js and must start without a signal.
import { join } from "node:path";
import { build, type Plugin } from "vite";

export function appWorker(here: string): Plugin {
  return {
    name: "covercode-app-worker",
    apply: "build",
    async closeBundle() {
      await build({
        configFile: false,
        root: here,
        publicDir: false,
        logLevel: "warn",
        build: {
          outDir: join(here, "../static/built"),
          emptyOutDir: false,
          target: ["chrome90", "safari15.4", "firefox100"],
          lib: { entry: join(here, "src/app/worker.ts"), formats: ["iife"], name: "covercode", fileName: () => "app-worker.js" },
        },
      });
    },
  };
}
