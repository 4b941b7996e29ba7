/** How long a message to a customer may be, as its channel takes it. */

/** Unit is what a limit counts; `bytes` are of UTF-8. */
export type Unit = 'characters' | 'utf16' | 'bytes' | 'graphemes';

/** every message's own limit, which the server sets */
const most = 30_000;

/** lengthOf counts a text in a unit. */
export function lengthOf(text: string, unit: Unit): number {
  switch (unit) {
    case 'utf16':
      return text.length;
    case 'bytes':
      return new TextEncoder().encode(text).length;
    case 'graphemes':
      return [...new Intl.Segmenter(undefined, { granularity: 'grapheme' }).segment(text)].length;
    default:
      return [...text].length;
  }
}

/**
 * room is how much more may be written: undefined while there is plenty (more than a tenth of the limit), negative when it
 * is too much already. A note goes nowhere and has no channel's limit.
 */
export function room(text: string, limits: { text_max: number; text_unit?: Unit } | undefined, note: boolean): number | undefined {
  const max = note ? 0 : (limits?.text_max ?? 0);
  const bytes = text.length * 3 > most ? most - lengthOf(text, 'bytes') : most; // no UTF-16 unit takes more than three
  const left = max > 0 && text.length * 3 > max * 0.9 ? max - lengthOf(text, limits?.text_unit ?? 'characters') : max;
  if (bytes < 0) return max > 0 ? Math.min(left, bytes) : bytes;
  return max > 0 && left <= max / 10 ? left : undefined;
}
