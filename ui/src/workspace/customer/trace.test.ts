import { beforeAll, describe, expect, test } from 'vitest';
import type { Schema } from '$lib/api/client';
import { setLanguage } from '$lib/i18n/index.svelte';
import { steps, type Who } from './trace';

beforeAll(() => setLanguage('en'));

const who: Who = {
  me: 'ines',
  agent: (id) => ({ ines: 'Inès Roux', hana: 'Hana Sato', karim: 'Karim Aziz' })[id] ?? '',
  queue: (id) => ({ orders: 'Orders' })[id] ?? '',
};
const entry = (step: string, facts: object = {}, text = 'The server’s words.'): Schema<'TraceEntry'> => ({
  at: '2026-11-21T10:00:00Z', step, revision: 1, text, facts: facts as Record<string, never>,
});

describe('the trace in words', () => {
  test('tells names instead of ids, and you of yourself', () => {
    const told = steps([entry('queued', { queue: 'orders' }), entry('offered', { agent: 'hana' }), entry('timed-out', { agent: 'hana' }), entry('accepted', { agent: 'ines' })], who);
    expect(told.map((s) => s.text)).toEqual(['Queue Orders', 'Asked Hana Sato', 'Hana Sato did not answer in time', 'You accepted']);
    expect(told.map((s) => s.decisive)).toEqual([false, false, false, true]);
  });

  test('marks nobody once the conversation has gone back in line', () => {
    const told = steps([entry('accepted', { agent: 'ines' }), entry('disconnected', { agent: 'ines' })], who);
    expect(told.map((s) => s.decisive)).toEqual([false, false]);
  });

  test('says why this one, and why not the others', () => {
    const [step] = steps([entry('offered', { agent: 'ines', candidates: [{ agent: 'ines', free: 4, result: 'chosen' }, { agent: 'hana', free: 2, result: 'eligible' }, { agent: 'karim', free: 0, result: 'capacity' }] })], who);
    expect(step!.details).toEqual(['4 units free, the most of those who could take it', 'Karim Aziz: no free capacity']);
    const why = (others: object[]) => steps([entry('offered', { agent: 'ines', candidates: [{ agent: 'ines', free: 1, result: 'chosen' }, ...others] })], who)[0]!.details[0];
    expect(why([])).toBe('the only one who could take it, 1 unit free');
    expect(why([{ agent: 'hana', free: 1, result: 'eligible' }])).toBe('1 unit free like others, idle for the longest');
    expect(steps([entry('offered', { agent: 'ines' })], who)[0]!.details).toEqual(['had this conversation before']);
  });

  test('says that nobody could, and of a step that it does not know what the server says', () => {
    const [queued, other] = steps([entry('queued', { queue: 'orders', candidates: [{ agent: 'hana', free: 0, result: 'presence' }, { agent: 'karim', free: 3, result: 'presence' }] }), entry('beamed-up')], who);
    expect(queued!.details).toEqual(['nobody could take it then', 'Hana Sato, Karim Aziz: not there']);
    expect(other!.text).toBe('The server’s words.');
  });

  test('tells a transfer to a queue from one to a colleague', () => {
    const told = steps([entry('transferred', { agent: 'ines', queue: 'orders' }), entry('transferred', { agent: 'hana', to: 'ines' })], who);
    expect(told.map((s) => s.text)).toEqual(['You transferred it to Orders', 'Hana Sato transferred it to Inès Roux']);
  });
});
