import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { ApiError, Unreachable, type Conversation, type Offer } from '../api/client';
import { Offers } from './offers.svelte';

const offer = (id: string, remaining_ms = 30_000): Offer => ({ id, conversation: 'c', queue: 'q', contact: { id: 'p', name: 'Léa', anonymous: false }, remaining_ms });
let conversation: Partial<Conversation> | undefined;
let offers: Offers;

beforeEach(() => {
  vi.useFakeTimers();
  conversation = undefined;
  offers = new Offers('ana', () => conversation as Conversation | undefined);
});
afterEach(() => {
  offers.stop();
  vi.useRealTimers();
});

test('an offer ends when the server said it would, by a clock that nobody sets', () => {
  offers.ring(offer('o'), performance.now());
  expect(offers.ringing[0]).toMatchObject({ endsAt: performance.now() + 30_000, totalMs: 30_000 });
  vi.advanceTimersByTime(10_000);
  offers.ring(offer('o', 20_000), performance.now());
  expect(offers.ringing).toHaveLength(1);
  expect(offers.ringing[0]).toMatchObject({ endsAt: performance.now() + 20_000, totalMs: 30_000 });
});

test.each([
  ['missed', 29_000, undefined],
  ['elsewhere', 5_000, { assignee: 'bo' }],
  ['withdrawn', 5_000, { assignee: '' }],
  ['withdrawn', 5_000, undefined],
])('it is %s', (how, after, c) => {
  offers.ring(offer('o'), performance.now());
  vi.advanceTimersByTime(after);
  conversation = c;
  offers.end('o');
  expect(offers.ringing).toEqual([]);
  expect(offers.ended).toMatchObject({ how, offer: { id: 'o' } });
});

test('an offer that was answered here has not ended by itself', async () => {
  offers.ring(offer('o'), performance.now());
  const answered = offers.answer('o', () => Promise.resolve('yes'));
  expect(offers.ringing).toEqual([]);
  offers.ring(offer('o'), performance.now()); // told again before the answer has arrived
  expect(offers.ringing).toEqual([]);
  offers.end('o');
  expect([offers.ended, await answered]).toEqual([undefined, 'yes']);
});

test.each([
  ['the server was not reached', new Unreachable(), 1],
  ['the server is in trouble', new ApiError(503, 'unavailable', ''), 1],
  ['the server said no', new ApiError(409, 'offer-ended', ''), 0],
])('when %s it rings on or not', async (_, error, ringing) => {
  offers.ring(offer('o'), performance.now());
  await expect(offers.answer('o', () => Promise.reject(error))).rejects.toBe(error);
  expect(offers.ringing).toHaveLength(ringing);
  offers.end('o');
  expect(offers.ended !== undefined).toBe(ringing > 0);
});

test('what nobody ends is missed in the end', () => {
  offers.ring(offer('o'), performance.now());
  vi.advanceTimersByTime(31_000);
  expect(offers.ringing).toHaveLength(1);
  vi.advanceTimersByTime(3_000);
  expect(offers.ringing).toEqual([]);
  expect(offers.ended?.how).toBe('missed');
});

test('a list of all replaces what rings', () => {
  offers.ring(offer('a'), performance.now());
  offers.ring(offer('b'), performance.now());
  offers.replace([offer('b'), offer('c')], performance.now());
  expect(offers.ringing.map((o) => o.id)).toEqual(['b', 'c']);
  expect(offers.ended?.offer.id).toBe('a');
});
