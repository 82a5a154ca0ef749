/**
 * Theme: the dark colours of every picture, and how a picture learns that the page around it is dark.
 *
 *    <img src="data:image/svg+xml..." style="color-scheme:light">        what is always there: a light card with a calm border
 *         |
 *         +-- the SVG holds both sets of colours: @media (prefers-color-scheme: dark) { [fill="#FFFFFF"] { fill: ... } }
 *         +-- an <img> hands its own color-scheme to the SVG in it
 *         +-- the script (dropped where the notebook is not trusted) looks at the background that the theme has put
 *             behind the picture, and sets color-scheme to match: also when the theme is changed later
 *
 * Jupyter's themes know nothing of prefers-color-scheme, so the background is what counts. Tables,
 * predictions and check results need none of this: their text has the theme's own colour. Contrast of text is
 * at least 4.5 to 1 in both.
 *
 * Not in Linux. Read first: svg.ts. Read next: picture.ts, plotly.ts.
 */

/** Each colour of a light picture, and what it is in a dark one. Colours that are not here serve both. */
const DARK: Readonly<Record<string, string>> = {
  "#FFFFFF": "#1F2328", // the card
  "#C8CDD3": "#4B535D", // its edge
  "#1B1F24": "#E8EAED", // text
  "#4A525C": "#B4BCC6", // faint text
  "#A33F00": "#FF9E66", // alarm
  "#E3E6EA": "#3A424B", // grid
  "#F2F4F7": "#2A3038", // stripes
  "#9AA3AD": "#7A848F", // frames of boxes
  "#6B7480": "#9AA3AD",
  "#BFE3F7": "#17415C", // fills that text stands on
  "#BFE5D6": "#17493A",
  "#FBE3B0": "#574011",
  "#F7CDB0": "#5A3416",
  "#EED3E2": "#4F2B40",
  "#D5D9DE": "#3D444D",
  "#C3C8CE": "#8B949E",
  "#000000": "#E8EAED", // the seventh series
};

/** Lines of this colour are too dark on a dark card; boxes of it carry white text, and stay. */
const BLUE = "#0072B2";
const LIGHT_BLUE = "#3FA0E0";

/** The same for a live figure, in which no text stands on blue. */
export const DARK_LIVE: Readonly<Record<string, string>> = { ...DARK, [BLUE]: LIGHT_BLUE };

/**
 * The style element that a picture with `body` needs to look right on a dark page; only for the colours it
 * has.
 */
export function darkStyle(body: string): string {
  const rules = Object.entries(DARK).flatMap(([light, dark]) => {
    // White text stands on a full colour, and stays white.
    const text = light === "#FFFFFF" ? ":not(text)" : "";
    return [
      ...(body.includes(`fill="${light}"`) ? [`${text}[fill="${light}"]{fill:${dark}}`] : []),
      ...(body.includes(`stroke="${light}"`) ? [`[stroke="${light}"]{stroke:${dark}}`] : []),
    ];
  });
  if (body.includes(BLUE))
    rules.push(`[stroke="${BLUE}"]{stroke:${LIGHT_BLUE}}`, `circle[fill="${BLUE}"]{fill:${LIGHT_BLUE}}`);
  return `<style>@media (prefers-color-scheme:dark){${rules.join("")}}</style>`;
}

/** JavaScript for a page: whether the background behind an element is dark. */
export const IS_DARK = `function(e){for(;e;e=e.parentElement){
var m=/rgba?\\(([\\d.]+), *([\\d.]+), *([\\d.]+)(?:, *([\\d.]+))?/.exec(getComputedStyle(e).backgroundColor);
if(m&&(m[4]===undefined||+m[4]>0.5))return 0.3*m[1]+0.59*m[2]+0.11*m[3]<128}return false}`;

/**
 * The script that goes with a picture. It looks a few times, because Jupyter Lab runs scripts before their
 * output is part of the page, and again when the theme changes.
 */
export const THEME_SCRIPT = `<script>(function(dark){
function look(){[].forEach.call(document.querySelectorAll("img.pagewalk-picture"),function(i){i.style.colorScheme=dark(i)?"dark":"light"})}
for(var ms=0;ms<2000;ms=ms*2+50)setTimeout(look,ms);
if(!window.pagewalkTheme&&window.MutationObserver){window.pagewalkTheme=new MutationObserver(function(){setTimeout(look,400)});
window.pagewalkTheme.observe(document.body,{attributes:true,attributeFilter:["class","style","data-jp-theme-light","data-jp-theme-name"]})}
})(${IS_DARK})</script>`;
