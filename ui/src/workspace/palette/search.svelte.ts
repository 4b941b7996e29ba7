/** Searching people and their conversations at the server while somebody types. */
import { answered, api, type Contact, type Conversation } from '$lib/api/client';

const pause = 150; // ms after the last key

export class Search {
  contacts = $state.raw<Contact[]>([]);
  conversations = $state.raw<Conversation[]>([]);
  state = $state<'idle' | 'searching' | 'done' | 'failed'>('idle');
  error = $state.raw<unknown>();
  #later: ReturnType<typeof setTimeout> | undefined;
  #running: AbortController | undefined;

  /** ask looks for what is typed now; what was asked before no longer counts. */
  ask(query: string): void {
    this.stop();
    if (query.trim().length < 2) {
      this.contacts = [];
      this.conversations = [];
      this.state = 'idle';
      return;
    }
    this.state = 'searching';
    this.#later = setTimeout(() => void this.#run(query.trim()), pause);
  }

  stop(): void {
    clearTimeout(this.#later);
    this.#running?.abort();
  }

  async #run(query: string): Promise<void> {
    const running = (this.#running = new AbortController());
    try {
      const found = answered(await api.GET('/api/v1/search', { params: { query: { query } }, signal: running.signal }));
      if (running.signal.aborted) return;
      this.contacts = found.contacts;
      this.conversations = found.conversations;
      this.state = 'done';
    } catch (error) {
      if (running.signal.aborted) return;
      this.error = error;
      this.state = 'failed';
    }
  }
}
