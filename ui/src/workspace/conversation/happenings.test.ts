import { expect, it } from 'vitest';
import { setLanguage } from '$lib/i18n/index.svelte';
import { told } from './happenings';

const who = { customer: 'Leïla', agent: (id: string) => ({ ines: 'Inès', tomas: 'Tomás' })[id] ?? '', queue: (id: string) => (id === 'orders' ? 'Orders' : '') };
const happening = (name: string, params: Record<string, string> = {}) => ({ name, params, at: '2026-11-17T12:00:00Z' });

it('tells what happened with the names of those it is about', () => {
  expect(told(happening('transferred', { by: 'ines', queue: 'orders' }), who)).toBe('Inès transferred it to Orders');
  expect(told(happening('transferred', { by: 'ines', agent: 'tomas' }), who)).toBe('Inès transferred it to Tomás');
  expect(told(happening('accepted', { agent: 'ines', ms: '41000' }), who)).toBe('Inès accepted after 41 s');
  expect(told(happening('blocked'), who)).toBe('Leïla has blocked us');
  setLanguage('fr');
  expect(told(happening('transferred', { by: 'ines', agent: 'tomas' }), who)).toBe('Inès l’a transférée à Tomás');
  setLanguage('en');
});

it('names people that are no longer there by their id, and what nobody knows by its own name', () => {
  expect(told(happening('picked', { agent: 'gone' }), who)).toBe('gone took the conversation');
  expect(told(happening('notice', { name: 'account_paused' }), who)).toContain('account_paused');
  expect(told(happening('moon-rose'), who)).toContain('moon-rose');
});
