/**
 * Runs in a page: what is wrong with the texts of a picture, measured as the browser draws them.
 *
 *    outside     a text leaves the picture
 *    overlap     two texts lie on each other
 *    box         a text leaves the box that it stands in, or touches its frame
 *    cut         a text ends in an ellipsis: something was not said
 */

/**
 * A function of an element with SVG in it, and of whether texts must stay in the boxes around them; gives a list of
 * sentences. Kept as text: it runs in the browser.
 */
export const TEXT_PROBLEMS = `(svg, boxes) => {
  const frame = svg.getBoundingClientRect();
  const problems = [];
  const shown = (node) => { const s = getComputedStyle(node); return s.display !== "none" && s.visibility !== "hidden" && s.opacity !== "0"; };
  // A rotated text has a slanted box; its corners say where it really is.
  const cornersOf = (text) => {
    const b = text.getBBox(), m = text.getScreenCTM();
    return [[b.x, b.y], [b.x + b.width, b.y], [b.x + b.width, b.y + b.height], [b.x, b.y + b.height]]
      .map(([x, y]) => [m.a * x + m.c * y + m.e, m.b * x + m.d * y + m.f]);
  };
  const texts = [...svg.querySelectorAll("text")].filter((t) => t.textContent.trim() !== "" && shown(t))
    .map((t) => ({ name: t.textContent.trim(), box: t.getBoundingClientRect(), corners: cornersOf(t) }));
  // Separating axes: two convex shapes lie apart when some edge's normal separates them.
  const apart = (p, q, slack) => [p, q].some((shape) => shape.some(([x1, y1], i) => {
    const [x2, y2] = shape[(i + 1) % 4], [nx, ny] = [y1 - y2, x2 - x1], n = Math.hypot(nx, ny) || 1;
    const on = (s) => s.map(([x, y]) => (x * nx + y * ny) / n), a = on(p), b = on(q);
    return Math.max(...a) - slack <= Math.min(...b) || Math.max(...b) - slack <= Math.min(...a);
  }));
  const rects = [...svg.querySelectorAll("rect")].filter((r) => !r.closest("clipPath, defs") && shown(r)).map((r) => r.getBoundingClientRect())
    .filter((r) => r.width > 20 && r.height > 12);
  texts.forEach((t, i) => {
    if (t.name.endsWith("…")) problems.push('cut: "' + t.name + '"');
    const { left, right, top, bottom } = t.box;
    if (left < frame.left + 2 || right > frame.right - 2 || top < frame.top || bottom > frame.bottom)
      problems.push('outside: "' + t.name + '"');
    for (const other of texts.slice(i + 1))
      if (!apart(t.corners, other.corners, 3)) problems.push('overlap: "' + t.name + '" and "' + other.name + '"');
    const [x, y] = [(left + right) / 2, (top + bottom) / 2];
    const around = rects.filter((r) => r.left < x && x < r.right && r.top < y && y < r.bottom)
      .sort((a, b) => a.width * a.height - b.width * b.height)[0];
    // The box of a text has room above and below its letters; a sixth of it may lie on the frame.
    const give = t.box.height / 6;
    if (boxes && around && (left < around.left + 1 || right > around.right - 1 || top < around.top - give || bottom > around.bottom + give))
      problems.push('box: "' + t.name + '"');
  });
  return problems;
}`;

/**
 * A function of an <svg>; gives the texts whose colour has a contrast of less than 4.5 to 1 (WCAG AA) with the shape that
 * lies behind them.
 */
export const CONTRAST_PROBLEMS = `(svg) => {
  const rgb = (text) => { const m = /rgba?\\(([\\d.]+), *([\\d.]+), *([\\d.]+)/.exec(text); return m && m.slice(1).map(Number); };
  const light = (c) => { const [r, g, b] = c.map((v) => { v /= 255; return v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
  const all = [...svg.querySelectorAll("rect, text")].filter((n) => !n.closest("clipPath, defs"));
  return all.flatMap((text, at) => {
    if (text.tagName !== "text" || text.textContent.trim() === "") return [];
    const b = text.getBoundingClientRect(), [x, y] = [(b.left + b.right) / 2, (b.top + b.bottom) / 2];
    const behind = all.slice(0, at).filter((n) => n.tagName === "rect" && rgb(getComputedStyle(n).fill)).filter((n) => {
      const r = n.getBoundingClientRect(); return r.left <= x && x <= r.right && r.top <= y && y <= r.bottom; }).pop();
    const [ink, ground] = [rgb(getComputedStyle(text).fill), behind ? rgb(getComputedStyle(behind).fill) : [255, 255, 255]];
    const [a, c] = [light(ink), light(ground)], ratio = (Math.max(a, c) + 0.05) / (Math.min(a, c) + 0.05);
    return ratio < 4.5 ? ['"' + text.textContent + '" has ' + ratio.toFixed(2) + ": " + ink + " on " + ground] : [];
  });
}`;
