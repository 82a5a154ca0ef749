import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

const lib = (file: string) => fileURLToPath(new URL(`./lib/${file}`, import.meta.url));

export default defineConfig({
  resolve: { alias: { "pagewalk/kernel": lib("kernel.ts"), pagewalk: lib("index.ts") } },
  test: { include: ["test/**/*.test.ts"], testTimeout: 60_000, hookTimeout: 60_000, pool: "forks" },
});
