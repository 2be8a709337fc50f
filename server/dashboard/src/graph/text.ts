// Text that has to fit into a box of an SVG, which knows no ellipsis. Widths are estimates: nobody measures 200 boxes.

/** The text, cut with an ellipsis when it is wider than this many pixels at this font size. */
export function fitted(text: string, width: number, fontSize: number): string {
  const flat = text.replace(/\s+/gu, " ");
  let used = 0;
  let end = 0;
  let before = 0;
  for (const char of flat) {
    used += widthOf(char) * fontSize;
    if (used > width) return `${flat.slice(0, before)}…`;
    before = end;
    end += char.length;
  }
  return flat;
}

/** Of one em: narrow letters, capitals, everything beyond Latin as a full square. */
function widthOf(char: string): number {
  const code = char.codePointAt(0) ?? 0;
  if (code > 0x2e7f) return 1;
  if ("iljtfr.,:;'|!I[]()- ".includes(char)) return 0.34;
  if ("mwMW@%".includes(char)) return 0.88;
  return /[A-Z0-9_]/.test(char) ? 0.64 : 0.56;
}
