/**
 * How a text is put into a page: as the data of an image, and under a name of its own.
 *
 *    svg ---> UTF-8 bytes ---> base64 ---> <img src="data:image/svg+xml;base64,...">
 *    svg ---> 16 hex digits -------------> <div data-pagewalk-figure="..."> and the script that looks for it
 *
 * Nothing here is Node's or a browser's alone: both have TextEncoder and btoa.
 *
 * Read next: picture.ts, plot.ts, stepper_script.ts.
 */

/** Characters that one call of String.fromCharCode takes with ease. */
const CHUNK = 8192;

/** The UTF-8 bytes of `text` in base64. Not in Linux: RFC 4648, section 4. */
export function base64Of(text: string): string {
  const bytes = new TextEncoder().encode(text);
  let binary = "";
  for (let at = 0; at < bytes.length; at += CHUNK)
    binary += String.fromCharCode(...bytes.subarray(at, at + CHUNK));
  return btoa(binary);
}

/**
 * A short name for `text`, the same for the same text. Not in Linux: two 32-bit FNV-1a sums, the second one
 * varied.
 */
export function nameOf(text: string): string {
  let [a, b] = [0x811c9dc5, 0x01000193];
  for (let i = 0; i < text.length; i++) {
    a = Math.imul(a ^ text.charCodeAt(i), 0x01000193);
    b = Math.imul(b ^ text.charCodeAt(i), 0x85ebca6b) + 1;
  }
  return (a >>> 0).toString(16).padStart(8, "0") + (b >>> 0).toString(16).padStart(8, "0");
}
