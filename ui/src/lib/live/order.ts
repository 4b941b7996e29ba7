import type { Conversation, Me } from '../api/client';
import type { ViewName } from './types';

/** Where a conversation stands in a view: the moment it is sorted by, in milliseconds as the server does, then its id. */
export interface Place {
  readonly at: number;
  readonly id: string;
}

/** Rule says which conversations belong to a view, and in which order; both as the server's lists have it (core/store). */
export interface Rule {
  holds(c: Conversation): boolean;
  place(c: Conversation): Place;
  before(a: Place, b: Place): boolean;
}

const newestFirst = (a: Place, b: Place): boolean => (a.at !== b.at ? a.at > b.at : a.id < b.id);
const oldestFirst = (a: Place, b: Place): boolean => (a.at !== b.at ? a.at < b.at : a.id < b.id);
const activity = (c: Conversation): Place => ({ at: Date.parse(c.last_activity), id: c.id });

/** seesAll tells whether a person sees every conversation. */
export const seesAll = (me: Me): boolean => me.role === 'supervisor' || me.role === 'administrator';

/**
 * ruleOf is the rule of a view. inQueue tells whether a queue is one of ours: what is offered to us from another one
 * rings, but does not wait in our list.
 */
export function ruleOf(view: ViewName, me: Me, inQueue: (queue: string) => boolean): Rule {
  switch (view) {
    case 'mine':
      return {
        holds: (c) => c.state !== 'closed' && (c.assignee === me.id || (c.state === 'waiting' && c.assignee === '' && c.former === me.id)),
        place: activity,
        before: newestFirst,
      };
    case 'waiting':
      return {
        holds: (c) => c.state === 'open' && c.queue !== '' && (seesAll(me) || c.offered_to !== me.id || inQueue(c.queue)),
        place: (c) => ({ at: c.queued_since ? Date.parse(c.queued_since) : 0, id: c.id }),
        before: oldestFirst,
      };
    case 'all':
      return { holds: (c) => c.state !== 'closed', place: activity, before: newestFirst };
    case 'closed':
      return {
        holds: (c) => c.state === 'closed' && (seesAll(me) || c.former === me.id),
        place: (c) => ({ at: c.closed_at ? Date.parse(c.closed_at) : 0, id: c.id }),
        before: newestFirst,
      };
  }
}

/** Ordered is a list of conversations that is always in order: a change moves one entry, nothing is sorted again. */
export class Ordered {
  #items: Conversation[] = [];
  #places: Place[] = [];
  readonly #at = new Map<string, Place>();

  constructor(readonly rule: Rule) {}

  get length(): number {
    return this.#items.length;
  }

  has(id: string): boolean {
    return this.#at.has(id);
  }

  last(): Place | undefined {
    return this.#places.at(-1);
  }

  put(c: Conversation): void {
    const place = this.rule.place(c);
    const had = this.#at.get(c.id);
    if (had) {
      const index = this.#index(had);
      if (had.at === place.at) {
        this.#items[index] = c;
        return;
      }
      this.#cut(index);
    }
    const index = this.#index(place);
    this.#items.splice(index, 0, c);
    this.#places.splice(index, 0, place);
    this.#at.set(c.id, place);
  }

  remove(id: string): boolean {
    const had = this.#at.get(id);
    if (!had) return false;
    this.#cut(this.#index(had));
    this.#at.delete(id);
    return true;
  }

  /** fill replaces everything. */
  fill(list: Iterable<Conversation>): void {
    const { place, before } = this.rule;
    const sorted = [...list].map((c) => ({ c, p: place(c) })).sort((a, b) => (before(a.p, b.p) ? -1 : before(b.p, a.p) ? 1 : 0));
    this.#items = sorted.map((e) => e.c);
    this.#places = sorted.map((e) => e.p);
    this.#at.clear();
    for (const p of this.#places) this.#at.set(p.id, p);
  }

  /** copy is the list now, for readers that keep it. */
  copy(): readonly Conversation[] {
    return this.#items.slice();
  }

  #cut(index: number): void {
    this.#items.splice(index, 1);
    this.#places.splice(index, 1);
  }

  /** #index is where a place is, or would go. */
  #index(place: Place): number {
    let low = 0;
    let high = this.#places.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.rule.before(this.#places[middle]!, place)) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
