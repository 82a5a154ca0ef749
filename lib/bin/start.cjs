// `npm start`: looks for Jupyter, makes the clone ready, then `pagewalk start` with the same words (lib/course/commands/start.ts).
// Jupyter comes first: who has none should not wait for npm to be told so.
"use strict";
const bootstrap = require("./bootstrap.cjs");

const words = process.argv.slice(2);

async function main() {
  bootstrap.requireNode();
  if (words.indexOf("--help") >= 0 || words.indexOf("-h") >= 0) {
    process.stdout.write("usage: npm start [-- --no-browser --port N]\n\nOpens the labs in Jupyter.\n");
    return;
  }
  const jupyter = require("./jupyter.cjs");
  try {
    await jupyter.jupyterOrInstall();
  } catch (error) {
    if (!(error instanceof jupyter.Missing)) throw error;
    bootstrap.fail(error.message);
  }
  await bootstrap.ensureReady();
  const cli = await import("../dist/course/cli.js");
  await cli.runCommandLine(["start"].concat(words));
}

main().catch((error) => {
  bootstrap.fail(`npm start stopped: ${error.message}`);
});
