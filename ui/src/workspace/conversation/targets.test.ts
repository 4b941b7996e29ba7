import { expect, it } from 'vitest';
import type { Agent } from '$lib/api/client';
import { colleaguesFor, queuesFor } from './targets';

const agent = (id: string, presence: string, load: number): Agent => ({ id, name: id, role: 'agent', presence, load, capacity: 6, queues: [] }) as Agent;

it('offers the freest of those who are there first, and never the one who has it', () => {
  const list = colleaguesFor([agent('Hana', 'away', 0), agent('Karim', 'available', 5), agent('Tomás', 'available', 1), agent('Inès', 'busy', 0)], 'Inès', '');
  expect(list.map((a) => [a.id, a.possible])).toEqual([['Tomás', true], ['Karim', true], ['Hana', false]]);
});

it('finds names without their accents', () => {
  expect(colleaguesFor([agent('Tomás', 'available', 1)], '', 'tomas')).toHaveLength(1);
});

it('does not let anybody choose a queue where nobody is', () => {
  const queue = (id: string, members: string[]) => ({ id, name: '', priority: 1, members, mine: false, waiting: 0 });
  expect(queuesFor([queue('b', ['x']), queue('a', [])], 'b', '').map((q) => [q.name, q.possible, q.here])).toEqual([['a', false, false], ['b', true, true]]);
});
