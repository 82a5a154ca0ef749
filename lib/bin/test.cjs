// `npm test`: makes the clone ready, then lint, types and all tests. `npm test -- test/hw` runs only those tests.
"use strict";
const childProcess = require("child_process");
const path = require("path");
const bootstrap = require("./bootstrap.cjs");

function run(title, script, args) {
  process.stdout.write(`${title}\n`);
  const file = path.join(bootstrap.ROOT, "node_modules", script);
  const result = childProcess.spawnSync(process.execPath, [file].concat(args), {
    cwd: bootstrap.ROOT,
    stdio: "inherit",
  });
  if (result.status !== 0) process.exit(result.status === null ? 1 : result.status);
}

bootstrap.ensureReady().then(() => {
  const filters = process.argv.slice(2);
  if (filters.length === 0) {
    run("Lint and format (biome)", "@biomejs/biome/bin/biome", ["check", "."]);
    run("Types (tsc)", "typescript/bin/tsc", ["-p", "tsconfig.json"]);
  }
  run("Tests (vitest)", "vitest/vitest.mjs", ["run"].concat(filters));
});
