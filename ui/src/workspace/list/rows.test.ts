import { describe, expect, it } from 'vitest';
import type { Conversation } from '$lib/api/client';
import { matching, settled, waitOf } from './rows';

const noon = Date.parse('2026-11-17T12:00:00Z');
const before = (minutes: number) => new Date(noon - minutes * 60_000).toISOString();

function conversation(over: object = {}): Conversation {
  return {
    id: '01J0000000000000000000000A', version: 1, state: 'active', account: 'shop', channel: 'shop', workstream: 'w', queue: 'orders', assignee: 'ines',
    contact: { id: 'c1', name: 'Leïla Mansouri' }, last_seq: 3, last_message: null, last_customer_message: { seq: 3, from: 'customer', text: 'Ma commande est CASSÉE', at: before(5) },
    waiting_since: before(5), queued_since: null, unread: 0, window: null, created_at: before(60), last_activity: before(5), closed_at: null, ...over,
  } as Conversation;
}

describe('whose turn it is', () => {
  it('grows from calm to soon to late', () => {
    expect(waitOf(conversation({ waiting_since: before(2) }), noon)).toMatchObject({ turn: 'customer', tone: 'calm' });
    expect(waitOf(conversation({ waiting_since: before(3) }), noon)).toMatchObject({ tone: 'soon' });
    expect(waitOf(conversation({ waiting_since: before(10) }), noon)).toMatchObject({ tone: 'late' });
  });
  it('has more patience with letters', () => {
    expect(waitOf(conversation({ plugin: 'email', waiting_since: before(41) }), noon)).toMatchObject({ tone: 'calm' });
  });
  it('is the customer’s once they were answered', () => {
    expect(waitOf(conversation({ waiting_since: null, last_message: { seq: 4, from: 'agent', text: 'Yes', at: before(1) } }), noon)).toEqual({ turn: 'us', since: before(1) });
  });
  it('is nobody’s after the end', () => {
    expect(waitOf(conversation({ state: 'closed', closed_at: before(9) }), noon)).toEqual({ turn: 'none', since: before(9) });
  });
});

describe('the search field', () => {
  const list = [conversation(), conversation({ id: '2', contact: { id: 'abcd1234', name: '' }, last_customer_message: null })];
  it('wants every word, in the name or in the last words, and minds neither case nor accents', () => {
    expect(matching(list, 'leila cassee')).toHaveLength(1);
    expect(matching(list, 'leila facture')).toHaveLength(0);
    expect(matching(list, '  ')).toBe(list);
  });
  it('finds visitors by the name they are shown with', () => {
    expect(matching(list, 'visitor 1234').map((c) => c.id)).toEqual(['2']);
  });
});

describe('a list under the pointer', () => {
  const [a, b, c] = ['a', 'b', 'c'].map((id) => conversation({ id }));
  it('keeps its order, takes new content, adds at the end and forgets nothing', () => {
    const newer = conversation({ id: 'b', unread: 2 });
    const shown = settled([a!, b!], [c!, newer]);
    expect(shown.map((x) => x.id)).toEqual(['a', 'b', 'c']);
    expect(shown[1]!.unread).toBe(2);
  });
});
