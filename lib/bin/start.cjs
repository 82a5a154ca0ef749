// `npm start`: makes the clone ready, then `pagewalk start` with the same words (lib/course/commands/start.ts).
"use strict";
const bootstrap = require("./bootstrap.cjs");

bootstrap
  .ensureReady()
  .then(() => import("../dist/course/cli.js"))
  .then((cli) => cli.main(["start"].concat(process.argv.slice(2))))
  .then((status) => {
    process.exitCode = status;
  });
