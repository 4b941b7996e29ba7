import { expect, test } from 'vitest';
import type { Message } from '$lib/api/client';
import { firstReply } from './facts';

const message = (seq: number, from: string, at: string, more: Partial<Message> = {}): Message =>
  ({ seq, from: { kind: from, id: '', name: '' }, created_at: `2026-11-21T10:${at}Z`, visibility: 'public', kind: 'text', ...more }) as Message;

test('the first reply is an agent’s first public message after the customer’s first', () => {
  const log = [
    message(1, 'agent', '00:00'),
    message(2, 'customer', '01:00'),
    message(3, 'bot', '01:01'),
    message(4, 'agent', '01:30', { visibility: 'internal' }),
    message(5, 'agent', '03:05'),
    message(6, 'agent', '09:00'),
  ];
  expect(firstReply(log, true)).toBe(125_000);
  expect(firstReply(log.slice(0, 4), true)).toBe('none');
  expect(firstReply(log.slice(0, 1), true)).toBeUndefined();
  expect(firstReply(log, false)).toBeUndefined();
});
