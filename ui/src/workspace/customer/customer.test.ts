import { expect, test } from 'vitest';
import type { Contact } from '$lib/api/client';
import { alike } from './customer.svelte';

const contact = (id: string, more: Partial<Contact>): Contact => ({
  id, version: 1, name: '', email: '', phone: '', language: '', company: '', note: '', anonymous: false, created_at: '', identities: [], ...more,
});

test('two contacts may be one person by address, number, or a name of two words', () => {
  const leila = contact('1', { name: 'Leïla Mansouri', email: 'l.mansouri@example.fr', phone: '+33 6 12 00 00 48' });
  expect(alike(leila, contact('2', { name: 'leila mansouri ' }))).toBe(true);
  expect(alike(leila, contact('2', { email: 'L.Mansouri@example.fr' }))).toBe(true);
  expect(alike(leila, contact('2', { phone: '0033612000048' }))).toBe(false);
  expect(alike(leila, contact('2', { phone: '+33612000048' }))).toBe(true);
  expect(alike(leila, leila)).toBe(false);
  expect(alike(contact('1', { name: 'Leïla' }), contact('2', { name: 'Leïla' }))).toBe(false);
  expect(alike(contact('1', {}), contact('2', {}))).toBe(false);
});
