import { expect, test } from 'vitest';
import type { Conversation, Me } from '../api/client';
import { seeded } from './fake';
import { Ordered, ruleOf } from './order';

const me: Me = { id: 'ana', email: '', name: 'Ana', role: 'agent', capacity: 4 };
const start = Date.parse('2026-11-17T09:00:00Z');
const c = (id: string, at: number, more: Partial<Conversation> = {}) =>
  ({ id, state: 'active', assignee: 'ana', queue: 'q', version: 1, last_activity: new Date(start + at).toISOString(), ...more }) as Conversation;

test('a list stays in order, whatever moves', () => {
  const random = seeded(11);
  const list = new Ordered(ruleOf('mine', me, () => true));
  const truth = new Map<string, Conversation>();
  for (let i = 0; i < 3_000; i++) {
    const id = `C${Math.floor(random() * 200)}`;
    if (random() < 0.2) {
      expect(list.remove(id)).toBe(truth.delete(id));
    } else {
      const now = c(id, Math.floor(random() * 50), { version: i });
      truth.set(id, now);
      list.put(now);
    }
  }
  const sorted = [...truth.values()].sort((a, b) => Date.parse(b.last_activity) - Date.parse(a.last_activity) || (a.id < b.id ? -1 : 1));
  expect(list.copy()).toEqual(sorted);
  const filled = new Ordered(ruleOf('mine', me, () => true));
  filled.fill(truth.values());
  expect(filled.copy()).toEqual(sorted);
});

test('a change in a long list looks at few places', () => {
  let compared = 0;
  const rule = ruleOf('mine', me, () => true);
  const list = new Ordered({ ...rule, before: (a, b) => (compared++, rule.before(a, b)) });
  list.fill(Array.from({ length: 50_000 }, (_, i) => c(`C${i}`, i)));
  compared = 0;
  list.put(c('C17', 60_000));
  expect(list.copy()[0]?.id).toBe('C17');
  expect(compared).toBeLessThan(50);
});

test.each([
  ['mine', { assignee: 'ana' }, true],
  ['mine', { assignee: 'bo' }, false],
  ['mine', { state: 'wrap-up' }, true],
  ['mine', { state: 'closed' }, false],
  ['mine', { state: 'waiting', assignee: '', former: 'ana' }, true],
  ['mine', { state: 'wrap-up', assignee: 'bo', former: 'ana' }, false],
  ['waiting', { state: 'open', assignee: '' }, true],
  ['waiting', { state: 'open', assignee: '', queue: '' }, false],
  ['waiting', { state: 'open', assignee: '', queue: 'theirs', offered_to: 'ana' }, false],
  ['waiting', { state: 'open', assignee: '', queue: 'q', offered_to: 'ana' }, true],
  ['closed', { state: 'closed', former: 'ana' }, true],
  ['closed', { state: 'closed', former: 'bo' }, false],
] as const)('%s: %o', (view, more, holds) => {
  expect(ruleOf(view, me, (queue) => queue === 'q').holds(c('C', 0, more as Partial<Conversation>))).toBe(holds);
});

test('who oversees sees the closed conversations of everybody', () => {
  expect(ruleOf('closed', { ...me, role: 'supervisor' }, () => true).holds(c('C', 0, { state: 'closed', former: 'bo' }))).toBe(true);
});
