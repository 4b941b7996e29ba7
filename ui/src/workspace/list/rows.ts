/** What a row of the list says, decided without drawing it. */
import type { Conversation } from '$lib/api/client';
import { shownName } from '$lib/names';
import { ended, pluginOf } from '../seen';

const minute = 60_000;
const hour = 60 * minute;

/** After how long a wait turns brass, then brick. A letter may wait longer than a chat. */
const patience = { quick: { soon: 3 * minute, late: 10 * minute }, letter: { soon: 4 * hour, late: 24 * hour } };

/**
 * Wait is whose turn it is and since when. `customer` waits for us, in three steps; `us`: we wait for the customer, who
 * was answered then; `none`: it is over.
 */
export type Wait = { turn: 'customer'; since: string; tone: 'calm' | 'soon' | 'late' } | { turn: 'us'; since: string } | { turn: 'none'; since: string };

/** waitOf judges a conversation's wait at a moment. */
export function waitOf(c: Conversation, now: number): Wait {
  if (ended(c)) return { turn: 'none', since: c.closed_at ?? c.last_activity };
  if (!c.waiting_since) return { turn: 'us', since: c.last_message?.at ?? c.last_activity };
  const age = now - Date.parse(c.waiting_since);
  const limits = pluginOf(c) === 'email' ? patience.letter : patience.quick;
  return { turn: 'customer', since: c.waiting_since, tone: age >= limits.late ? 'late' : age >= limits.soon ? 'soon' : 'calm' };
}

/** windowLeft is how many milliseconds of a messaging window are left; undefined where there is none. */
export function windowLeft(c: Conversation, now: number): number | undefined {
  return c.window ? Date.parse(c.window) - now : undefined;
}

const plain = /^[\0-\x7f]*$/;

/** folded is a text without case and accents. Most have no accents, and thousands are folded at the first letter of a search. */
const folded = (text: string): string => (plain.test(text) ? text : text.normalize('NFD').replace(/\p{M}/gu, '')).toLowerCase();

/** What is searched of a conversation, folded once for each of its versions. */
const searched = new WeakMap<Conversation, string>();

function searchText(c: Conversation): string {
  let text = searched.get(c);
  if (text === undefined) searched.set(c, (text = folded(`${shownName(c.contact)} ${c.last_customer_message?.text ?? ''} ${c.last_message?.text ?? ''}`)));
  return text;
}

/** matching keeps the conversations in whose name or last words every word of the query occurs; case and accents do not matter. */
export function matching(list: readonly Conversation[], query: string): readonly Conversation[] {
  const words = folded(query).split(/\s+/).filter(Boolean);
  if (words.length === 0) return list;
  return list.filter((c) => {
    const text = searchText(c);
    return words.every((word) => text.includes(word));
  });
}

/**
 * settled is the list as it stood when the pointer came over it, with its newest content: nothing moves away under the
 * pointer. What is new is added at the end; what has left stays as it was until the pointer leaves.
 */
export function settled(held: readonly Conversation[], now: readonly Conversation[]): readonly Conversation[] {
  const list = held.slice();
  let at = 0; // where the next one most likely is: few have moved
  for (const c of now) {
    const index = held[at]?.id === c.id ? at : indexOf(held, c.id);
    if (index === undefined) list.push(c);
    else {
      list[index] = c;
      at = index + 1;
    }
  }
  return list;
}

/** Where each conversation stands in a list that is held, noted once: the list is compared with each of many changes. */
const indices = new WeakMap<readonly Conversation[], Map<string, number>>();

function indexOf(held: readonly Conversation[], id: string): number | undefined {
  let index = indices.get(held);
  if (!index) indices.set(held, (index = new Map(held.map((c, i) => [c.id, i]))));
  return index.get(id);
}
