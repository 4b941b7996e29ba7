/** To whom a conversation can be handed on. */
import type { Agent, Schema } from '$lib/api/client';

export interface Target {
  to: { queue: string } | { agent: string };
  name: string;
}

type Queue = Schema<'Queue'>;

const folded = (text: string): string => text.normalize('NFD').replace(/\p{M}/gu, '').toLocaleLowerCase();
const named = (text: string, query: string): boolean => folded(text).includes(folded(query.trim()));

/** Order in which colleagues are offered: who can answer now comes first. */
const order = ['available', 'busy', 'do-not-disturb', 'away', 'inactive', 'offline'];

/** colleaguesFor are the colleagues whose name fits, the freest of those who are there first. Only these can be chosen. */
export function colleaguesFor(agents: readonly Agent[], assignee: string, query: string): (Agent & { possible: boolean })[] {
  return agents
    .filter((a) => a.id !== assignee && !a.disabled && named(a.name || a.id, query))
    .map((a) => ({ ...a, name: a.name || a.id, possible: a.presence === 'available' || a.presence === 'busy' }))
    .sort((a, b) => order.indexOf(a.presence) - order.indexOf(b.presence) || b.capacity - b.load - (a.capacity - a.load) || a.name.localeCompare(b.name));
}

/** queuesFor are the queues whose name fits. Those without anybody cannot be chosen; the one where it stands can, to let somebody else there have it. */
export function queuesFor(queues: readonly Queue[], present: string, query: string): (Queue & { possible: boolean; here: boolean })[] {
  return queues
    .filter((q) => named(q.name || q.id, query))
    .map((q) => ({ ...q, name: q.name || q.id, here: q.id === present, possible: q.members.length > 0 }))
    .sort((a, b) => a.name.localeCompare(b.name));
}
