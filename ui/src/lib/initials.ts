/** How a person without a picture is drawn: two letters on one of six washes, always the same for the same person. */

/** initials are at most two characters: of the first and last word of a name, or the first two of a single word. */
export function initials(name: string): string {
  const words = name.trim().split(/[\s·,]+/).filter((word) => /[\p{L}\p{N}]/u.test(word));
  const letter = (word: string | undefined, at = 0) => [...(word ?? '').replace(/[^\p{L}\p{N}]/gu, '')][at] ?? '';
  if (words.length === 0) return '';
  const first = letter(words[0]);
  // One ideogram or kana is as telling, and as wide, as two letters.
  if (/[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}]/u.test(first)) return first;
  return (first + (words.length > 1 ? letter(words.at(-1)) : letter(words[0], 1))).toLocaleUpperCase();
}

/** wash is the number of a person's ground, 1 to 6, from their id. */
export function wash(id: string): number {
  let sum = 0;
  for (const character of id) sum = (sum * 31 + character.codePointAt(0)!) >>> 0;
  return (sum % 6) + 1;
}
