/**
 * What a command was asked for, turned from a name into a lab or exercise.
 *
 * Not in Linux: part of the course, not of the machine.
 */
import { CommandFailure, UsageError } from "./errors.js";

/**
 * The result of `act`; a `RangeError` ("there is no exercise 01.9") and a file that cannot be read become a
 * mistake in the command's use. Not in Linux: a helper of the course.
 */
export function understood<T>(act: () => T): T {
  try {
    return act();
  } catch (error) {
    const isMistake =
      error instanceof CommandFailure || Object.getPrototypeOf(error) === RangeError.prototype;
    throw isMistake && !/call stack/.test((error as Error).message)
      ? new UsageError((error as Error).message)
      : error;
  }
}
