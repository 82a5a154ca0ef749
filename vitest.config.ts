import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

const lib = (file: string) => fileURLToPath(new URL(`./lib/${file}`, import.meta.url));

const tests = (...folders: string[]) => folders.map((folder) => `test/${folder}/**/*.test.ts`);
/** Tests that run notebooks as a whole, with limits of minutes. */
const shown = [
  ...["notebooks/labs", "browser/outputs", "browser/labs"].map((file) => `test/${file}.test.ts`),
  ...tests("course/mutate"),
];
/** Tests that start programs of their own, with limits of seconds: one file after the other. */
const timed = tests("browser", "course", "exercises", "notebooks");

export default defineConfig({
  resolve: { alias: { "pagewalk/kernel": lib("kernel.ts"), pagewalk: lib("index.ts") } },
  test: {
    testTimeout: 60_000,
    hookTimeout: 60_000,
    pool: "forks",
    globalSetup: "test/notebooks/ran_setup.ts",
    projects: [
      {
        extends: true,
        test: {
          name: "machine",
          include: ["test/**/*.test.ts"],
          exclude: [...timed, ...shown],
          maxWorkers: 2,
          sequence: { groupOrder: 0 },
        },
      },
      { extends: true, test: { name: "shown", include: shown, maxWorkers: 2, sequence: { groupOrder: 1 } } },
      {
        extends: true,
        test: { name: "timed", include: timed, exclude: shown, maxWorkers: 1, sequence: { groupOrder: 2 } },
      },
    ],
  },
});
