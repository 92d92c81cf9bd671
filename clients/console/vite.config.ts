import react from "@vitejs/plugin-react";
import { loadEnv, type Plugin } from "vite";
import { defineConfig } from "vitest/config";

const policy = [
  "default-src 'self'",
  "img-src 'self' data: blob:",
  "style-src 'self' 'unsafe-inline'",
  "connect-src 'self' ws: wss:",
  "base-uri 'none'",
  "form-action 'self'",
].join("; ");

/** Browsers refuse anything from outside; the development server needs inline scripts, so only the build has it. */
function contentPolicy(): Plugin {
  return {
    name: "marketwin-content-policy",
    apply: "build",
    transformIndexHtml: () => [
      { tag: "meta", attrs: { "http-equiv": "Content-Security-Policy", content: policy }, injectTo: "head-prepend" },
    ],
  };
}

export default defineConfig(({ mode }) => ({
  base: "./",
  plugins: [react(), contentPolicy()],
  build: { target: "es2022", chunkSizeWarningLimit: 1200, modulePreload: { polyfill: false } },
  server: {
    proxy: { "/api": { target: loadEnv(mode, ".", "MARKETWIN_")["MARKETWIN_GATEWAY"] ?? "http://127.0.0.1:8080", ws: true } },
  },
  test: { include: ["tests/**/*.test.ts"], environment: "node" },
}));
