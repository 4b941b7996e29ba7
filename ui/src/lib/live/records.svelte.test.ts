import { flushSync } from 'svelte';
import { expect, test } from 'vitest';
import type { Conversation } from '../api/client';
import { Records } from './records.svelte';

const c = (id: string, version: number, name = '') => ({ id, version, state: 'open', contact: { name } }) as Conversation;

/** asking puts a question and answers it after something else was told. */
async function asking(records: Records, answer: Conversation, meanwhile: () => void): Promise<void> {
  const asked = records.ask(
    () => Promise.resolve(answer),
    (now, begun) => records.read(now, begun),
  );
  meanwhile();
  await asked;
}

test('what went out of sight after a question was put does not come back with its answer', async () => {
  const records = new Records(() => {});
  records.told(c('C', 1));
  await asking(records, c('C', 1), () => records.gone('C'));
  expect(records.get('C')).toBeUndefined();
  await asking(records, c('C', 2), () => {});
  expect(records.get('C')?.version).toBe(2);
});

test('what was told after a question was put is not overwritten by its answer', async () => {
  const records = new Records(() => {});
  records.told(c('C', 1, 'Léa'));
  await asking(records, c('C', 1, 'Léa'), () => records.told(c('C', 1, 'Léa Martin')));
  expect(records.get('C')?.contact.name).toBe('Léa Martin');
});

test('stale versions are left out, whoever brings them', async () => {
  const records = new Records(() => {});
  records.told(c('C', 5));
  records.told(c('C', 4));
  await asking(records, c('C', 3), () => {});
  expect(records.get('C')?.version).toBe(5);
});

test('a whole snapshot is all there is; a part of one takes nothing away', () => {
  const gone: string[] = [];
  const records = new Records((id, now) => now ?? gone.push(id));
  records.told(c('A', 1));
  records.told(c('B', 1));
  records.replace([c('B', 2)], false);
  expect([records.size, gone]).toEqual([2, []]);
  records.replace([c('B', 2)], true);
  expect([records.size, gone]).toEqual([1, ['A']]);
});

test('whoever shows a conversation sees it come, change and go, also after it was swept away', () => {
  const records = new Records(() => {});
  records.told(c('B', 1));
  const seen: (number | undefined)[] = [];
  const end = $effect.root(() => {
    const shown = $derived(records.shown('A')?.version);
    $effect(() => void seen.push(shown));
  });
  const then = (act: () => void) => (act(), flushSync());
  then(() => {});
  then(() => records.told(c('A', 1)));
  then(() => records.told(c('B', 7)));
  then(() => records.told(c('A', 2)));
  then(() => records.gone('A'));
  then(() => records.told(c('A', 3)));
  then(() => records.keep(() => false));
  then(() => records.told(c('A', 4)));
  expect(seen).toEqual([undefined, 1, 2, undefined, 3, undefined, 4]);
  end();
});
