/** A page that does not paint still takes things in after this long, in ms. */
const longest = 100;

/** Batch collects what comes and hands it on once per painted frame; at once when nobody looks. */
export class Batch<T> {
  #waiting: T[] = [];
  #frame = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #busy = false;

  constructor(readonly use: (all: T[]) => void) {}

  add(one: T): void {
    this.#waiting.push(one);
    if (this.#timer !== undefined) return;
    const hidden = document.visibilityState === 'hidden';
    this.#timer = setTimeout(() => this.flush(), hidden ? 0 : longest);
    if (!hidden) this.#frame = requestAnimationFrame(() => this.flush());
  }

  /** flush hands on what waits now. */
  flush(): void {
    if (this.#busy) return;
    clearTimeout(this.#timer);
    cancelAnimationFrame(this.#frame);
    this.#timer = undefined;
    if (this.#waiting.length === 0) return;
    const all = this.#waiting;
    this.#waiting = [];
    this.#busy = true;
    try {
      this.use(all);
    } finally {
      this.#busy = false;
    }
  }
}
