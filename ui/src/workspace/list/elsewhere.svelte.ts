import { answered, api, type Conversation } from '$lib/api/client';

/** How long after the last key the server is asked, in ms. */
const pause = 250;

/** Elsewhere asks the server for conversations that a search finds beyond the list: of people by name, number or address. */
export class Elsewhere {
  items = $state.raw<readonly Conversation[]>([]);
  asking = $state(false);

  #timer: ReturnType<typeof setTimeout> | undefined;
  #asked = 0;

  constructor(private readonly ask: (query: string) => Promise<readonly Conversation[]> = search) {}

  /** look is called with each change of the field; only the last one is answered. */
  look(query: string): void {
    clearTimeout(this.#timer);
    const asked = ++this.#asked;
    if (query.trim().length < 2) {
      this.items = [];
      this.asking = false;
      return;
    }
    this.asking = true;
    this.#timer = setTimeout(() => void this.#look(query.trim(), asked), pause);
  }

  async #look(query: string, asked: number): Promise<void> {
    let found: readonly Conversation[] = [];
    try {
      found = await this.ask(query);
    } catch {
      // without the server the list itself is searched all the same
    }
    if (asked !== this.#asked) return;
    this.items = found;
    this.asking = false;
  }
}

async function search(query: string): Promise<readonly Conversation[]> {
  return answered(await api.GET('/api/v1/search', { params: { query: { query } } })).conversations;
}
