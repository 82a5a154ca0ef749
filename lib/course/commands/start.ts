/**
 * `pagewalk start`, which `npm start` calls when the clone is ready: finds Jupyter or offers to install it,
 * starts a server with the course's kernel, and opens the list of labs.
 *
 * Not in Linux: part of the course, not of the machine.
 */

import type { CommandRun } from "../command.js";
import { jupyterOrInstall } from "../jupyter/install.js";
import { serve } from "../jupyter/serve.js";

export const run: CommandRun = async (args) => {
  const port = args.has("--port") ? args.number("--port", 0, 1, 65535) : undefined;
  const openBrowser = !args.has("--no-browser") && hasDisplay();
  const jupyter = await jupyterOrInstall();
  if (process.getuid?.() === 0)
    console.log("  You are root: Jupyter and what runs in it may do anything here.");
  console.log("Starting the server ...");
  const server = await serve(jupyter, { port, openBrowser });
  console.log(`\nPagewalk is at  ${server.url}\nStop it with Ctrl-C.`);
  const stop = (): void => void server.process.kill("SIGTERM");
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, stop);
  const watch = stopWithNpm(stop);
  const status = await server.ended;
  clearInterval(watch);
  console.log("The server has ended.");
  return status;
};

/** A signal to npm ends npm and its shell, but does not come through to here: notice that they are gone. */
function stopWithNpm(stop: () => void): NodeJS.Timeout | undefined {
  if (process.env.npm_lifecycle_event === undefined) return undefined;
  const parent = process.ppid;
  return setInterval(() => {
    if (process.ppid !== parent) stop();
  }, 1000);
}

/** Without a screen a browser would open inside the terminal, if at all. */
function hasDisplay(): boolean {
  if (process.platform !== "linux") return true;
  return Boolean(process.env.DISPLAY || process.env.WAYLAND_DISPLAY || process.env.WSL_DISTRO_NAME);
}
