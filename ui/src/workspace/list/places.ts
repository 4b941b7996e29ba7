/**
 * Places gives each drawn row a place on the page and lets it keep that place while it is drawn. A row that comes into
 * sight takes the place of one that has gone: what is there is filled anew, which costs far less than making it, or than
 * moving it within the page.
 */
export class Places {
  #of = new Map<string, number>();
  #order: number[] = [];
  #made = 0;

  /**
   * give hands the places out for these rows, and returns the rows, as indices, in the order in which they stand on the
   * page: that in which they are given, which is what readers and the Tab key follow. While `still`, nothing that is on
   * the page moves within it, so theirs may be another order. The place of `spared` goes to nobody else.
   */
  give(rows: readonly string[], { spared, still = false }: { spared?: string | undefined; still?: boolean } = {}): number[] {
    const drawn = new Set(rows);
    const free: number[] = [];
    for (const [id, place] of this.#of) if (!drawn.has(id) && id !== spared) free.push(place);
    free.reverse();
    const at = new Map<number, number>(); // which row a place holds
    const now = new Map<string, number>();
    rows.forEach((id, i) => {
      const place = this.#of.get(id) ?? free.pop() ?? this.#made++;
      now.set(id, place);
      at.set(place, i);
    });
    this.#of = now;
    this.#order = [...new Set([...(still ? this.#order.filter((place) => at.has(place)) : []), ...at.keys()])];
    return this.#order.map((place) => at.get(place)!);
  }

  /** of is a row's place; undefined when it is not drawn. */
  of(id: string): number | undefined {
    return this.#of.get(id);
  }
}
