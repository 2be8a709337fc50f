// The web components as one file, embed/stellwerk.js, whose name never changes: pages of others load it.
// It must not write styles of its own: the components bring theirs as constructed sheets.

import { resolve } from "node:path";
import { defineConfig } from "vite";

const STATIC = resolve(import.meta.dirname, "../src/stellwerk_server/web/static");

/** Pages import their styles for themselves; here they all come with the one sheet (embed/sheets.ts). */
const withoutPageStyles = {
  name: "without-page-styles",
  enforce: "pre" as const,
  resolveId: (id: string) => (id.endsWith(".css") ? "\0no-styles" : undefined),
  load: (id: string) => (id === "\0no-styles" ? "" : undefined),
};

export default defineConfig({
  plugins: [withoutPageStyles],
  publicDir: false,
  build: {
    outDir: resolve(STATIC, "embed"),
    emptyOutDir: true,
    target: "es2022",
    modulePreload: false,
    reportCompressedSize: false,
    rollupOptions: {
      input: resolve(import.meta.dirname, "src/embed/main.ts"),
      preserveEntrySignatures: false,
      output: { format: "es", entryFileNames: "stellwerk.js", codeSplitting: false },
    },
  },
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
});
