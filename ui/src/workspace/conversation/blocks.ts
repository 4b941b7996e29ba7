/** A thread as it is drawn: days, lines about what happened, and groups of messages that belong together. */
import type { ConversationDetail, Message } from '$lib/api/client';
import { daysAgo } from '$lib/time';

export type Side = 'in' | 'out' | 'bot' | 'note';

export interface Group {
  kind: 'group';
  key: string;
  side: Side;
  from: Message['from'];
  messages: Message[];
}

/** Happening is a line between the messages: an activity of the log, or what the sessions tell. */
export interface Happening {
  name: string;
  params: Record<string, string>;
  at: string;
}

export type Block = { kind: 'day'; key: string; at: string } | { kind: 'line'; key: string; happening: Happening } | Group;

const together = 5 * 60_000; // ms between two messages of one group
/** A long monologue is cut at every so many places of the log: a group is drawn as a whole, and cuts stay where they are when older messages come. */
const cutEvery = 16;

/** sideOf is where a message stands and how it looks. */
export function sideOf(m: Message): Side {
  if (m.visibility === 'internal') return 'note';
  return m.from.kind === 'customer' ? 'in' : m.from.kind === 'agent' ? 'out' : 'bot';
}

const troubled = (m: Message): boolean => m.state === 'failed' || m.state === 'unknown';

function joins(group: Group, m: Message, side: Side): boolean {
  const last = group.messages[group.messages.length - 1]!;
  if (m.seq % cutEvery === 0 || group.side !== side || group.from.id !== m.from.id || troubled(last) || troubled(m)) return false;
  if (side !== 'in' && last.state !== m.state) return false;
  return Date.parse(m.created_at) - Date.parse(last.created_at) < together;
}

/** happeningOf reads an activity message; undefined when it is none. */
export function happeningOf(m: Message): Happening | undefined {
  const activity = m.activity as { name?: string; params?: Record<string, string> } | undefined;
  if (m.kind !== 'activity' || !activity?.name) return undefined;
  return { name: activity.name, params: activity.params ?? {}, at: m.created_at };
}

type Session = ConversationDetail['sessions'][number];

/** told are the ends of sessions that the log itself tells about, so that nothing is said twice. */
const told = new Set(['agent-transferred', 'agent-transfer-to-queue', 'customer-end-conversation', 'agent-reject', 'agent-timeout', 'system-reject', 'agent-picked']);

/** happeningsOf reads the sessions: who took the conversation, who let go of it, who ended it. In the order of time. */
export function happeningsOf(sessions: readonly Session[]): Happening[] {
  const list: Happening[] = [];
  for (const s of sessions) {
    if (s.accepted_at) {
      const rang = s.offered_at ? Date.parse(s.accepted_at) - Date.parse(s.offered_at) : 0;
      list.push(rang >= 1000 ? { name: 'accepted', params: { agent: s.agent, ms: String(rang) }, at: s.accepted_at } : { name: 'picked', params: { agent: s.agent }, at: s.accepted_at });
    }
    if (s.accepted_at && s.closed_at && s.reason && !told.has(s.reason)) list.push({ name: s.reason, params: { agent: s.agent }, at: s.closed_at });
  }
  return list.sort((a, b) => Date.parse(a.at) - Date.parse(b.at));
}

/**
 * GroupKeys lets a group stay the same thing on the page while it grows at either end: what is drawn is not drawn anew,
 * and not read out again.
 */
export class GroupKeys {
  readonly #known = new Map<number, string>();

  /** give puts a key on each group: the one that any of its messages had before. */
  give(blocks: readonly Block[]): void {
    const used = new Set<string>();
    for (const group of blocks) {
      if (group.kind !== 'group') continue;
      const had = group.messages.map((m) => this.#known.get(m.seq)).find((key) => key !== undefined && !used.has(key));
      if (had) group.key = had;
      while (used.has(group.key)) group.key += '+';
      used.add(group.key);
    }
    for (const group of blocks) if (group.kind === 'group') for (const m of group.messages) this.#known.set(m.seq, group.key);
  }
}

/**
 * blocksOf lays a thread out. What the sessions tell is woven in by time; what happened before the first message here is
 * left out while there are older ones.
 */
export function blocksOf(messages: readonly Message[], happenings: readonly Happening[] = [], older = false, keys?: GroupKeys): Block[] {
  const blocks: Block[] = [];
  let day = '';
  let next = 0;
  if (older && messages[0]) while (next < happenings.length && happenings[next]!.at < messages[0].created_at) next++;

  function begin(at: string) {
    if (day && daysAgo(day, at) === 0) return;
    day = at;
    blocks.push({ kind: 'day', key: `day ${at}`, at });
  }
  function say(happening: Happening, key: string) {
    begin(happening.at);
    blocks.push({ kind: 'line', key, happening });
  }
  function until(at: string | undefined) {
    for (; next < happenings.length && (at === undefined || Date.parse(happenings[next]!.at) < Date.parse(at)); next++) {
      const h = happenings[next]!;
      say(h, `${h.name} ${h.at}`);
    }
  }

  for (const m of messages) {
    until(m.created_at);
    const happening = happeningOf(m);
    if (happening) {
      say(happening, `m${m.seq}`);
      continue;
    }
    begin(m.created_at);
    const side = sideOf(m);
    const last = blocks[blocks.length - 1];
    if (last?.kind === 'group' && joins(last, m, side)) last.messages.push(m);
    else blocks.push({ kind: 'group', key: `m${m.seq}`, side, from: m.from, messages: [m] });
  }
  until(undefined);
  keys?.give(blocks);
  return blocks;
}
