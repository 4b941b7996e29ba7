const every = 3_000;
const stopsAfter = 5_000;

/** Writing tells the other side that the visitor writes, not too often, and that they have stopped. */
export class Writing {
  private said = 0;
  private pause: (() => void) | undefined;

  constructor(
    private readonly world: { now(): number; later(milliseconds: number, act: () => void): () => void },
    /** say returns whether it could be said */
    private readonly say: (on: boolean) => boolean,
  ) {}

  /** typed is called with every key; empty tells that nothing is left. */
  typed(empty: boolean): void {
    if (empty) return this.stop(true);
    const now = this.world.now();
    if (Math.abs(now - this.said) >= every && this.say(true)) this.said = now;
    this.pause?.();
    this.pause = this.world.later(stopsAfter, () => this.stop(true));
  }

  /** stop ends it; a message that leaves says so by itself. */
  stop(tell: boolean): void {
    this.pause?.();
    this.pause = undefined;
    if (tell && this.said) this.say(false);
    this.said = 0;
  }
}
