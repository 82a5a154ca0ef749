/**
 * Where `show` sends what is shown in the middle of a cell: to the tslab that runs it.
 *
 *     show(picture) ---> lastWriteDisplayData of tslab/dist/jupyter.js ---> display_data message ---> Jupyter
 *
 * A notebook may run on the course's kernel or on a global tslab, so tslab is never loaded here: it is looked
 * up by the end of its path among the modules that this process has loaded already. Imported for its effect
 * by lib/index.ts.
 *
 * Read first: view/show.ts. Not in Linux: part of the course, not of the machine.
 */
import { createRequire } from "node:module";
import { type MimeBundle, type RichOutput, showThrough } from "../../view/show.js";

/** tslab's function that writes one display_data message to the cell that is running. */
type WriteDisplayData = (
  data: { data: MimeBundle; metadata: Record<string, never>; transient: Record<string, never> },
  update: boolean,
) => void;

/** The output of the cell that is running in this process, or undefined outside tslab. */
function tslabOutput(): RichOutput | undefined {
  const loaded = createRequire(import.meta.url).cache;
  for (const [path, module] of Object.entries(loaded)) {
    if (!/[\\/]tslab[\\/]dist[\\/]jupyter\.js$/.test(path)) continue;
    const { lastWriteDisplayData: write } = module?.exports as {
      lastWriteDisplayData?: WriteDisplayData | null;
    };
    if (write) return (data) => write({ data, metadata: {}, transient: {} }, false);
  }
  return undefined;
}

showThrough(tslabOutput);
