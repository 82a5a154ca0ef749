/**
 * Stepper script: what a stepper puts into the page, so that it works wherever scripts of an output may run,
 * without a server.
 *
 *    <div data-pagewalk-stepper="1f3a..."> the first and the last picture </div>     always there
 *    <script> ... </script>                   dropped in notebooks that are not trusted, on nbviewer and on GitHub
 *        |
 *        +-- puts buttons, a slider, a caption and one picture in place of the two
 *        +-- Left, Right, Home and End, when the figure has the focus
 *
 * Pictures of neighbouring steps have most elements in common. So the output carries each element once, and
 * each step as runs of their numbers: a series of forty weighs little more than one picture.
 *
 *    parts  ["<rect .../>", "<text ...>0x400</text>", ...]
 *    steps  [{ caption, alt, runs: [0, 21] }, { caption, alt, runs: [0, 17, 21, 3] }, ...]
 *
 * The picture is an <img> as everywhere in this folder, so nothing that it contains can reach the page, and
 * it follows the theme (theme.ts). In Jupyter Lab and the classic Notebook keys mean something to the
 * notebook: those that the figure uses do not get there.
 *
 * Not in Linux. Read first: stepper_marks.ts. Read next: stepper.ts.
 */

import { nameOf } from "./embed.js";
import { svgDocument } from "./svg.js";
import { darkStyle, IS_DARK } from "./theme.js";

/** One step as the script wants it. */
export interface StepMarkup {
  readonly caption: string;
  readonly alt: string;
  /** The elements of its picture. */
  readonly elements: readonly string[];
}

/** What all steps have in common. */
interface StepperFrame {
  readonly title: string;
  readonly width: number;
  readonly height: number;
  /** A line below the picture, the same in all steps; "" for none. */
  readonly legend: string;
}

const BODY = "<!---->";

/** The elements of all steps, each once, and the steps as [first, count, first, count, ...] of them. */
export function packElements(steps: readonly (readonly string[])[]): { parts: string[]; runs: number[][] } {
  const numbers = new Map<string, number>();
  const runs = steps.map((elements) => {
    const run: number[] = [];
    for (const one of elements) {
      const known = numbers.get(one) ?? numbers.size;
      if (known === numbers.size) numbers.set(one, known);
      const end = run.length;
      if (end > 0 && run[end - 2]! + run[end - 1]! === known) run[end - 1]!++;
      else run.push(known, 1);
    }
    return run;
  });
  return { parts: [...numbers.keys()], runs };
}

/** JSON that cannot end the script around it. */
function scriptJson(value: unknown): string {
  return JSON.stringify(value)
    .replace(/<\//g, "<\\/")
    .replace(/<!/g, "\\u003c!")
    .replace(/\u2028/g, "\\u2028")
    .replace(/\u2029/g, "\\u2029");
}

/** The data of the script, without its name. */
function dataOf(frame: StepperFrame, steps: readonly StepMarkup[]): object {
  const { parts, runs } = packElements(steps.map(({ elements }) => elements));
  const { title, width, height, legend } = frame;
  const [head, tail] = svgDocument({ width, height, title: "", desc: "" }, [BODY]).split(BODY) as [
    string,
    string,
  ];
  const style = darkStyle(parts.join(""));
  const told = steps.map(({ caption, alt }, i) => ({ caption, alt, runs: runs[i]! }));
  return { title, width, height, legend, head: head + style, tail, parts, steps: told };
}

/** `strip` in its box, and the script that makes a stepper of it. */
export function stepperHtml(strip: string, frame: StepperFrame, steps: readonly StepMarkup[]): string {
  const data = dataOf(frame, steps);
  const id = nameOf(JSON.stringify(data));
  const box = `<div class="pagewalk-stepper" data-pagewalk-stepper="${id}" style="max-width:${frame.width}px">${strip}</div>`;
  return `${box}<script>${SCRIPT.replace("STEPPER", () => scriptJson({ id, ...data }))}</script>`;
}

/**
 * The script, as browsers of any age run it. It looks for its box a few times, because Jupyter Lab runs
 * scripts before their output is part of the page.
 */
const SCRIPT = `(function(s){
var dark=${IS_DARK};
var tries=0,n=s.steps.length,INK="color:var(--jp-content-font-color1,inherit);";
function image(i){
 var out=s.head,r=s.steps[i].runs;
 for(var k=0;k<r.length;k+=2)for(var j=0;j<r[k+1];j++)out+=s.parts[r[k]+j];
 return "data:image/svg+xml;charset=utf-8,"+encodeURIComponent(out+s.tail)}
function add(to,tag,style,attributes,text){
 var e=document.createElement(tag);e.style.cssText=style;
 for(var name in attributes)e.setAttribute(name,attributes[name]);
 if(text)e.textContent=text;
 return to.appendChild(e)}
function live(box){
 var at=0,long=s.steps.some(function(t){return t.caption.length>s.width/8});
 while(box.firstChild)box.removeChild(box.firstChild);
 var group=add(box,"div","padding:4px;",{role:"group",tabindex:"0","aria-label":s.title+". A picture in "+n+" steps: left and right arrow keys.","data-lm-suppress-shortcuts":"true"});
 var bar=add(group,"div","display:flex;flex-wrap:wrap;align-items:center;gap:8px;"+INK,{});
 function button(text,label,by){
  var b=add(bar,"button","font:inherit;color:inherit;background:transparent;border:1px solid currentColor;border-radius:4px;padding:3px 12px;cursor:pointer;min-height:28px;",{type:"button","aria-label":label},text);
  b.addEventListener("click",function(){go(at+by)});return b}
 var back=button("\\u25c0 Previous","Previous step",-1),next=button("Next \\u25b6","Next step",1);
 var slider=add(bar,"input","flex:1 1 120px;max-width:320px;min-height:24px;margin:0;accent-color:#0072B2;",{type:"range",min:"1",max:String(n),step:"1",value:"1","aria-label":"Step"});
 var count=add(bar,"span","font-variant-numeric:tabular-nums;",{"aria-hidden":"true"});
 var caption=add(group,"p",INK+"margin:6px 0;line-height:1.4;min-height:"+(long?2.8:1.4)+"em;font-weight:bold;",{"aria-live":"polite"});
 var picture=add(group,"img","display:block;max-width:100%;height:auto;margin:0;color-scheme:"+(dark(box)?"dark":"light"),{role:"img","class":"pagewalk-picture",width:s.width,height:s.height});
 if(s.legend)add(group,"p",INK+"margin:4px 0 0;font-size:90%;",{},s.legend);
 function go(to){
  at=Math.max(0,Math.min(n-1,to));
  var t=s.steps[at];
  picture.src=image(at);picture.alt=t.alt;picture.setAttribute("aria-label",t.alt);
  caption.textContent=t.caption;
  slider.value=String(at+1);slider.setAttribute("aria-valuetext",t.caption);
  count.textContent=(at+1)+" / "+n;
  [[back,at===0],[next,at===n-1]].forEach(function(p){p[0].setAttribute("aria-disabled",String(p[1]));p[0].style.opacity=p[1]?"0.45":"1"})}
 slider.addEventListener("input",function(){go(slider.value-1)});
 group.addEventListener("keydown",function(e){
  if(e.ctrlKey||e.altKey||e.metaKey)return;
  var to={ArrowLeft:at-1,ArrowRight:at+1,Home:0,End:n-1}[e.key];
  if(to!==undefined||/^(Arrow|Page|Enter$| $)/.test(e.key))e.stopPropagation();
  if(to!==undefined&&e.target!==slider){e.preventDefault();go(to)}});
 picture.addEventListener("click",function(){group.focus({preventScroll:true})});
 go(0);box.setAttribute("data-live","yes")}
function start(){
 var waiting=document.querySelectorAll('[data-pagewalk-stepper="'+s.id+'"]:not([data-live])');
 if(!waiting.length){if(tries++<40)setTimeout(start,100);return}
 [].forEach.call(waiting,live)}
start()})(STEPPER);`;
