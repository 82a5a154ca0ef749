/**
 * Plot: one figure, one output, seen everywhere.
 *
 *    plot(figure) --+--> drawChart()       the static picture, an <img> with its alt text
 *                   +--> upgradeScript()   makes it live (zoom, values under the pointer) where scripts may run
 *                   +--> chartText()       the values as text, for the terminal and for stock tslab
 *
 * Read first: figure.ts.
 */

import { chartText, drawChart } from "./chart.js";
import { nameOf } from "./embed.js";
import { checkFigure, type Figure } from "./figure.js";
import { Picture } from "./picture.js";
import { upgradeScript } from "./plotly.js";

/** A plot: a picture that turns into a live figure in a trusted notebook. */
export class Plot extends Picture {
  readonly figure: Figure;

  constructor(figure: Figure) {
    checkFigure(figure);
    const frame = {
      width: figure.width ?? 720,
      height: figure.height ?? 400,
      title: figure.title,
      desc: figure.alt,
    };
    super(frame, drawChart(figure), chartText(figure));
    this.figure = figure;
  }

  /** The picture and the script, as one piece of HTML. */
  override get html(): string {
    const id = nameOf(this.svg);
    const picture = `<div class="pagewalk-figure" data-pagewalk-figure="${id}">${this.image}</div>`;
    return picture + upgradeScript(this.figure, id);
  }
}

/**
 * A plot of `figure`. Throws a TypeError that says what is missing when it has no title, axis label, unit or
 * alt text.
 */
export function plot(figure: Figure): Plot {
  return new Plot(figure);
}
