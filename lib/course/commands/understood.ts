/**
 * What a command was asked for, turned from a name into a lab or exercise.
 *
 * Not in Linux: part of the course, not of the machine.
 */
import { UsageError } from "../cli.js";

/** The result of `act`; a `RangeError` ("there is no exercise 01.9") becomes a mistake in the command's use. */
export function understood<T>(act: () => T): T {
  try {
    return act();
  } catch (error) {
    throw error instanceof RangeError ? new UsageError(error.message) : error;
  }
}
