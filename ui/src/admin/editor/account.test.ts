import { expect, it } from 'vitest';
import type { Schema } from '$lib/api/client';
import { AccountForm } from './account.svelte';

type Field = Schema<'ConfigurationField'>;
const field = (path: string, more: Partial<Field> = {}): Field => ({
  path, kind: 'string', title: '', help: '', required: false, secret: false, test_only: false, options: [], pattern: '', group: '', show_if: '', min: '', max: '', default: null, written: more.value !== undefined, line: 0, value: null, reference: null, items: [], mark: '', ...more,
});
const object = (kind: string, id: string, fields: Field[]): Schema<'ConfigurationObject'> => ({ kind, id, line: 1, fields });

const form = () =>
  new AccountForm(
    object('account', 'a', [field('id', { value: 'a' }), field('name', { value: 'A' }), field('consent', { kind: 'bool', default: false, value: true }), field('test', { kind: 'bool', default: false }), field('settings.token', { kind: 'secret', secret: true, required: true, title: 'Token', written: true }), field('settings.api_url', { kind: 'url', test_only: true, title: 'API' })]),
    [object('channel', 'a', [field('id', { value: 'a' }), field('account', { value: 'a' }), field('workstream', { value: 'w', required: true }), field('enabled', { kind: 'bool', default: true }), field('attachments.from_agent', { kind: 'bool', default: true, value: false })])],
    ['w', 'x'],
    false,
  );

it('shows what holds, and asks for nothing while nothing is changed', () => {
  const f = form();
  expect(f.general.fields.map((one) => one.key)).toEqual(['name', 'test']);
  expect(f.channels[0]!.values).toEqual({ workstream: 'w', enabled: true, 'attachments.from_agent': false });
  expect(f.channels[0]!.fields[0]).toMatchObject({ kind: 'select', options: ['w', 'x'] });
  expect(f.changes).toEqual([]);
  expect([...f.faults().values()].every((one) => Object.keys(one).length === 0)).toBe(true);
});

it('makes one edit of all sections', () => {
  const f = form();
  f.general.set('test', true);
  f.settings.set('api_url', 'http://127.0.0.1:1');
  f.settings.set('token', 'new');
  f.channels[0]!.set('attachments.from_agent', true);
  f.channels[0]!.set('workstream', 'x');
  f.channels[0]!.set('enabled', false);
  expect(f.changes.map((c) => [c.op, c.object, c.field, c.value])).toEqual([
    ['set', 'account', 'test', true],
    ['set', 'account', 'settings.token', 'new'],
    ['set', 'account', 'settings.api_url', 'http://127.0.0.1:1'],
    ['set', 'channel', 'workstream', 'x'],
    ['set', 'channel', 'enabled', false],
    ['remove', 'channel', 'attachments.from_agent', undefined],
  ]);
  f.general.set('test', false);
  expect(f.changes.some((c) => c.field === 'settings.api_url'), 'what is only for tests is not written').toBe(false);
});

it('puts problems at the fields of their section', () => {
  const f = form();
  const problem = (path: string) => ({ path, line: 1, column: 1, problem: path, remedy: '', severity: 'error' as const });
  const { at, rest } = f.sorted([problem('account[a].settings.token'), problem('channel[a].workstream'), problem('channel[b].workstream')]);
  expect(at.get(f.settings)).toEqual({ token: 'account[a].settings.token' });
  expect(at.get(f.channels[0]!)).toEqual({ workstream: 'channel[a].workstream' });
  expect(rest.map((p) => p.path)).toEqual(['channel[b].workstream']);
});
