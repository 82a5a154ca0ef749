// Jupyter starts this with the path of a connection file; see lib/course/kernel/launcher.ts.
import "../dist/course/kernel/parent_watch.js";
import { launch } from "../dist/course/kernel/launcher.js";

launch(process.argv[2]);
