import { expect, it } from 'vitest';
import type { Schema } from '$lib/api/client';
import { AccountForm, type Around } from './account.svelte';
import { ChannelSection } from './section.svelte';

type Field = Schema<'ConfigurationField'>;
const field = (path: string, more: Partial<Field> = {}): Field => ({
  path, kind: 'string', title: '', help: '', required: false, secret: false, test_only: false, options: [], pattern: '', group: '', show_if: '', min: '', max: '', default: null, written: more.value !== undefined, line: 0, value: null, reference: null, items: [], mark: '', ...more,
});
const object = (kind: string, id: string, fields: Field[]): Schema<'ConfigurationObject'> => ({ kind, id, line: 1, fields });

const around = (more: Partial<Around> = {}): Around => ({ house: { name: 'Atelier', language: 'fr' }, workstreams: ['w', 'x'], channels: ['a', 'b'], addresses: false, consent: false, left: { workstreams: [], queues: [] }, ...more });
const channel = (id: string, more: Field[] = []) =>
  object('channel', id, [field('id', id ? { value: id } : {}), field('account', id ? { value: 'a' } : {}), field('workstream', { required: true, ...(id ? { value: 'w' } : {}) }), field('address.number', { title: 'Number', required: true, ...(id ? { value: '1' } : {}) }), field('attachments.from_agent', { kind: 'bool', default: true }), ...more]);

const form = () =>
  new AccountForm(
    object('account', 'a', [field('id', { value: 'a' }), field('name', { value: 'A' }), field('consent', { kind: 'bool', default: false, value: true }), field('test', { kind: 'bool', default: false }), field('settings.token', { kind: 'secret', secret: true, required: true, title: 'Token', written: true }), field('settings.api_url', { kind: 'url', test_only: true, title: 'API' })]),
    [object('channel', 'a', [field('id', { value: 'a' }), field('account', { value: 'a' }), field('workstream', { value: 'w', required: true }), field('enabled', { kind: 'bool', default: true }), field('attachments.from_agent', { kind: 'bool', default: true, value: false })])],
    around(),
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

it('gives the fields of a chat their words, their place and what holds while they are empty', () => {
  const look = ['title', 'subtitle', 'color', 'logo_url'].map((key) => field(`widget.${key}`, key === 'color' ? { default: 'teal' } : {}));
  const f = new AccountForm(object('account', 'a', []), [channel('a', [field('language'), ...look, field('widget.position', { kind: 'select', options: ['bottom-right', 'bottom-left'], default: 'bottom-right' }), field('widget.hidden', { kind: 'bool', default: false }), field('widget.domains', { kind: 'list' }), field('widget.languages', { kind: 'list' })])], around());
  const fields = Object.fromEntries(f.channels[0]!.fields.map((one) => [one.key, one]));
  expect(Object.values(fields).filter((one) => one.title === one.key), 'no field is called by its key').toEqual([]);
  expect(fields['language']).toMatchObject({ look: 'language', holds: 'French', group: '' });
  expect(fields['widget.title']).toMatchObject({ holds: 'Atelier', group: 'How the chat looks' });
  expect(fields['widget.color']).toMatchObject({ look: 'color', default: 'teal' });
  expect(fields['widget.position']).toMatchObject({ labels: { 'bottom-right': 'At the bottom right', 'bottom-left': 'At the bottom left' }, group: 'On your pages' });
  expect(fields['widget.languages']).toMatchObject({ look: 'language', group: '' });
  f.channels[0]!.set('widget.color', 'mauve');
  expect(f.faults().get(f.channels[0]!)).toEqual({ 'widget.color': 'Write a colour like #0c6971, or choose one.' });
});

it('adds a channel with its address, and names it as no other is', () => {
  const f = new AccountForm(object('account', 'a', []), [channel('a')], around({ addresses: true, blank: channel('') }));
  expect(f.mayAdd).toBe(true);
  expect(f.mayDrop(f.channels[0]!), 'the only one').toBe(false);
  const added = f.addChannel();
  expect([added.id, added.values['workstream']], 'beside the one that is there').toEqual(['a-2', 'w']);
  expect(f.faults().get(added)).toEqual({ 'address.number': 'Fill this in.' });
  added.typed = 'b';
  expect(f.faults().get(added)).toHaveProperty('id');
  added.typed = 'second';
  added.set('address.number', ' 2 ');
  added.set('attachments.from_agent', false);
  expect(f.changes).toEqual([{ op: 'add', object: 'channel', id: 'second', value: { account: 'a', workstream: 'w', address: { number: '2' }, attachments: { from_agent: false } } }]);
  const problem = { path: 'channel[second].id', line: 1, column: 1, problem: 'No.', remedy: '', severity: 'error' as const };
  expect(f.sorted([problem]).at.get(added)).toEqual({ id: 'No.' });
  f.dropChannel(added);
  expect([f.channels.length, f.changes]).toEqual([1, []]);
});

it('takes channels out, but not the last one', () => {
  const f = new AccountForm(object('account', 'a', []), [channel('a'), channel('b')], around({ addresses: true, blank: channel('') }));
  const [first, second] = f.channels as [ChannelSection, ChannelSection];
  first.set('workstream', '');
  f.dropChannel(first);
  expect(f.changes).toEqual([{ op: 'remove', object: 'channel', id: 'a' }]);
  expect(f.faults().get(first), 'what leaves needs nothing').toEqual({});
  expect([f.mayDrop(first), f.mayDrop(second)]).toEqual([false, false]);
  first.leaves = false;
  expect(f.mayDrop(second)).toBe(true);
});

it('offers no second channel where a plugin has one alone', () => {
  const f = new AccountForm(object('account', 'a', []), [channel('a')], around({ blank: channel('') }));
  expect(f.mayAdd).toBe(false);
  expect(new AccountForm(object('account', 'a', []), [], around({ blank: channel('') })).mayAdd, 'and a first one where there is none').toBe(true);
});
