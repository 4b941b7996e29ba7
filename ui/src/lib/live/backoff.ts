/** Pauses between attempts, doubling and with jitter, so that a hundred browsers do not come back in the same moment. */
export class Backoff {
  #attempt = 0;

  constructor(
    readonly first: number, // ms
    readonly longest: number, // ms
  ) {}

  /** next is how long to wait now, in ms: between half and all of the pause that is due. */
  next(): number {
    const pause = Math.min(this.longest, this.first * 2 ** this.#attempt);
    this.#attempt = Math.min(this.#attempt + 1, 30);
    return pause * (0.5 + Math.random() / 2);
  }

  reset(): void {
    this.#attempt = 0;
  }
}
