/**
 * Pages that look like Jupyter's output areas: the classic Notebook with its own style sheet (where it is installed), and
 * Jupyter Lab's light and dark theme with the values of the variables that outputs see (JupyterLab 4.6.4).
 */
import { existsSync, readFileSync } from "node:fs";

/** One look of Jupyter. */
export interface Theme {
  name: string;
  dark: boolean;
  /** A whole page with `body` in output areas. */
  page(body: string): string;
}

/** Debian's jupyter-notebook. */
const CLASSIC = "/usr/lib/python3/dist-packages/notebook/static/style/style.min.css";

const LAB_LIGHT = `--jp-layout-color0:white;--jp-layout-color1:white;--jp-layout-color2:#eee;--jp-border-color1:#bdbdbd;
--jp-content-font-color1:rgba(0,0,0,.87);--jp-ui-font-color1:rgba(0,0,0,.87);--jp-rendermime-table-row-background:#cfd8dc`;
const LAB_DARK = `--jp-layout-color0:#111;--jp-layout-color1:#212121;--jp-layout-color2:#424242;--jp-border-color1:#616161;
--jp-content-font-color1:#fff;--jp-ui-font-color1:rgba(255,255,255,.87);--jp-rendermime-table-row-background:#212121`;
/** How Lab shows HTML in an output. */
const LAB_RULES = `body{background:var(--jp-layout-color0);margin:0}
.output_area{color:var(--jp-content-font-color1);font:14px/1.6 system-ui,sans-serif;padding:4px}
.output_area table{border-collapse:collapse;border:none;color:var(--jp-ui-font-color1);font-size:12px}
.output_area td,.output_area th{padding:.5em;border:none}
.output_area tbody tr:nth-child(odd){background:var(--jp-layout-color0)}
.output_area tbody tr:nth-child(even){background:var(--jp-rendermime-table-row-background)}
.output_area :not(pre)>code{background:var(--jp-layout-color2);padding:1px 5px}
.output_area pre,.output_area code{background:var(--jp-layout-color0);color:var(--jp-content-font-color1)}`;

function pageOf(style: string, body: string): string {
  return `<!doctype html><html lang="en"><meta charset="utf-8"><title>Outputs</title><style>${style}</style><body>${body}</body></html>`;
}

const lab = (name: string, dark: boolean, variables: string): Theme => ({
  name,
  dark,
  page: (body) => pageOf(`:root{${variables}}${LAB_RULES}`, body),
});

/** The looks that outputs are checked in. */
export const THEMES: readonly Theme[] = [
  {
    name: "classic",
    dark: false,
    page: (body) => pageOf(existsSync(CLASSIC) ? readFileSync(CLASSIC, "utf8") : "", body),
  },
  lab("lab-light", false, LAB_LIGHT),
  lab("lab-dark", true, LAB_DARK),
];
