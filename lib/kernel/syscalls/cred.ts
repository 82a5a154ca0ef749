/**
 * The system calls on credentials: who a task is (setuid and its family) and what it may do (capget, capset).
 *
 *   setuid(1000) as root     uid, euid and suid change together, and all capabilities go
 *   setresuid(-1, 1000, -1)  only the effective one; -1 leaves as it is
 *   capset(header, data)     within bounds: permitted may only shrink, effective stays within permitted
 *
 * A change concerns the calling thread only, as in Linux; a C library does it in every thread.
 *
 * Linux kernel/sys.c, kernel/capability.c, security/commoncap.c; man 2 setuid, capset.
 * Read first: kernel/cred.ts.
 */
import { EFAULT, EINVAL, EPERM, ESRCH } from "../../mm/errno.js";
import {
  CAP_FULL_SET,
  CAP_SETGID,
  CAP_SETPCAP,
  CAP_SETUID,
  type Cred,
  capCombine,
  capEmulateSetxuid,
  capIsSubset,
  INVALID_ID,
} from "../cred.js";
import type { Kernel } from "../kernel.js";
import type { Task } from "../task.js";
import { putUserInts, readUser } from "../uaccess.js";

/** Puts `change` into effect; user ids bring capabilities with them. Linux kernel/cred.c:commit_creds() */
function commit(task: Task, change: Partial<Cred>): number {
  const old = { ...task.cred };
  Object.assign(task.cred, change);
  capEmulateSetxuid(task.cred, old);
  return 0;
}

/** man 2 setuid. Linux kernel/sys.c:__sys_setuid() */
export function sysSetuid(_kernel: Kernel, task: Task, uid: number): number {
  if (uid === INVALID_ID) return -EINVAL;
  const { cred } = task;
  if (task.capable(CAP_SETUID)) return commit(task, { uid, euid: uid, suid: uid });
  return uid === cred.uid || uid === cred.suid ? commit(task, { euid: uid }) : -EPERM;
}

/** man 2 setgid. Linux kernel/sys.c:__sys_setgid() */
export function sysSetgid(_kernel: Kernel, task: Task, gid: number): number {
  if (gid === INVALID_ID) return -EINVAL;
  const { cred } = task;
  if (task.capable(CAP_SETGID)) return commit(task, { gid, egid: gid, sgid: gid });
  return gid === cred.gid || gid === cred.sgid ? commit(task, { egid: gid }) : -EPERM;
}

/** man 2 setreuid. Linux kernel/sys.c:__sys_setreuid() */
export function sysSetreuid(_kernel: Kernel, task: Task, ruid: number, euid: number): number {
  const { uid, euid: oldEuid, suid } = task.cred;
  const capable = task.capable(CAP_SETUID);
  if (ruid !== INVALID_ID && ![uid, oldEuid].includes(ruid) && !capable) return -EPERM;
  if (euid !== INVALID_ID && ![uid, oldEuid, suid].includes(euid) && !capable) return -EPERM;
  const next = { uid: ruid === INVALID_ID ? uid : ruid, euid: euid === INVALID_ID ? oldEuid : euid };
  const save = ruid !== INVALID_ID || (euid !== INVALID_ID && euid !== uid);
  return commit(task, { ...next, suid: save ? next.euid : suid });
}

/** man 2 setregid. Linux kernel/sys.c:__sys_setregid() */
export function sysSetregid(_kernel: Kernel, task: Task, rgid: number, egid: number): number {
  const { gid, egid: oldEgid, sgid } = task.cred;
  const capable = task.capable(CAP_SETGID);
  if (rgid !== INVALID_ID && ![gid, oldEgid].includes(rgid) && !capable) return -EPERM;
  if (egid !== INVALID_ID && ![gid, oldEgid, sgid].includes(egid) && !capable) return -EPERM;
  const next = { gid: rgid === INVALID_ID ? gid : rgid, egid: egid === INVALID_ID ? oldEgid : egid };
  const save = rgid !== INVALID_ID || (egid !== INVALID_ID && egid !== gid);
  return commit(task, { ...next, sgid: save ? next.egid : sgid });
}

/** man 2 setresuid. Linux kernel/sys.c:__sys_setresuid() */
export function sysSetresuid(_k: Kernel, task: Task, ruid: number, euid: number, suid: number): number {
  const { cred } = task;
  const own = [cred.uid, cred.euid, cred.suid, INVALID_ID];
  if (![ruid, euid, suid].every((id) => own.includes(id)) && !task.capable(CAP_SETUID)) return -EPERM;
  const or = (id: number, old: number): number => (id === INVALID_ID ? old : id);
  return commit(task, { uid: or(ruid, cred.uid), euid: or(euid, cred.euid), suid: or(suid, cred.suid) });
}

/** man 2 setresgid. Linux kernel/sys.c:__sys_setresgid() */
export function sysSetresgid(_k: Kernel, task: Task, rgid: number, egid: number, sgid: number): number {
  const { cred } = task;
  const own = [cred.gid, cred.egid, cred.sgid, INVALID_ID];
  if (![rgid, egid, sgid].every((id) => own.includes(id)) && !task.capable(CAP_SETGID)) return -EPERM;
  const or = (id: number, old: number): number => (id === INVALID_ID ? old : id);
  return commit(task, { gid: or(rgid, cred.gid), egid: or(egid, cred.egid), sgid: or(sgid, cred.sgid) });
}

function putIds(task: Task, addresses: readonly number[], ids: readonly number[]): number {
  return addresses.every((at, i) => putUserInts(task, at, [ids[i]!])) ? 0 : -EFAULT;
}

/** man 2 getresuid. Linux kernel/sys.c:getresuid() */
export function sysGetresuid(_k: Kernel, task: Task, ruid: number, euid: number, suid: number): number {
  return putIds(task, [ruid, euid, suid], [task.cred.uid, task.cred.euid, task.cred.suid]);
}

/** man 2 getresgid. Linux kernel/sys.c:getresgid() */
export function sysGetresgid(_k: Kernel, task: Task, rgid: number, egid: number, sgid: number): number {
  return putIds(task, [rgid, egid, sgid], [task.cred.gid, task.cred.egid, task.cred.sgid]);
}

/**
 * Words of a set for each version of the header.
 * Linux include/uapi/linux/capability.h:_LINUX_CAPABILITY_VERSION_1 ...
 */
const CAP_VERSIONS: ReadonlyMap<number, number> = new Map([
  [0x1998_0330, 1],
  [0x2007_1026, 2],
  [0x2008_0522, 2],
]);
/** The version that programs should use. */
const CAP_VERSION_3 = 0x2008_0522;

/**
 * How many words of each set the header at `header` asks for; a negative errno, with the right version left
 * there. Linux cap_validate_magic()
 */
function capWords(task: Task, header: number): number {
  const bytes = readUser(task, header, 4);
  if (bytes === undefined) return -EFAULT;
  const nr = CAP_VERSIONS.get(new DataView(bytes.buffer).getUint32(0, true));
  if (nr !== undefined) return nr;
  return putUserInts(task, header, [CAP_VERSION_3]) ? -EINVAL : -EFAULT;
}

function headerPid(task: Task, header: number): number | undefined {
  const bytes = readUser(task, header + 4, 4);
  return bytes === undefined ? undefined : new DataView(bytes.buffer).getInt32(0, true);
}

/** man 2 capget. Linux kernel/capability.c:capget() */
export function sysCapget(kernel: Kernel, task: Task, header: number, data: number): number {
  const words = capWords(task, header);
  if (words < 0) return data === 0 && words === -EINVAL ? 0 : words;
  if (data === 0) return 0;
  const pid = headerPid(task, header);
  if (pid === undefined) return -EFAULT;
  if (pid < 0) return -EINVAL;
  const target = pid === 0 ? task : kernel.tasks.get(pid);
  if (target === undefined) return -ESRCH;
  const { capEffective, capPermitted, capInheritable } = target.cred;
  const sets = [capEffective, capPermitted, capInheritable];
  const low = sets.map((set) => set % 2 ** 32);
  const high = sets.map((set) => Math.floor(set / 2 ** 32));
  return putUserInts(task, data, words === 1 ? low : [...low, ...high]) ? 0 : -EFAULT;
}

/** man 2 capset. Linux kernel/capability.c:capset() */
export function sysCapset(_kernel: Kernel, task: Task, header: number, data: number): number {
  const words = capWords(task, header);
  if (words < 0) return words;
  const pid = headerPid(task, header);
  if (pid === undefined) return -EFAULT;
  if (pid !== 0 && pid !== task.pid) return -EPERM;
  const bytes = readUser(task, data, words * 12);
  if (bytes === undefined) return -EFAULT;
  const view = new DataView(bytes.buffer);
  const set = (i: number): number => {
    const high = words === 1 ? 0 : view.getUint32((i + 3) * 4, true);
    // Bits that are no capability are dropped; before they are put together, for 64 bits do not fit in a
    // double.
    return (high % ((CAP_FULL_SET + 1) / 2 ** 32)) * 2 ** 32 + view.getUint32(i * 4, true);
  };
  return capSet(task, { capEffective: set(0), capPermitted: set(1), capInheritable: set(2) });
}

/** New capabilities for the task; 0 or -EPERM. Linux security/commoncap.c:cap_capset() */
export function capSet(
  task: Task,
  {
    capEffective,
    capPermitted,
    capInheritable,
  }: Pick<Cred, "capEffective" | "capPermitted" | "capInheritable">,
): number {
  const { cred } = task;
  const mayInherit = capCombine(cred.capInheritable, cred.capPermitted);
  if (!task.capable(CAP_SETPCAP) && !capIsSubset(capInheritable, mayInherit)) return -EPERM;
  if (!capIsSubset(capPermitted, cred.capPermitted)) return -EPERM;
  if (!capIsSubset(capEffective, capPermitted)) return -EPERM;
  Object.assign(cred, { capEffective, capPermitted, capInheritable });
  return 0;
}
