import { createSubscriber } from 'svelte/reactivity';
import type { Conversation, ConversationDetail } from '../api/client';

/** What is told when a conversation changes, or goes (undefined). */
export type Changed = (id: string, now: Conversation | undefined) => void;

/** Followed is a conversation that somebody shows, or has shown. */
interface Followed {
  follow: () => void;
  changed: () => void;
}

/**
 * The conversations that this browser knows, by id. They come from two sides: the socket tells, in order, and the API
 * is asked. What was told after a question was put is newer than its answer, or soon will be; what was told gone after
 * it does not come back with it. So every question notes where it began.
 */
export class Records {
  readonly #told = new Map<string, number>(); // the moment at which the socket last told of it
  readonly #all = new Map<string, Conversation>();
  readonly #followed = new Map<string, Followed>(); // few of many
  readonly #gone = new Map<string, number>();
  #moment = 0;
  #questions = 0;

  constructor(readonly changed: Changed) {}

  get size(): number {
    return this.#all.size;
  }

  /** get does not make its reader follow changes; shown does. */
  get(id: string): Conversation | undefined {
    return this.#all.get(id);
  }

  shown(id: string): Conversation | undefined {
    if ($effect.tracking()) this.#follow(id);
    return this.#all.get(id);
  }

  all(): Iterable<Conversation> {
    return this.#all.values();
  }

  /** tick is a moment of its own, for what else the socket tells. */
  tick(): number {
    return ++this.#moment;
  }

  /** told takes in what the socket tells. Stale versions are left out. */
  told(c: Conversation): void {
    const have = this.#all.get(c.id);
    if (have && have.version > c.version) return;
    this.#told.set(c.id, ++this.#moment);
    this.#set(c);
  }

  /** gone takes in that a conversation is out of sight. */
  gone(id: string): void {
    this.#moment++;
    if (this.#questions > 0) this.#gone.set(id, this.#moment);
    this.#drop(id);
  }

  /** ask puts a question and takes its answer in: use gets it with the moment at which the question was put. */
  async ask<T>(question: () => Promise<T>, use: (answer: T, begun: number) => void): Promise<T> {
    const begun = this.#moment;
    this.#questions++;
    try {
      const answer = await question();
      use(answer, begun);
      return answer;
    } finally {
      if (--this.#questions === 0) this.#gone.clear();
    }
  }

  /** read takes in a conversation from an answer, unless more is known already. */
  read(c: Conversation, begun: number): void {
    if ((this.#gone.get(c.id) ?? -1) > begun || (this.#told.get(c.id) ?? -1) > begun) return;
    const have = this.#all.get(c.id);
    if (!have || have.version <= c.version) this.#set(c);
  }

  /** since are the conversations that were told after a question was put. */
  *since(begun: number): Iterable<Conversation> {
    for (const [id, moment] of this.#told) if (moment > begun) yield this.#all.get(id)!;
  }

  /** replace takes in a snapshot; a whole one names everything that is not closed. */
  replace(list: readonly Conversation[], whole: boolean): void {
    const named = new Set<string>();
    for (const c of list) {
      named.add(c.id);
      this.#told.set(c.id, ++this.#moment);
      this.#set(c);
    }
    if (!whole) return;
    for (const c of [...this.#all.values()]) if (!named.has(c.id) && c.state !== 'closed') this.gone(c.id);
  }

  /** keep forgets everything but what is needed. */
  keep(needed: (id: string) => boolean): void {
    for (const id of [...this.#all.keys()]) {
      if (needed(id)) continue;
      this.#all.delete(id);
      this.#told.delete(id);
      this.#followed.get(id)?.changed();
      this.#followed.delete(id);
    }
  }

  #set(c: Conversation): void {
    this.#all.set(c.id, c);
    this.#followed.get(c.id)?.changed();
    this.changed(c.id, c);
  }

  #drop(id: string): void {
    this.#told.delete(id);
    if (!this.#all.delete(id)) return;
    this.#followed.get(id)?.changed();
    this.changed(id, undefined);
  }

  /** #follow has whoever shows a conversation told of its changes. */
  #follow(id: string): void {
    let followed = this.#followed.get(id);
    if (!followed) {
      const made: Followed = { changed: () => {}, follow: createSubscriber((update) => void (made.changed = update)) };
      this.#followed.set(id, (followed = made));
    }
    followed.follow();
  }
}

/** summaryOf is what lists show of a conversation's details. */
export function summaryOf(detail: ConversationDetail): Conversation {
  const { context: _context, sessions: _sessions, identity: _identity, thread: _thread, draft: _draft, attachments: _attachments, ...summary } = detail;
  return summary;
}
