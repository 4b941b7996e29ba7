/** How the program starts in this browser: what the desk is, who is here, and what to do while the server is not. */
import type { Me } from '$lib/api/client';
import { about, whoAmI, type About } from './entry';

/** `out` is nobody signed in, `first` nobody ever: the one-time link makes the first administrator. */
export type Stage = 'starting' | 'failed' | 'first' | 'out' | 'in';

const patience = 5_000; // ms between tries while the server is not there

export class Entrance {
  stage = $state<Stage>('starting');
  about = $state<About>();
  me = $state<Me>();
  error = $state<unknown>();
  #again: ReturnType<typeof setTimeout> | undefined;

  /** start asks the server; while it does not answer it asks again every few seconds. */
  async start(): Promise<void> {
    clearTimeout(this.#again);
    try {
      const [desk, me] = await Promise.all([about(), whoAmI()]);
      this.about = desk;
      this.me = me;
      this.error = undefined;
      this.stage = desk.setup_needed ? 'first' : me ? 'in' : 'out';
    } catch (error) {
      this.error = error;
      this.stage = 'failed';
      this.#again = setTimeout(() => void this.start(), patience);
    }
  }

  /** enter is called with whoever has just signed in. */
  enter(me: Me): void {
    this.me = me;
    if (this.about) this.about.setup_needed = false;
    this.stage = 'in';
  }

  /** leave is called after somebody has signed out. */
  leave(): void {
    this.me = undefined;
    this.stage = 'out';
  }

  stop(): void {
    clearTimeout(this.#again);
  }
}
