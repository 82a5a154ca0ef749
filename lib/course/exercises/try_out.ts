/**
 * Trying one's own code in a notebook: a cell that runs on exercises must not fail before they are written.
 */

import { checkArguments } from "../../hw/signature.js";
import { isNotWrittenYet } from "./not_written_yet.js";
import { Note } from "./note.js";

/**
 * What `run` returns; where it meets an exercise that is not written yet, a note that says which. Every other
 * error passes through. Not in Linux: a helper of the course.
 */
export function tryOut<T>(run: () => T): T | Note {
  checkArguments("tryOut()", { run: "function" }, [run]);
  try {
    return run();
  } catch (error) {
    if (!isNotWrittenYet(error)) throw error;
    return new Note(`${error.message}\nThen run this cell again.`);
  }
}
