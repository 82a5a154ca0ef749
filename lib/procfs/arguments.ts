/**
 * What the methods of a machine's procfs take, checked before they run.
 *
 *   machine.procfs.read(7)     TypeError: procfs.read(): path must be text, not 7
 *
 * Imported for its effect by mount.ts. Read first: hw/signature.ts.
 */
import { checkMethods } from "../hw/signature.js";
import { ProcFs } from "./procfs.js";

checkMethods("procfs", ProcFs, {
  open: { path: "text", flags: "count", fMode: "count" },
  tryRead: { path: "text" },
  read: { path: "text" },
  write: { path: "text", text: "text" },
  tryWrite: { path: "text", text: "text" },
  mkdir: { path: "text" },
  rmdir: { path: "text" },
  maps: { pid: "integer" },
  smaps: { pid: "integer" },
  smapsRollup: { pid: "integer" },
  status: { pid: "integer" },
  pagemap: { pid: "integer", start: "count", nrPages: "count" },
  kpagecount: { pfn: "count" },
  kpageflags: { pfn: "count" },
});
