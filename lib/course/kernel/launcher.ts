/**
 * The course's own kernel: tslab 1.0.22, with what it lacks put right. Jupyter starts it as
 *
 *     node lib/bin/kernel.mjs {connection_file}
 *
 * because `kernelspec.ts` wrote that line into a `kernel.json`. The notebooks also run on a tslab that a
 * learner has installed, only with poorer messages.
 *
 * The mends, each in its own file:
 * - `run_cell.ts`: errors as Jupyter wants them, no cell skipped after one, rich last values;
 * - `publisher.ts`: ten thousand lines of output from one cell arrive;
 * - `cell_sources.ts`, `traceback.ts`: an error points to the line of the cell or of the `.ts` file;
 * - `cell_types.ts`: a cell takes half the time, because Node's types are read only when a cell needs them;
 * - `rebuild_timers.ts`: files may change beside an open notebook without stopping it;
 * - `parent_watch.ts`: the kernel ends when the Jupyter that started it is gone;
 * - here: notebooks import `pagewalk` from any folder, `process.exit` in a cell does not kill the kernel, and
 *   a cell's left-over timer does not keep a closed kernel alive.
 *
 * Not in Linux: part of the course, not of the machine.
 */
import { projectRoot } from "../../replay/root.js";
import { nameCellScripts, type TypeScriptApi, withSourceMaps } from "./cell_sources.js";
import { retryWithNodeTypes } from "./cell_types.js";
import { sendWithoutLimit } from "./publisher.js";
import { mendExecute, tslabConsole } from "./run_cell.js";
import {
  type Publisher,
  requireFromTslab,
  type TslabConverters,
  type TslabJupyter,
  type TslabMain,
  type ZmqServer,
} from "./tslab.js";

/** How long a kernel that was told to shut down may take before it is ended. */
const SHUTDOWN_GRACE_MS = 200;

/** Starts the kernel for Jupyter's connection file. It runs until Jupyter shuts it down. */
export function launch(connectionFile: string): void {
  // tslab resolves a cell's imports from the current directory, whatever folder the notebook is in.
  process.chdir(projectRoot());
  process.setSourceMapsEnabled(true);
  const tslabRequire = requireFromTslab();
  const typescriptPath = tslabRequire.resolve("@tslab/typescript-for-tslab");
  const typescript = tslabRequire("@tslab/typescript-for-tslab") as TypeScriptApi;
  tslabRequire.cache[typescriptPath]!.exports = withSourceMaps(typescript);
  nameCellScripts();
  const converters = tslabRequire("tslab/dist/converter.js") as TslabConverters;
  const { createConverter } = converters;
  converters.createConverter = (...options) => retryWithNodeTypes(createConverter(...options));

  const jupyter = tslabRequire("tslab/dist/jupyter.js") as TslabJupyter;
  mendExecute(jupyter);
  mendPublishing(jupyter);
  const realExit = mendExit();
  mendShutdown(jupyter, realExit);
  startTslab(tslabRequire("tslab/dist/main.js") as TslabMain, connectionFile);
}

/**
 * tslab keeps the `console.log` and `console.error` that it finds at its start for last values and errors.
 */
function startTslab(main: TslabMain, configPath: string): void {
  const { log, error } = console;
  console.log = tslabConsole.log;
  console.error = tslabConsole.error;
  try {
    main.startKernel({ configPath, enableFindLocal: false, jsKernel: false, globalVersion: "" });
  } finally {
    console.log = log;
    console.error = error;
  }
}

/** Whatever socket tslab makes for iopub is set right as it is stored. */
function mendPublishing(jupyter: TslabJupyter): void {
  const publishers = new WeakMap<object, Publisher>();
  Object.defineProperty(jupyter.ZmqServer.prototype, "iopub", {
    get(this: ZmqServer) {
      return publishers.get(this);
    },
    set(this: ZmqServer, socket: Publisher) {
      sendWithoutLimit(socket);
      publishers.set(this, socket);
    },
  });
}

/** Makes `process.exit()` in a cell an error of that cell. Returns the real one. */
function mendExit(): () => never {
  const exit = process.exit.bind(process);
  process.exit = (code) => {
    throw new Error(
      `process.exit(${code ?? ""}) would end the kernel and lose every variable; it was not done`,
    );
  };
  return () => exit(0);
}

function mendShutdown(jupyter: TslabJupyter, realExit: () => never): void {
  const handleShutdown = jupyter.ZmqServer.prototype.handleShutdown;
  jupyter.ZmqServer.prototype.handleShutdown = function (socket, request) {
    handleShutdown.call(this, socket, request);
    setTimeout(realExit, SHUTDOWN_GRACE_MS);
  };
}
