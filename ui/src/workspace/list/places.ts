/**
 * Places gives each drawn row a place on the page and lets it keep that place while it is drawn. A row that comes into
 * sight takes the place of one that has gone: what is there is filled anew, which costs far less than making it.
 */
export class Places {
  #of = new Map<string, number>();
  #made = 0;

  /** give hands the places out for these rows, in their order. The place of `spared` goes to nobody else. */
  give(rows: readonly string[], spared?: string): void {
    const drawn = new Set(rows);
    const free: number[] = [];
    for (const [id, place] of this.#of) if (!drawn.has(id) && id !== spared) free.push(place);
    free.reverse();
    const now = new Map<string, number>();
    for (const id of rows) now.set(id, this.#of.get(id) ?? free.pop() ?? this.#made++);
    this.#of = now;
  }

  /** of is a row's place; undefined when it is not drawn. */
  of(id: string): number | undefined {
    return this.#of.get(id);
  }
}
