/** How the palette compares what is typed with what there is: word by word, from their beginnings, without accents. */

/** fold makes texts comparable: lower case, without accents. */
export const fold = (text: string): string => text.normalize('NFD').replace(/\p{M}/gu, '').toLowerCase();

const words = (text: string): string[] => fold(text).split(/[^\p{L}\p{N}]+/u).filter(Boolean);

/**
 * fit is how well a text answers a query, higher is better: 0 is not at all. Every word of the query has to begin a word
 * of the text; it is best when they are the first ones, in order.
 */
export function fit(query: string, text: string): number {
  const wanted = words(query);
  if (wanted.length === 0) return 1;
  const there = words(text);
  let inOrder = true;
  let last = -1;
  for (const word of wanted) {
    let at = there.findIndex((w, i) => i > last && w.startsWith(word));
    if (at < 0) {
      inOrder = false;
      at = there.findIndex((w) => w.startsWith(word));
    }
    if (at < 0) return 0;
    last = Math.max(last, at);
  }
  if (!inOrder) return 1;
  return there[0]!.startsWith(wanted[0]!) ? 3 : 2;
}

/** best are the items that fit, the best first, otherwise in their order. */
export function best<T>(query: string, items: readonly T[], text: (item: T) => string): T[] {
  return items
    .map((item) => ({ item, fit: fit(query, text(item)) }))
    .filter((found) => found.fit > 0)
    .sort((a, b) => b.fit - a.fit)
    .map((found) => found.item);
}
