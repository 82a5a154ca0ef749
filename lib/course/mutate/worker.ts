/**
 * A worker process of the pool: tries one text after another. Not in Linux: a tool of the course.
 * Read first: pool.ts.
 */

import { findLab } from "../exercises/labs.js";
import { Trial } from "./trial.js";

Trial.of(findLab(process.argv[2]!).lab).then((trial) => {
  process.on("message", ({ text, task }: { text: string; task: string }) => {
    process.send!(trial.try(text, task));
  });
  process.send!("ready");
});
