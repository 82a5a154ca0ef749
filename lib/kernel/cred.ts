/**
 * Credentials: who a task is, and what it may do beyond what everybody may.
 *
 *   uid, gid          who started it                 euid, egid   whose rights it has now     suid, sgid   to go back to
 *   capPermitted      what it may switch on
 *     capEffective    what is switched on: capable() looks here
 *   capInheritable    kept for exec's sake; nothing here reads it
 *
 *   root (uid 0)  --setuid(1000)-->  uid, euid, suid 1000: every capability is gone, for good
 *                 --seteuid-like (setresuid(-1, 1000, -1))-->  effective ones are off; back to 0 switches them on again
 *
 * Which capabilities the machine asks for: CAP_IPC_LOCK (lock without limit), CAP_SYS_RESOURCE (raise hard
 * limits), CAP_SYS_ADMIN (the last reserve of overcommit), CAP_SYS_RAWIO (map below vm.mmap_min_addr),
 * CAP_SETUID, CAP_SETGID, CAP_SETPCAP, CAP_KILL. The rest are kept and reported. A set is a number,
 * capability n its bit n; 41 bits fit in a double, but not in JavaScript's bit operators.
 *
 * Left out: user namespaces, securebits but KEEPCAPS, ambient and bounding sets, rights of files (a file has
 * no owner here), and the file capabilities of programs.
 *
 * Linux kernel/cred.c, security/commoncap.c; man 7 credentials, capabilities.
 * Read next: kernel/syscalls/cred.ts.
 */

import { nearestName, valueText } from "../hw/options.js";

/** All capabilities, in order of their numbers. Linux include/uapi/linux/capability.h */
const CAPABILITIES = [
  "CAP_CHOWN",
  "CAP_DAC_OVERRIDE",
  "CAP_DAC_READ_SEARCH",
  "CAP_FOWNER",
  "CAP_FSETID",
  "CAP_KILL",
  "CAP_SETGID",
  "CAP_SETUID",
  "CAP_SETPCAP",
  "CAP_LINUX_IMMUTABLE",
  "CAP_NET_BIND_SERVICE",
  "CAP_NET_BROADCAST",
  "CAP_NET_ADMIN",
  "CAP_NET_RAW",
  "CAP_IPC_LOCK",
  "CAP_IPC_OWNER",
  "CAP_SYS_MODULE",
  "CAP_SYS_RAWIO",
  "CAP_SYS_CHROOT",
  "CAP_SYS_PTRACE",
  "CAP_SYS_PACCT",
  "CAP_SYS_ADMIN",
  "CAP_SYS_BOOT",
  "CAP_SYS_NICE",
  "CAP_SYS_RESOURCE",
  "CAP_SYS_TIME",
  "CAP_SYS_TTY_CONFIG",
  "CAP_MKNOD",
  "CAP_LEASE",
  "CAP_AUDIT_WRITE",
  "CAP_AUDIT_CONTROL",
  "CAP_SETFCAP",
  "CAP_MAC_OVERRIDE",
  "CAP_MAC_ADMIN",
  "CAP_SYSLOG",
  "CAP_WAKE_ALARM",
  "CAP_BLOCK_SUSPEND",
  "CAP_AUDIT_READ",
  "CAP_PERFMON",
  "CAP_BPF",
  "CAP_CHECKPOINT_RESTORE",
] as const;

/** Name of a capability. */
export type CapabilityName = (typeof CAPABILITIES)[number];

/** May send signals to anybody. Linux include/uapi/linux/capability.h; so are all CAP_ names. */
export const CAP_KILL = 5;
/** May take any group id. */
export const CAP_SETGID = 6;
/** May take any user id. */
export const CAP_SETUID = 7;
/** May pass on capabilities that it does not have. */
export const CAP_SETPCAP = 8;
/** May raise hard limits. */
export const CAP_SYS_RESOURCE = 24;

/** Every capability. Linux CAP_FULL_SET */
export const CAP_FULL_SET = 2 ** CAPABILITIES.length - 1;

/** User id that no user has: "leave it". Linux include/linux/uidgid.h:INVALID_UID */
export const INVALID_ID = 0xffff_ffff;

/** Who a task is. Linux include/linux/cred.h:struct cred */
export interface Cred {
  uid: number;
  euid: number;
  suid: number;
  gid: number;
  egid: number;
  sgid: number;
  capPermitted: number;
  capEffective: number;
  capInheritable: number;
  /** prctl(PR_SET_KEEPCAPS): giving up uid 0 keeps the permitted capabilities. Linux SECBIT_KEEP_CAPS */
  keepCaps: boolean;
}

/** Root with everything on. Linux kernel/cred.c:init_cred */
export function initCred(): Cred {
  return {
    ...{ uid: 0, euid: 0, suid: 0, gid: 0, egid: 0, sgid: 0 },
    capPermitted: CAP_FULL_SET,
    capEffective: CAP_FULL_SET,
    capInheritable: 0,
    keepCaps: false,
  };
}

/** Whether capability number `cap` is in `set`. Linux include/linux/capability.h:cap_raised() */
export function capRaised(set: number, cap: number): boolean {
  return Math.floor(set / 2 ** cap) % 2 === 1;
}

/** Whether all of `a` is in `b`. Linux include/linux/capability.h:cap_issubset() */
export function capIsSubset(a: number, b: number): boolean {
  return CAPABILITIES.every((_, cap) => !capRaised(a, cap) || capRaised(b, cap));
}

/** What is in either. Linux include/linux/capability.h:cap_combine() */
export function capCombine(a: number, b: number): number {
  return CAPABILITIES.reduce(
    (set, _, cap) => set + (capRaised(a, cap) || capRaised(b, cap) ? 2 ** cap : 0),
    0,
  );
}

/** Names of the capabilities in `set`, in order of their numbers. Not in Linux: man 3 cap_to_text. */
export function capNames(set: number): CapabilityName[] {
  return CAPABILITIES.filter((_, cap) => capRaised(set, cap));
}

/**
 * The set of the capabilities named. RangeError for a name that there is not. Not in Linux:
 * man 3 cap_from_text.
 */
export function capSetOf(names: readonly string[]): number {
  if (!Array.isArray(names))
    throw new TypeError(`capabilities are given as a list of names, not as ${valueText(names)}`);
  let set = 0;
  for (const name of new Set(names)) {
    const cap = (CAPABILITIES as readonly string[]).indexOf(name);
    if (cap < 0) {
      const near = nearestName(String(name), CAPABILITIES);
      throw new RangeError(
        `there is no capability ${valueText(name)}${near === undefined ? "" : `; did you mean "${near}"?`}`,
      );
    }
    set += 2 ** cap;
  }
  return set;
}

/**
 * A change of user ids that passed turns capabilities off or on.
 * Linux security/commoncap.c:cap_emulate_setxuid()
 */
export function capEmulateSetxuid(cred: Cred, old: Readonly<Cred>): void {
  const hadRoot = old.uid === 0 || old.euid === 0 || old.suid === 0;
  const hasRoot = cred.uid === 0 || cred.euid === 0 || cred.suid === 0;
  if (hadRoot && !hasRoot && !cred.keepCaps) {
    cred.capPermitted = 0;
    cred.capEffective = 0;
  }
  if (old.euid === 0 && cred.euid !== 0) cred.capEffective = 0;
  if (old.euid !== 0 && cred.euid === 0) cred.capEffective = cred.capPermitted;
}

/**
 * What exec makes of the capabilities: root has them all, anybody else none.
 * Linux security/commoncap.c:cap_bprm_creds_from_file()
 */
export function capExec(cred: Cred): void {
  const root = cred.euid === 0 || cred.uid === 0;
  cred.capPermitted = root ? CAP_FULL_SET : 0;
  cred.capEffective = cred.euid === 0 ? CAP_FULL_SET : 0;
  cred.suid = cred.euid;
  cred.sgid = cred.egid;
  cred.keepCaps = false;
}
