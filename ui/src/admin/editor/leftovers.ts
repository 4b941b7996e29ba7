/** What nothing uses any more once an account is gone, and so may go with it. */
import type { Change } from './form';
import { textOf, type Written } from './written';

export interface Leftovers {
  workstreams: string[];
  queues: string[]; // that only those workstreams name
}

const general = 'general'; // where conversations go of a workstream that names no queue, among several

/** leftovers are the workstreams that only channels of this account have, and the queues that only those workstreams name. */
export function leftovers(account: string, channels: readonly Written[], workstreams: readonly Written[], queues: readonly Written[]): Leftovers {
  const of = (mine: boolean) => new Set(channels.filter((c) => (textOf(c, 'account') === account) === mine).map((c) => textOf(c, 'workstream')));
  const [ours, others] = [of(true), of(false)];
  const idle = workstreams.filter((w) => w.id && ours.has(w.id) && !others.has(w.id));
  const stay = workstreams.filter((w) => !idle.includes(w));
  const named = new Set(stay.map((w) => textOf(w, 'fallback_queue') || general));
  const theirs = new Set(idle.map((w) => textOf(w, 'fallback_queue')));
  const free = queues.filter((q) => q.id && theirs.has(q.id) && !named.has(q.id));
  return { workstreams: idle.map((w) => w.id), queues: free.length < queues.length ? free.map((q) => q.id) : [] }; // one queue stays in any case
}

/** removing are the changes that take an account out, with its channels and what is chosen to go with it. */
export function removing(account: string, channels: readonly string[], also: Leftovers): Change[] {
  const out = (object: string) => (id: string): Change => ({ op: 'remove', object, id });
  return [...channels.map(out('channel')), out('account')(account), ...also.workstreams.map(out('workstream')), ...also.queues.map(out('queue'))];
}
