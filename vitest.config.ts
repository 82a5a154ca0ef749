import { join, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

const lib = (file: string) => fileURLToPath(new URL(`./lib/${file}`, import.meta.url));

/** As `npm test` sets it: tests take what `npm run build` has made of lib, which runs nearly twice as fast. */
const compiled = process.env.PAGEWALK_COMPILED !== undefined;

/** Answers imports of lib's sources, from outside of lib, with the compiled files. */
const compiledLib = {
  name: "pagewalk-compiled-lib",
  enforce: "pre" as const,
  resolveId(source: string, importer: string | undefined): string | undefined {
    if (importer === undefined || !source.startsWith(".")) return undefined;
    const inLib = relative(lib(""), join(importer, "..", source));
    if (inLib.startsWith("..") || inLib.startsWith(`dist${sep}`)) return undefined;
    return lib(join("dist", inLib.replace(/\.ts$/, ".js")));
  },
};

const tests = (...folders: string[]) => folders.map((folder) => `test/${folder}/**/*.test.ts`);
/** Tests that run notebooks as a whole, with limits of minutes. */
const shown = [
  ...["notebooks/labs", "notebooks/stock", "browser/outputs", "browser/labs"].map(
    (file) => `test/${file}.test.ts`,
  ),
  ...tests("course/mutate"),
];
/** Tests that start programs of their own, with limits of seconds: one file after the other. */
const timed = tests("browser", "course", "exercises", "notebooks");

export default defineConfig({
  plugins: compiled ? [compiledLib] : [],
  resolve: {
    alias: compiled
      ? { "pagewalk/kernel": lib("dist/kernel.js"), pagewalk: lib("dist/index.js") }
      : { "pagewalk/kernel": lib("kernel.ts"), pagewalk: lib("index.ts") },
  },
  test: {
    testTimeout: 60_000,
    hookTimeout: 60_000,
    pool: "forks",
    globalSetup: "test/notebooks/ran_setup.ts",
    server: { deps: { external: [/[\\/]lib[\\/]dist[\\/]/] } },
    projects: [
      {
        extends: true,
        test: {
          name: "machine",
          include: ["test/**/*.test.ts"],
          exclude: [...timed, ...shown],
          // These leave nothing behind in their process, so that lib need not be loaded for each of them.
          isolate: false,
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
