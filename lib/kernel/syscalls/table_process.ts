/**
 * The table of calls on processes: what each argument is, and who does it. Read first: define.ts, life.ts,
 * limits.ts, cred.ts.
 */
import type { Kernel } from "../kernel.js";
import type { Task } from "../task.js";
import * as creds from "./cred.js";
import { define, type SyscallDef } from "./define.js";
import * as life from "./life.js";
import * as limits from "./limits.js";
import { rawNanosleep } from "./time.js";

/** A call that only asks something of the calling task. */
function ask(answer: (task: Task) => number): SyscallDef {
  return define("", (_kernel: Kernel, task: Task) => answer(task));
}

/** Calls on processes by Linux's name. Linux arch/x86/entry/syscalls/syscall_64.tbl */
export const PROCESS_CALLS: Readonly<Record<string, SyscallDef>> = {
  fork: define("", life.rawFork),
  vfork: define("", life.rawVfork),
  clone: define("flags: long, stack: long, parentTid: long, childTid: long, tls: long", life.rawClone),
  execve: define("path: text, argv: list, envp: list", life.rawExecve),
  exit: define("code: int", life.rawExit),
  exit_group: define("code: int", life.rawExitGroup),
  wait4: define("pid: int, status: long, options: int, usage: long", life.rawWait4),
  kill: define("pid: int, signal: int", life.rawKill),
  prctl: define("option: int, arg2: longOrText, arg3: long, arg4: long, arg5: longOrText", life.sysPrctl),
  getpid: ask((task) => task.tgid),
  gettid: ask((task) => task.pid),
  getppid: ask((task) => task.ppid),
  sched_setaffinity: define("pid: int, len: uint, mask: long", life.sysSchedSetaffinity),
  sched_yield: ask(() => 0),
  nanosleep: define("rqtp: long, rmtp: long", rawNanosleep),
  getcpu: define("cpu: long, node: long", life.sysGetcpu),
  getrlimit: define("resource: uint, rlim: long", limits.sysGetrlimit),
  setrlimit: define("resource: uint, rlim: long", limits.sysSetrlimit),
  prlimit64: define("pid: int, resource: uint, newRlim: long, oldRlim: long", limits.sysPrlimit64),
  getrusage: define("who: int, usage: long", limits.sysGetrusage),
  getuid: ask(({ cred }) => cred.uid),
  geteuid: ask(({ cred }) => cred.euid),
  getgid: ask(({ cred }) => cred.gid),
  getegid: ask(({ cred }) => cred.egid),
  setuid: define("uid: uint", creds.sysSetuid),
  setgid: define("gid: uint", creds.sysSetgid),
  setreuid: define("ruid: uint, euid: uint", creds.sysSetreuid),
  setregid: define("rgid: uint, egid: uint", creds.sysSetregid),
  setresuid: define("ruid: uint, euid: uint, suid: uint", creds.sysSetresuid),
  setresgid: define("rgid: uint, egid: uint, sgid: uint", creds.sysSetresgid),
  getresuid: define("ruid: long, euid: long, suid: long", creds.sysGetresuid),
  getresgid: define("rgid: long, egid: long, sgid: long", creds.sysGetresgid),
  capget: define("header: long, data: long", creds.sysCapget),
  capset: define("header: long, data: long", creds.sysCapset),
};
