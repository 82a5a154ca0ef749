// `npm test`: makes the clone ready, then lint, types and all tests. `npm test -- test/hw` runs only those tests.
// The last line says "N passed, N failed". With PAGEWALK_NO_SKIPS a test that was skipped counts as failed.
"use strict";
const childProcess = require("child_process");
const fs = require("fs");
const path = require("path");
const bootstrap = require("./bootstrap.cjs");

/** Runs a program of node_modules; true if it ended well. */
function run(title, script, args, settings) {
  process.stdout.write(`\n== ${title}\n`);
  const file = path.join(bootstrap.ROOT, "node_modules", script);
  const result = childProcess.spawnSync(process.execPath, [file].concat(args), {
    cwd: bootstrap.ROOT,
    stdio: "inherit",
    env: Object.assign({}, process.env, settings),
  });
  return result.status === 0;
}

function finish(counts) {
  const skipped = counts.skipped > 0 ? `, ${counts.skipped} skipped` : "";
  process.stdout.write(`\n${counts.passed} passed, ${counts.failed} failed${skipped}\n`);
  process.exitCode = counts.failed === 0 ? 0 : 1;
}

/** The figures of vitest's report; a run without a report or with files that could not be loaded has failed. */
function countTests(reportFile, endedWell) {
  if (!fs.existsSync(reportFile)) return { passed: 0, failed: 1, skipped: 0 };
  const report = JSON.parse(fs.readFileSync(reportFile, "utf8"));
  const skipped = report.numPendingTests + report.numTodoTests;
  let failed = report.numFailedTests;
  if (failed === 0 && (!endedWell || report.numPassedTests === 0)) failed = 1;
  return { passed: report.numPassedTests, failed: failed, skipped: skipped };
}

/** A Jupyter or browser test that was silently left out must not look like one that passed. */
function countSkipsAsFailures(counts, reportFile) {
  const report = JSON.parse(fs.readFileSync(reportFile, "utf8"));
  for (const file of report.testResults) {
    for (const test of file.assertionResults) {
      if (test.status !== "passed" && test.status !== "failed")
        process.stdout.write(`skipped: ${test.fullName}\n`);
    }
  }
  return { passed: counts.passed, failed: counts.failed + counts.skipped, skipped: 0 };
}

if (process.argv.indexOf("--help") > 0 || process.argv.indexOf("-h") > 0) {
  process.stdout.write(
    "usage: npm test [-- FILTER...]\n\nLint, types and all tests; with words only the test files whose path has one of them.\n",
  );
  process.exit(0);
}

bootstrap
  .ensureReady()
  .then(() => {
    const filters = process.argv.slice(2);
    let failedBefore = 0;
    if (filters.length === 0) {
      if (!run("Lint and format (biome)", "@biomejs/biome/bin/biome", ["check", "."])) failedBefore++;
      if (!run("Types (tsc)", "typescript/bin/tsc", ["-p", "tsconfig.json"])) failedBefore++;
    }
    const reportFile = path.join(bootstrap.ROOT, ".pagewalk", "tests.json");
    fs.rmSync(reportFile, { force: true });
    const reporters = ["--reporter=default", "--reporter=json", `--outputFile.json=${reportFile}`];
    // The library was built a moment ago, and runs faster than what vitest makes of its sources (vitest.config.ts).
    const compiled = { PAGEWALK_COMPILED: "1" };
    const endedWell = run(
      "Tests (vitest)",
      "vitest/vitest.mjs",
      ["run"].concat(reporters, filters),
      compiled,
    );
    let counts = countTests(reportFile, endedWell);
    if (process.env.PAGEWALK_NO_SKIPS && counts.skipped > 0)
      counts = countSkipsAsFailures(counts, reportFile);
    counts.failed += failedBefore;
    finish(counts);
  })
  .catch((error) => {
    process.stdout.write(`The tests could not be run: ${error.message}\n`);
    finish({ passed: 0, failed: 1, skipped: 0 });
  });
