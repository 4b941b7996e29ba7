import { answered, api } from '../api/client';
import type { ConversationView } from './view.svelte';

/** How often the server is asked at most while things change, in ms. */
const askEvery = 10_000;

interface Figures {
  mine: number;
  waiting: number;
  all?: number; // only for those who see everything
}

/** How many conversations each list has. A list that is here as a whole is counted here; others the server counts. */
export class Counts {
  #told = $state.raw<Figures>({ mine: 0, waiting: 0 });
  #timer: ReturnType<typeof setTimeout> | undefined;
  #askedAt = -Infinity;

  constructor(
    readonly views: { mine: ConversationView; waiting: ConversationView },
    readonly seesAll: boolean,
  ) {}

  get mine(): number {
    return this.#count(this.views.mine, this.#told.mine);
  }

  get waiting(): number {
    return this.#count(this.views.waiting, this.#told.waiting);
  }

  get all(): number | undefined {
    return this.seesAll ? this.#told.all : undefined;
  }

  /** changed: something may count otherwise now. */
  changed(): void {
    this.#timer ??= setTimeout(() => void this.ask(), Math.max(0, this.#askedAt + askEvery - performance.now()));
  }

  async ask(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#askedAt = performance.now();
    try {
      this.#told = answered(await api.GET('/api/v1/counts'));
    } catch {
      // The last figures stand; the next change asks again.
    }
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #count(view: ConversationView, told: number): number {
    return view.state === 'ready' && !view.more ? view.items.length : told;
  }
}
