/**
 * Plotly: the live twin of a figure, which a script in the output swaps in where scripts may run.
 *
 *    <div data-pagewalk-figure="1f3a..."><img ...></div>      always there: the static picture
 *    <script> ... </script>                                   dropped in notebooks that are not trusted
 *        |
 *        +-- window.Plotly is there already?              use it
 *        +-- else <base>files/<repository>/node_modules/plotly.js-dist-min/plotly.min.js, from Jupyter
 *        +-- else plotly.min.js beside the page           pages made by nbconvert
 *        +-- none of these: the picture stays
 *
 * So a figure weighs some 15 kB in the notebook instead of plotly's 5 MB, and works without a network. Plotly
 * is never imported on this side. A load that failed is forgotten, so that running the cell again tries
 * again.
 *
 * Read first: figure.ts. Read next: plot.ts.
 */

import { categoriesOf, marksAcross, type Plan, planOf, TILT } from "./chart.js";
import { CIVIDIS } from "./chart_series.js";
import { axisTitle, type Figure, hasCategories, isLog, type Series } from "./figure.js";
import { formatter } from "./scale.js";
import { fitText, INK, SERIES_COLOURS } from "./svg.js";
import { DARK_LIVE, IS_DARK } from "./theme.js";

type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json | undefined };

const DASHES = [
  "solid",
  "8px,4px",
  "2px,3px",
  "10px,3px,2px,3px",
  "4px,2px",
  "12px,4px",
  "6px,2px,2px,2px",
  "1px,2px",
];
const SYMBOLS = [
  "circle",
  "square",
  "triangle-up",
  "diamond",
  "circle-open",
  "square-open",
  "triangle-up-open",
  "diamond-open",
];
/** Axis lines as in the static picture; invisible ticks keep the labels a little away from them. */
const AXIS_LINE = { showline: true, linecolor: INK.faint, ticks: "outside", ticklen: 4, tickcolor: INK.card };
const HATCHES = ["", "/", "\\", "x", "-", "|", "+"];

/** What Plotly.newPlot takes for `figure`: traces and layout. */
function plotlyOf(figure: Figure): { data: Json[]; layout: Json } {
  return { data: figure.series.map((series, i) => traceOf(figure, series, i)), layout: layoutOf(figure) };
}

function traceOf(figure: Figure, series: Series, index: number): Json {
  const colour = SERIES_COLOURS[index]!;
  // Plotly reads a few HTML tags in names; escaping keeps "<" what it is.
  const name = plain(series.name);
  if (series.kind === "heat") {
    return {
      type: "heatmap",
      x: categoriesOf(figure, "x").map(plain),
      y: categoriesOf(figure, "y").map(plain),
      z: series.z,
      colorscale: CIVIDIS,
      colorbar: { title: { text: name, side: "right" } },
      hovertemplate: `%{x}, %{y}: %{z}<extra></extra>`,
    };
  }
  if (series.kind === "bars") {
    const write = formatter(figure.x.format);
    const x = series.x.map((v) => (typeof v === "number" ? write(v) : plain(v)));
    return {
      type: "bar",
      name,
      x,
      y: series.y,
      marker: {
        color: colour,
        pattern: { shape: HATCHES[index], fillmode: "overlay", fgcolor: INK.card, solidity: 0.15, size: 7 },
      },
    };
  }
  const markers = series.markers ?? (series.x.length <= 40 && !series.steps);
  return {
    type: "scatter",
    cliponaxis: false,
    mode: series.kind === "points" ? "markers" : markers ? "lines+markers" : "lines",
    name,
    x: series.x,
    y: series.y,
    line: { color: colour, width: 2, dash: DASHES[index], shape: series.steps ? "hv" : "linear" },
    marker: { color: colour, size: series.x.length > 300 ? 4 : 8, symbol: SYMBOLS[index] },
  };
}

function plain(text: string): string {
  return text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");
}

/**
 * The layout stands on the plan of the static picture, so that nothing moves when the live figure takes its
 * place.
 */
function layoutOf(figure: Figure): Json {
  const plan = planOf(figure);
  const above = plan.legendTop - 14;
  return {
    title: {
      text: plan.titleLines.map((line) => `<b>${plain(line)}</b>`).join("<br>"),
      x: 0,
      xanchor: "left",
      y: 1,
      yanchor: "top",
      // Plotly places several lines a little higher than one.
      pad: { l: 16, t: plan.titleLines.length > 1 ? 24 : 12 },
      font: { size: 16 },
    },
    xaxis: axisOf(plan, "x"),
    yaxis: axisOf(plan, "y"),
    barmode: figure.bars === "stacked" ? "stack" : "group",
    bargap: 0.24,
    showlegend: figure.series.length > 1,
    legend: {
      orientation: "h",
      traceorder: "normal",
      x: 16 / plan.width,
      xref: "container",
      xanchor: "left",
      y: 1 - above / plan.height,
      yref: "container",
      yanchor: "top",
    },
    margin: { l: plan.left, r: plan.width - plan.right, t: plan.top, b: plan.height - plan.bottom },
    paper_bgcolor: INK.card,
    plot_bgcolor: INK.card,
    font: { family: "Helvetica, Arial, sans-serif", size: 12, color: INK.text },
    height: plan.height,
    autosize: true,
    ...marksOf(plan),
  };
}

/**
 * The ticks of names, and of numbers written in a special way, are ours; elsewhere Plotly chooses, also when
 * the reader zooms.
 */
function axisOf(plan: Plan, name: "x" | "y"): Json {
  const axis = plan.figure[name];
  const scale = plan[name];
  const lines = name === "y" ? plan.up : [axisTitle(axis)];
  const title = { text: lines.map(plain).join("<br>"), standoff: 8, font: { size: 13 } };
  // A name that looks like a number would be taken for a place by its number: names are ticked by name.
  const names = hasCategories(plan.figure, name);
  const ticks = {
    tickmode: "array",
    tickvals: names ? scale.ticks.map((t) => plain(scale.format(t))) : scale.ticks,
    ticktext: scale.ticks.map((t) => plain(fitText(scale.format(t), 150, 12))),
  };
  if (names) {
    return {
      title,
      type: "category",
      automargin: true,
      ...AXIS_LINE,
      ...ticks,
      tickangle: name === "x" && plan.tilted ? TILT : 0,
    };
  }
  const log = isLog(axis);
  const own = axis.scale === "log2" || (axis.format !== undefined && axis.format !== "number");
  return {
    title,
    type: log ? "log" : "linear",
    automargin: true,
    gridcolor: INK.grid,
    zeroline: false,
    ...AXIS_LINE,
    range: rangeOf(scale.domain, log),
    ...(own ? ticks : { separatethousands: true, exponentformat: "none" }),
  };
}

/** A hair wider than the domain: rounding must not put a point on the edge outside, where Plotly hides it. */
function rangeOf([low, high]: readonly [number, number], log: boolean): Json {
  const [from, to] = log ? [Math.log10(low), Math.log10(high)] : [low, high];
  const hair = (to - from) * 1e-6;
  return [from - hair, to + hair];
}

/** Marks as lines, and their labels outside the plane, in the rows that the plan gave them. */
function marksOf(plan: Plan): { shapes: Json[]; annotations: Json[] } {
  const shapes: Json[] = [];
  const annotations: Json[] = [];
  const style = { dash: "dash", width: 1.5, color: INK.text };
  const common = { showarrow: false, font: { size: 12 } };
  (plan.figure.marks ?? []).forEach((mark, i) => {
    if (mark.x === undefined) return;
    const x = isLog(plan.figure.x) ? Math.log10(mark.x) : mark.x;
    shapes.push({ type: "line", x0: mark.x, x1: mark.x, y0: 0, y1: 1, yref: "paper", line: style });
    const yshift = 2 + plan.markRows[i]! * 17;
    annotations.push({
      ...common,
      text: plain(mark.label),
      x,
      y: 1,
      yref: "paper",
      yanchor: "bottom",
      yshift,
    });
  });
  for (const { mark, shift } of marksAcross(plan)) {
    const y = isLog(plan.figure.y) ? Math.log10(mark.y!) : mark.y!;
    shapes.push({ type: "line", y0: mark.y, y1: mark.y, x0: 0, x1: 1, xref: "paper", line: style });
    const text = plain(fitText(mark.label, 160, 12));
    annotations.push({ ...common, text, y, x: 1, xref: "paper", xanchor: "left", xshift: 4, yshift: -shift });
  }
  return { shapes, annotations };
}

/**
 * The script, as browsers of any age run it. `FIGURES` is replaced by the JSON of one figure. It looks for
 * its picture a few times, because Jupyter Lab runs scripts before their output is part of the page.
 */
const SCRIPT = `(function(f){
var dark=${IS_DARK};
var tries=0;
function urls(){
 var out=[],b=document.body.dataset||{},base=b.baseUrl,path=b.notebookPath,c=document.getElementById("jupyter-config-data");
 if(!base&&c){try{base=JSON.parse(c.textContent).baseUrl}catch(e){}}
 if(base){
  if(!path){var m=/\\/(?:tree|notebooks|edit)\\/(.*)$/.exec(location.pathname);path=m?decodeURIComponent(m[1]):""}
  var dir=path.split("/");dir.pop();
  for(;;){out.push(base+"files/"+dir.map(function(d){return encodeURIComponent(d)+"/"}).join("")+"node_modules/plotly.js-dist-min/plotly.min.js");if(!dir.length)break;dir.pop()}
  out.reverse();
 }
 out.push("plotly.min.js");return out}
function load(){
 if(window.Plotly)return Promise.resolve(window.Plotly);
 if(window.pagewalkPlotly)return window.pagewalkPlotly;
 var p=urls().reduce(function(before,url){return before.catch(function(){return new Promise(function(done,fail){
  var s=document.createElement("script");s.src=url;
  s.onload=function(){window.Plotly?done(window.Plotly):fail(new Error(url))};
  s.onerror=function(){s.remove();fail(new Error(url))};document.head.appendChild(s)})})},Promise.reject(new Error("not loaded")));
 window.pagewalkPlotly=p;p.catch(function(){window.pagewalkPlotly=null});return p}
function start(){
 var waiting=[].slice.call(document.querySelectorAll('[data-pagewalk-figure="'+f.id+'"]:not([data-live])'));
 if(!waiting.length){if(tries++<40)setTimeout(start,100);return}
 waiting.forEach(function(box){var img=box.querySelector("img");if(img)img.style.colorScheme=dark(box)?"dark":"light"});
 load().then(function(P){waiting.forEach(function(box){
  if(box.dataset.live)return;box.dataset.live="starting";
  var night=dark(box),json=JSON.stringify([f.data,f.layout]);
  if(night)json=json.replace(/#[0-9A-Fa-f]{6}/g,function(c){return f.dark[c]||c});
  var fig=JSON.parse(json);
  var live=document.createElement("div");live.setAttribute("role","group");live.setAttribute("aria-label",f.alt);
  live.style.width="100%";live.style.maxWidth=f.width+"px";live.style.height=f.layout.height+"px";live.style.border="1px solid "+(night?f.dark["#C8CDD3"]:"#C8CDD3");live.style.boxSizing="content-box";
  box.appendChild(live);
  P.newPlot(live,fig[0],fig[1],{responsive:true,displayModeBar:"hover",displaylogo:false,modeBarButtonsToRemove:["select2d","lasso2d","autoScale2d"]}).then(function(){
   var img=box.querySelector("img");if(img)img.style.display="none";box.dataset.live="yes"},function(){live.remove();delete box.dataset.live})})},function(){})}
start()})(FIGURE);`;

/**
 * The script element that makes the figure `id` live. The JSON cannot end the script early: "<" is written
 * as an escape.
 */
export function upgradeScript(figure: Figure, id: string): string {
  const json = JSON.stringify({
    id,
    alt: figure.alt,
    width: figure.width ?? 720,
    dark: DARK_LIVE,
    ...plotlyOf(figure),
  });
  const safe = json
    .replace(/</g, "\\u003c")
    .replace(/\u2028/g, "\\u2028")
    .replace(/\u2029/g, "\\u2029");
  return `<script>${SCRIPT.replace("FIGURE", () => safe)}</script>`;
}
