import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

const lib = (file: string) => fileURLToPath(new URL(`./lib/${file}`, import.meta.url));

/** Tests that start programs of their own, with limits of time: one file after the other. */
const timed = ["browser", "course", "exercises", "notebooks"].map((folder) => `test/${folder}/**/*.test.ts`);

export default defineConfig({
  resolve: { alias: { "pagewalk/kernel": lib("kernel.ts"), pagewalk: lib("index.ts") } },
  test: {
    testTimeout: 60_000,
    hookTimeout: 60_000,
    pool: "forks",
    projects: [
      {
        extends: true,
        test: {
          name: "machine",
          include: ["test/**/*.test.ts"],
          exclude: timed,
          maxWorkers: 2,
          sequence: { groupOrder: 0 },
        },
      },
      { extends: true, test: { name: "timed", include: timed, maxWorkers: 1, sequence: { groupOrder: 1 } } },
    ],
  },
});
