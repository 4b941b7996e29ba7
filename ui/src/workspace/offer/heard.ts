import type { Ringing } from '$lib/live/types';

/** How long before its end an offer is heard again, in ms. */
const lastCall = 10_000;

/** Heard remembers which offers were heard, so that each rings once and is called once more before its end. */
export class Heard {
  readonly #begun = new Set<string>();
  readonly #called = new Set<string>();

  /** look compares what rings with what was heard. `now` is performance.now(). */
  look(offers: readonly Ringing[], now: number): { begun: Ringing[]; ending: Ringing[]; over: string[] } {
    const begun = offers.filter((o) => !this.#begun.has(o.id));
    const ending = offers.filter((o) => this.#begun.has(o.id) && !this.#called.has(o.id) && o.endsAt - now <= lastCall && o.totalMs > lastCall);
    const over = [...this.#begun].filter((id) => !offers.some((o) => o.id === id));
    for (const o of begun) this.#begun.add(o.id);
    for (const o of ending) this.#called.add(o.id);
    for (const id of over) {
      this.#begun.delete(id);
      this.#called.delete(id);
    }
    return { begun, ending, over };
  }
}
