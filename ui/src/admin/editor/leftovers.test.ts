import { expect, it } from 'vitest';
import type { Schema } from '$lib/api/client';
import { leftovers, removing } from './leftovers';

const object = (kind: string, id: string, values: Record<string, string> = {}) => ({ kind, id, line: 1, fields: Object.entries(values).map(([path, value]) => ({ path, value, written: true })) }) as unknown as Schema<'ConfigurationObject'>;
const channel = (id: string, account: string, workstream: string) => object('channel', id, { account, workstream });
const workstream = (id: string, fallback_queue = '') => object('workstream', id, fallback_queue ? { fallback_queue } : {});
const queues = ['general', 'orders', 'vip'].map((id) => object('queue', id));

it('finds what only this account uses', () => {
  const channels = [channel('a', 'a', 'mine'), channel('b', 'b', 'theirs')];
  expect(leftovers('a', channels, [workstream('mine', 'orders'), workstream('theirs', 'vip')], queues)).toEqual({ workstreams: ['mine'], queues: ['orders'] });
  expect(leftovers('a', channels, [workstream('mine', 'vip'), workstream('theirs', 'vip')], queues), 'a queue that another one names').toEqual({ workstreams: ['mine'], queues: [] });
  expect(leftovers('a', channels, [workstream('mine', 'general'), workstream('theirs')], queues), 'where one that names none sends to').toEqual({ workstreams: ['mine'], queues: [] });
});

it('leaves what others use, and what nobody has used before', () => {
  expect(leftovers('a', [channel('a', 'a', 'both'), channel('b', 'b', 'both')], [workstream('both', 'orders'), workstream('idle', 'vip')], queues)).toEqual({ workstreams: [], queues: [] });
});

it('keeps the last queue', () => {
  expect(leftovers('a', [channel('a', 'a', 'mine')], [workstream('mine', 'orders')], [object('queue', 'orders')])).toEqual({ workstreams: ['mine'], queues: [] });
});

it('takes out what was chosen', () => {
  expect(removing('a', ['one', 'two'], { workstreams: ['mine'], queues: ['orders'] }).map((c) => [c.op, c.object, c.id])).toEqual([
    ['remove', 'channel', 'one'], ['remove', 'channel', 'two'], ['remove', 'account', 'a'], ['remove', 'workstream', 'mine'], ['remove', 'queue', 'orders'],
  ]);
});
