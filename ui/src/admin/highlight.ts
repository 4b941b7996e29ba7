/** The colours of a line of TOML. Only looks: what is right or wrong is the server's to say. */
export interface Piece {
  text: string;
  kind: 't-h' | 't-n' | 't-s' | 't-k' | 't-c' | '';
}

const piece = /("""|'''|"(?:\\.|[^"\\])*"|'[^']*')|(#.*$)|(\b(?:true|false)\b|\b\d[\d_.:TZ+-]*\b)/g;

/** highlight cuts one line into pieces: headings, names, strings, other values, comments. */
export function highlight(line: string): Piece[] {
  if (/^\s*\[/.test(line)) {
    const comment = line.indexOf('#');
    return comment < 0 ? [{ text: line, kind: 't-h' }] : [{ text: line.slice(0, comment), kind: 't-h' }, { text: line.slice(comment), kind: 't-c' }];
  }
  const name = /^(\s*[\w.-]+)(\s*=)/.exec(line);
  const pieces: Piece[] = name ? [{ text: name[1]!, kind: 't-n' }, { text: name[2]!, kind: '' }] : [];
  let at = name ? name[0].length : 0;
  piece.lastIndex = at;
  for (let found = piece.exec(line); found; found = piece.exec(line)) {
    if (found.index > at) pieces.push({ text: line.slice(at, found.index), kind: '' });
    pieces.push({ text: found[0], kind: found[1] ? 't-s' : found[2] ? 't-c' : 't-k' });
    at = found.index + found[0].length;
  }
  if (at < line.length) pieces.push({ text: line.slice(at), kind: '' });
  return pieces;
}
