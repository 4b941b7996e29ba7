/** A piece of a message: text, or text that leads somewhere. */
export interface Piece {
  text: string;
  href?: string;
}

const address = /\b(?:https?:\/\/|www\.)[^\s<>"'`“”«»]+|\b[\w.+-]+@[a-z0-9-]+(?:\.[a-z0-9-]+)+\b/gi;

/**
 * pieces finds web and mail addresses in a text. It makes no markup: what is shown is always the text as it was
 * written, and only http, https and mailto are led to.
 */
export function pieces(text: string): Piece[] {
  const found: Piece[] = [];
  let from = 0;
  for (const match of text.matchAll(address)) {
    const shown = trimmed(match[0]);
    const href = lead(shown);
    if (!href) continue;
    if (match.index > from) found.push({ text: text.slice(from, match.index) });
    found.push({ text: shown, href });
    from = match.index + shown.length;
  }
  if (from < text.length) found.push({ text: text.slice(from) });
  return found;
}

/** trimmed leaves out what ends a sentence rather than an address. */
function trimmed(text: string): string {
  for (;;) {
    const last = text.at(-1) ?? '';
    const open = { ')': '(', ']': '[', '}': '{' }[last];
    const unpaired = open !== undefined && text.split(last).length > text.split(open).length;
    if (!unpaired && !/[.,;:!?…*_~]/.test(last)) return text;
    text = text.slice(0, -1);
  }
}

function lead(text: string): string | undefined {
  if (/^(https?:|www\.)/i.test(text)) {
    try {
      const url = new URL(/^www\./i.test(text) ? 'https://' + text : text);
      return url.hostname.includes('.') || url.hostname === 'localhost' || url.hostname.startsWith('[') ? url.href : undefined;
    } catch {
      return undefined;
    }
  }
  return 'mailto:' + text;
}
