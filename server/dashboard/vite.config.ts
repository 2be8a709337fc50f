// How the pages become files of the wheel: hashed, without inline script or style, and without a server at run time.
// It must not know anything about what the pages show.

import { rmSync } from "node:fs";
import { resolve } from "node:path";
import { gzipSync } from "node:zlib";
import { defineConfig, type Plugin } from "vite";

const STATIC = resolve(import.meta.dirname, "../src/stellwerk_server/web/static");
const SERVER = process.env.STELLWERK_HTTP ?? "http://127.0.0.1:7401";
const TO_SERVER = { target: SERVER, ws: true, changeOrigin: true, headers: { origin: SERVER } };

/** Old hashes go; what others put beside them stays. */
const withoutOldAssets: Plugin = {
  name: "without-old-assets",
  apply: "build",
  buildStart() {
    rmSync(resolve(STATIC, "assets"), { recursive: true, force: true });
  },
};

const GZIPPED_BYTES_MOST = 150 * 1024;

/** All pages together, not only the first one, stay below what was promised for the first. */
const smallEnough: Plugin = {
  name: "small-enough",
  apply: "build",
  writeBundle(_options, bundle) {
    const sizes = Object.values(bundle).map((file) => gzipSync(file.type === "chunk" ? file.code : file.source).length);
    const bytes = sizes.reduce((sum, size) => sum + size, 0);
    if (bytes > GZIPPED_BYTES_MOST) this.error(`dashboard: expected at most ${GZIPPED_BYTES_MOST} bytes gzipped, came ${bytes}`);
    this.info(`${bytes} bytes gzipped, all pages together`);
  },
};

export default defineConfig({
  base: "/",
  plugins: [withoutOldAssets, smallEnough],
  build: {
    outDir: STATIC,
    emptyOutDir: false,
    assetsInlineLimit: 0,
    target: "es2022",
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
  },
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
  server: { proxy: { "/api": TO_SERVER, "/docs": TO_SERVER, "/openapi.json": TO_SERVER } },
});
