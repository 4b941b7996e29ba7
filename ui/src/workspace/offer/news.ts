import type { Conversation } from '$lib/api/client';

/** News notices which of one's conversations have more unread words than before. What was there at first is no news. */
export class News {
  #before: Map<string, number> | undefined;

  look(mine: readonly Conversation[], ready: boolean): Conversation[] {
    if (!ready) return [];
    const before = this.#before;
    this.#before = new Map(mine.map((c) => [c.id, c.unread]));
    return before ? mine.filter((c) => c.unread > (before.get(c.id) ?? c.unread)) : [];
  }
}
