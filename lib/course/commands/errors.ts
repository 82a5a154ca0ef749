/**
 * How a command ends when it cannot do what it was asked: in one sentence, never in a stack.
 *
 *     UsageError        the words were not understood         the sentence, then how the command is used; status 2
 *     CommandFailure    what they name is not there, ...      the sentence; status 1
 *     an error of the operating system (EACCES, ENOSPC)       put into words; status 1
 *     anything else     a fault of Pagewalk itself            its message, and how to see where; status 1
 *
 * Not in Linux: part of the course, not of the machine.
 */

/** A mistake in how a command was called. Not in Linux: a helper of the course. */
export class UsageError extends Error {}

/**
 * What was asked for cannot be done; the message is a plain sentence. Not in Linux: a helper of the course.
 */
export class CommandFailure extends Error {}

const REASONS: ReadonlyMap<string, string> = new Map([
  ["ENOENT", "it is not there"],
  ["ENOTDIR", "a part of its path is no folder"],
  ["EISDIR", "it is a folder"],
  ["EACCES", "this user may not do that"],
  ["EPERM", "this user may not do that"],
  ["EROFS", "its file system can only be read"],
  ["ENOSPC", "the disk is full"],
  ["EDQUOT", "this user's share of the disk is full"],
  ["ELOOP", "its symbolic links lead in a circle"],
  ["ENAMETOOLONG", "its name is too long"],
  ["EIO", "the device answered with an error"],
  ["EMFILE", "too many files are open"],
]);

/** Whether `error` comes from the operating system. Not in Linux: a helper of the course. */
export function isSystemError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && "code" in error && "syscall" in error && typeof error.code === "string";
}

/** Why the operating system refused, in words: "it is a folder". Not in Linux: a helper of the course. */
export function systemReason({ code = "", message }: NodeJS.ErrnoException): string {
  return REASONS.get(code) ?? `${code}: ${message.replace(/^\w+: /, "").replace(/, \w+( .*)?$/, "")}`;
}

/** What to print for `error`, and the status to end with. Not in Linux: a helper of the course. */
export function endingOf(error: unknown): { text: string; status: number } {
  if (error instanceof UsageError) return { text: error.message, status: 2 };
  if (error instanceof CommandFailure) return { text: error.message, status: 1 };
  if (isSystemError(error)) {
    const doing = error.path === undefined ? `${error.syscall} failed` : `${error.path} (${error.syscall})`;
    return { text: `${doing}: ${systemReason(error)}`, status: 1 };
  }
  const text = `a fault of Pagewalk itself, ${faultText(error)}\nPAGEWALK_STACK=1 in front of the command shows where it happened.`;
  return { text, status: 1 };
}

const MAX_FAULT = 500;

/**
 * Name and message of an error that nobody expected; its stack where PAGEWALK_STACK is set.
 * Not in Linux: a helper of the course.
 */
export function faultText(error: unknown): string {
  const { name, message, stack } =
    error instanceof Error ? error : { name: "thrown", message: String(error), stack: undefined };
  if (process.env.PAGEWALK_STACK) return stack ?? message;
  return `${name}: ${message.length > MAX_FAULT ? `${message.slice(0, MAX_FAULT)}...` : message}`;
}
