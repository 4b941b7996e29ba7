import { SvelteMap } from 'svelte/reactivity';
import { answered, api, type Agent, type Me } from '../api/client';
import type { PresenceOf } from './frames';

/** An id that is not known asks the server again, but not more often than this, in ms. */
const askEvery = 30_000;

/** The people of this desk: their names, and for those who see everything their presence. */
export class Colleagues {
  readonly #agents = new SvelteMap<string, Agent>();
  readonly #unknown = new Set<string>();
  #askedAt = -Infinity;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(readonly me: Me) {}

  get all(): readonly Agent[] {
    return [...this.#agents.values()];
  }

  name(id: string): string {
    if (id === this.me.id) return this.me.name;
    const known = this.#agents.get(id);
    if (!known && id !== '' && !this.#unknown.has(id)) {
      this.#unknown.add(id);
      this.#askSoon();
    }
    return known?.name ?? '';
  }

  presence(told: PresenceOf): void {
    const known = this.#agents.get(told.agent);
    if (known) this.#agents.set(told.agent, { ...known, presence: told.presence as Agent['presence'], load: told.load });
  }

  /** ask reads who is there. What fails is asked again when a name is missed. */
  async ask(): Promise<void> {
    this.#askedAt = performance.now();
    try {
      const { items } = answered(await api.GET('/api/v1/agents'));
      const there = new Set(items.map((a) => a.id));
      for (const id of [...this.#agents.keys()]) if (!there.has(id)) this.#agents.delete(id);
      for (const agent of items) {
        this.#agents.set(agent.id, agent);
        this.#unknown.delete(agent.id);
      }
    } catch {
      this.#unknown.clear();
    }
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #askSoon(): void {
    this.#timer ??= setTimeout(
      () => {
        this.#timer = undefined;
        void this.ask();
      },
      Math.max(0, this.#askedAt + askEvery - performance.now()),
    );
  }
}
