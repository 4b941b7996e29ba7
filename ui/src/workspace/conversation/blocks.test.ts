import { describe, expect, it } from 'vitest';
import type { Message } from '$lib/api/client';
import { blocksOf, GroupKeys, happeningsOf, type Group } from './blocks';

let seq = 0; // below the first cut in each test
const at = (minutes: number) => new Date(Date.UTC(2026, 10, 17, 12, 0) + minutes * 60_000).toISOString();

function message(minutes: number, over: object = {}): Message {
  seq = (seq % 15) + 1;
  return {
    id: `m${seq}`, seq, conversation: 'c', kind: 'text', from: { kind: 'customer', id: 'leila', name: 'Leïla' }, visibility: 'public', text: 'x', attachments: [],
    state: 'received', reason: null, external_ids: [], occurred_at: at(minutes), created_at: at(minutes), ...over,
  } as Message;
}
const ours = (minutes: number, state: string, over: object = {}) => message(minutes, { from: { kind: 'agent', id: 'ines', name: 'Inès' }, state, ...over });
const shape = (messages: Message[]) => blocksOf(messages).map((b) => (b.kind === 'group' ? `${b.side}${b.messages.length}` : b.kind === 'line' ? b.happening.name : 'day'));

describe('the blocks of a thread', () => {
  it('begins each day once', () => {
    expect(shape([message(0), message(1), message(24 * 60), message(24 * 60 + 1)])).toEqual(['day', 'in2', 'day', 'in2']);
  });
  it('groups what one person says in a row, for a few minutes', () => {
    expect(shape([message(0), message(4), message(10), ours(10, 'read'), ours(11, 'read')])).toEqual(['day', 'in2', 'in1', 'out2']);
  });
  it('cuts a long monologue where the log says, wherever its beginning is', () => {
    const monologue = Array.from({ length: 64 }, (_, i) => ({ ...message(0), seq: 100 + i }));
    const keys = (list: Message[]) => blocksOf(list).flatMap((b) => (b.kind === 'group' ? b.key : []));
    expect(keys(monologue.slice(40))).toEqual(['m140', 'm144', 'm160']);
    expect(keys(monologue)).toEqual(['m100', 'm112', 'm128', 'm144', 'm160']);
  });
  it('keeps a message apart whose state differs or is bad', () => {
    expect(shape([ours(0, 'read'), ours(1, 'sent'), ours(1, 'failed'), ours(1, 'failed')])).toEqual(['day', 'out1', 'out1', 'out1', 'out1']);
  });
  it('keeps notes and bots apart from what agents say', () => {
    expect(shape([ours(0, 'read'), ours(0, 'received', { visibility: 'internal' }), message(0, { from: { kind: 'bot', id: 'b', name: 'Bot' } })])).toEqual(['day', 'out1', 'note1', 'bot1']);
  });
  it('lets an activity stand between two groups', () => {
    const activity = message(1, { kind: 'activity', from: { kind: 'system', id: '', name: '' }, activity: { name: 'blocked' } });
    expect(shape([message(0), activity, message(2)])).toEqual(['day', 'in1', 'blocked', 'in1']);
  });
});

describe('the keys of groups', () => {
  const groups = (keys: GroupKeys, list: Message[]) => blocksOf(list, [], false, keys).filter((b): b is Group => b.kind === 'group');
  const of = (n: number, over: object = {}) => ({ ...message(0, over), seq: n });
  it('stay while a group grows at either end', () => {
    const keys = new GroupKeys();
    const [first] = groups(keys, [of(5), of(6)]);
    expect(groups(keys, [of(3), of(4), of(5), of(6), of(7)]).map((g) => g.key)).toEqual([first!.key]);
  });
  it('are never given twice when a group falls apart', () => {
    const keys = new GroupKeys();
    const [whole] = groups(keys, [of(5), of(6), of(7)]);
    const parts = groups(keys, [of(5), of(6, { from: { kind: 'bot', id: 'b', name: '' } }), of(7)]).map((g) => g.key);
    expect(parts[0]).toBe(whole!.key);
    expect(new Set(parts).size).toBe(3);
  });
});

describe('what the sessions tell', () => {
  const sessions = [
    { number: 1, agent: 'hana', queue: 'q', participants: [], offered_at: at(0), accepted_at: null, closed_at: at(1), reason: 'agent-timeout' },
    { number: 2, agent: 'ines', queue: 'q', participants: [], offered_at: at(1), accepted_at: at(2), closed_at: at(30), reason: 'agent-end-conversation' },
  ];
  it('says who accepted and who ended, and nothing of offers that were missed', () => {
    expect(happeningsOf(sessions).map((h) => h.name)).toEqual(['accepted', 'agent-end-conversation']);
  });
  it('is woven in by time', () => {
    const names = blocksOf([message(0), message(5)], happeningsOf(sessions)).map((b) => (b.kind === 'line' ? b.happening.name : b.kind));
    expect(names).toEqual(['day', 'group', 'accepted', 'group', 'agent-end-conversation']);
  });
  it('stays out while older messages are missing', () => {
    const names = blocksOf([message(5)], happeningsOf(sessions), true).map((b) => (b.kind === 'line' ? b.happening.name : b.kind));
    expect(names).toEqual(['day', 'group', 'agent-end-conversation']);
  });
});
