import type { Message } from '../talk/frames';
import type { Joined, Leaving, View } from '../talk/view';
import { newMark } from './times';

/** What stands in the log, from top to bottom. */
export type Row =
  | { kind: 'mark'; key: string; at: Date }
  | { kind: 'joined'; key: string; agent: string; at: Date }
  | { kind: 'said'; key: string; message: Message; mine: boolean; name: string; state?: 'sent' | 'read' }
  | { kind: 'leaving'; key: string; item: Leaving; last: boolean };

/**
 * rows puts messages, marks of the time and what happened in order. A name stands before the first of several messages
 * of one speaker; a state under the visitor's last message.
 */
export function rows(view: Pick<View, 'messages' | 'outgoing' | 'joined' | 'status'>): Row[] {
  const out: Row[] = [];
  const joined = [...view.joined];
  let before: Date | undefined;
  let speaker = '';
  const mark = (at: Date) => {
    if (newMark(before, at)) {
      out.push({ kind: 'mark', key: `mark ${at.getTime()}`, at });
      speaker = '';
    }
    before = at;
  };
  // Who has already spoken need not be said to join: where the news was slow it comes after their words.
  const join = (until: Date | undefined) => {
    while (joined[0] && (!until || new Date(joined[0].at) <= until)) {
      const next = joined.shift()!;
      if (speaker !== `agent ${next.agent}`) out.push(row(next));
    }
  };
  const lastMine = view.messages.findLast((m) => m.from.kind === 'customer' && !m.deleted);
  for (const message of view.messages) {
    const at = new Date(message.at);
    join(at);
    mark(at);
    const mine = message.from.kind === 'customer';
    const says = mine ? '' : `${message.from.kind} ${message.from.name}`;
    const name = says && says !== speaker && message.from.kind !== 'system' ? message.from.name : '';
    if (!mine && message.from.kind !== 'system') speaker = says;
    const state = message === lastMine && view.outgoing.length === 0 ? (message.position <= view.status.read ? 'read' : 'sent') : undefined;
    // A message keeps its place in the page from the moment it is written.
    out.push({ kind: 'said', key: message.client || message.position, message, mine, name, ...(state ? { state } : {}) });
  }
  join(undefined);
  view.outgoing.forEach((item, i) => {
    mark(new Date(item.at));
    out.push({ kind: 'leaving', key: item.id, item, last: i === view.outgoing.length - 1 });
  });
  return out;
}

const row = (joined: Joined): Row => ({ kind: 'joined', key: `joined ${joined.at}`, agent: joined.agent, at: new Date(joined.at) });
