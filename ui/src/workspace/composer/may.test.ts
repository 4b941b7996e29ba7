import { describe, expect, it } from 'vitest';
import type { Conversation } from '$lib/api/client';
import { hindrance, mayAttach, remedy } from './may';

const now = Date.parse('2026-11-17T12:00:00Z');
const ines = { id: 'ines', role: 'agent' };
const conversation = (over: object) => ({ state: 'active', assignee: 'ines', window: null, ...over }) as Conversation;

describe('what keeps an agent from answering', () => {
  it.each([
    ['nothing, in one’s own', {}, undefined],
    ['a colleague who has it', { assignee: 'tomas' }, 'theirs'],
    ['nobody has it yet', { state: 'open', assignee: '' }, 'pick'],
    ['it rings at a colleague', { state: 'open', assignee: '', offered_to: 'tomas' }, 'offered'],
    ['it waits for the customer', { state: 'waiting', assignee: '' }, 'reopen'],
    ['it was ended', { state: 'wrap-up' }, 'wrap-up'],
    ['it is closed', { state: 'closed' }, 'closed'],
    ['the messaging window is over', { window: '2026-11-17T12:00:00Z' }, 'window'],
    ['the provider takes no answer', { no_reply: true, window: '2026-11-17T13:00:00Z' }, 'no-reply'],
  ])('%s', (_, over, expected) => expect(hindrance(conversation(over), ines, now)).toBe(expected));

  it('does not stop a supervisor at a colleague’s conversation', () => {
    expect(hindrance(conversation({ assignee: 'tomas' }), { id: 'sam', role: 'supervisor' }, now)).toBeUndefined();
  });
});

it('knows which act helps', () => {
  expect([remedy('pick'), remedy('offered'), remedy('wrap-up'), remedy('theirs'), remedy(undefined)]).toEqual(['pick', 'pick', 'reopen', undefined, undefined]);
});

it('lets files go with notes, and to customers where the channel takes them', () => {
  const channel = (from_agent: boolean) => ({ attachments: { from_agent } });
  expect([mayAttach(channel(true), false), mayAttach(channel(false), false), mayAttach(channel(false), true), mayAttach(undefined, false)]).toEqual([true, false, true, true]);
});
