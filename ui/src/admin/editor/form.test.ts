import { describe, expect, it } from 'vitest';
import type { Schema } from '$lib/api/client';
import { changesOf, fault, groupsOf, initial, ofField, ofSetting, outgoing, settingsOf, shown, written, type FormField, type Kind } from './form';

const field = (key: string, kind: Kind = 'string', more: Partial<FormField> = {}): FormField => ({
  key, kind, title: key, help: '', required: false, secret: kind === 'secret', testOnly: false, options: [], pattern: '', group: '', showIf: '', default: kind === 'bool' ? false : kind === 'list' ? [] : '', ...more,
});

const configured = (path: string, more: Partial<Schema<'ConfigurationField'>>): Schema<'ConfigurationField'> => ({
  path, kind: 'string', title: '', help: '', required: false, secret: false, test_only: false, options: [], pattern: '', group: '', show_if: '', min: '', max: '', default: null, written: false, line: 0, value: null, reference: null, items: [], mark: '', ...more,
});

describe('what is shown', () => {
  const mode = field('mode', 'select', { options: ['poll', 'webhook'], default: 'poll' });
  const token = field('token', 'secret', { showIf: 'mode=webhook' });
  const port = field('port', 'int', { showIf: 'tls=true' });
  const tls = field('tls', 'bool', { showIf: 'mode=webhook' });
  const fields = [mode, token, tls, port];

  it('follows what other fields say, and their defaults', () => {
    expect(shown(token, fields, {}, false)).toBe(false);
    expect(shown(token, fields, { mode: 'webhook' }, false)).toBe(true);
    expect(shown(token, fields, { mode: '' }, false)).toBe(false);
  });

  it('hides what hangs on a field that is hidden itself', () => {
    expect(shown(port, fields, { mode: 'webhook', tls: true }, false)).toBe(true);
    expect(shown(port, fields, { mode: 'poll', tls: true }, false)).toBe(false);
  });

  it('hides what is for test accounts, and what hangs on an unknown field', () => {
    expect(shown(field('api_url', 'url', { testOnly: true }), [], {}, false)).toBe(false);
    expect(shown(field('api_url', 'url', { testOnly: true }), [], {}, true)).toBe(true);
    expect(shown(field('a', 'string', { showIf: 'gone=1' }), [], {}, true)).toBe(false);
  });
});

describe('what is wrong', () => {
  it.each<[Kind, Partial<FormField>, string | boolean | string[], string | undefined]>([
    ['string', { required: true }, '', 'common.required'],
    ['list', { required: true }, [''], 'common.required'],
    ['bool', { required: true }, false, undefined],
    ['secret', { required: true, kept: { where: 'stored', name: 'x' } }, '', undefined],
    ['int', {}, '12', undefined],
    ['int', {}, '1.5', 'admin.form.bad-int'],
    ['duration', {}, '1h30m', undefined],
    ['duration', {}, '28d', undefined],
    ['duration', {}, '2 minutes', 'admin.form.bad-duration'],
    ['url', {}, 'https://a.example/b', undefined],
    ['url', {}, 'a.example', 'admin.form.bad-url'],
    ['email', {}, 'a@b', undefined],
    ['email', {}, 'a', 'common.bad-email'],
    ['list', { pattern: '[a-z]+' }, ['abc', 'a1'], 'admin.form.bad-pattern'],
    ['string', { pattern: 'a|b' }, 'ab', 'admin.form.bad-pattern'],
    ['string', { pattern: '(?P<x>a)' }, 'b', undefined],
  ])('%s %j %j', (kind, more, value, wanted) => {
    expect(fault(field('x', kind, more), value)).toBe(wanted);
  });
});

describe('what goes out', () => {
  const fields = [field('mode', 'select', { default: 'poll', options: ['poll', 'webhook'] }), field('secret', 'secret', { showIf: 'mode=webhook' }), field('count', 'int', { default: '3' }), field('on', 'bool'), field('names', 'list'), field('api_url', 'url', { testOnly: true })];

  it('leaves out what is hidden, empty or holds anyway', () => {
    expect(settingsOf(fields, { ...initial(fields), secret: 's', api_url: 'http://x' }, false)).toEqual({});
    expect(settingsOf(fields, { mode: 'webhook', secret: ' s ', count: '7', on: true, names: [' a ', '', 'b'], api_url: ' http://x ' }, true)).toEqual({ mode: 'webhook', secret: ' s ', count: 7, on: true, names: ['a', 'b'], api_url: 'http://x' });
  });

  it('keeps elements of a list that are not shown', () => {
    expect(outgoing(field('keys', 'list'), [{ keep: 1 }, 'new'])).toEqual([{ keep: 1 }, 'new']);
  });

  it('changes what was typed, takes out what was emptied or hidden, and leaves the rest', () => {
    const kept = [field('mode', 'select', { default: 'poll' }), field('secret', 'secret', { showIf: 'mode=webhook', kept: { where: 'stored', name: 'x' } }), field('name'), field('on', 'bool', { default: true })];
    const before = { mode: 'webhook', secret: '', name: 'A', on: true };
    const of = (after: Record<string, string | boolean>, taken?: Set<string>) => changesOf('account', 'a', 'settings.', kept, before, { ...before, ...after }, false, taken).map((c) => [c.op, c.field, c.value]);
    expect(of({})).toEqual([]);
    expect(of({ name: 'B' })).toEqual([['set', 'settings.name', 'B']]);
    expect(of({ name: '' })).toEqual([['remove', 'settings.name', undefined]]);
    expect(of({ secret: 'new' })).toEqual([['set', 'settings.secret', 'new']]);
    expect(of({ mode: 'poll' })).toEqual([['set', 'settings.mode', 'poll'], ['remove', 'settings.secret', undefined]]);
    expect(of({}, new Set(['secret']))).toEqual([['remove', 'settings.secret', undefined]]);
    expect(of({ on: false })).toEqual([['set', 'settings.on', false]]);
  });
});

describe('fields', () => {
  it('of an object know what is kept and where, and never hold it', () => {
    const secret = ofField(configured('settings.token', { kind: 'secret', secret: true, written: true, reference: { kind: 'env', name: 'TOKEN' }, show_if: 'mode=webhook' }), 'settings.');
    expect(secret).toMatchObject({ key: 'token', title: 'token', kept: { where: 'env', name: 'TOKEN' }, showIf: 'mode=webhook' });
    expect(ofField(configured('settings.token', { kind: 'secret' }), 'settings.').kept).toBeUndefined();
    expect(written(configured('settings.keys', { kind: 'list', written: true, items: [{ value: null, reference: null, mark: 'm' }, { value: 'open', reference: null, mark: '' }] }))).toEqual([{ keep: 0 }, 'open']);
    expect(written(configured('retired', { kind: 'bool', written: true, value: true }))).toBe(true);
    expect(written(configured('count', { kind: 'int', written: true, value: 7 }))).toBe('7');
  });

  it('of a plugin have their defaults by kind', () => {
    const setting = { key: 'a', title: '', help: '', required: false, secret: false, test_only: false, options: [], pattern: '', group: '', show_if: '' };
    expect(ofSetting({ ...setting, kind: 'bool', default: 'true' }).default).toBe(true);
    expect(ofSetting({ ...setting, kind: 'list', default: 'a, b' }).default).toEqual(['a', 'b']);
    expect(ofSetting({ ...setting, kind: 'list', default: '' }).default).toEqual([]);
    expect(ofSetting({ ...setting, kind: 'select', default: '', options: ['poll', 'call'], labels: { poll: 'Interroger' } }).labels).toEqual({ poll: 'Interroger' });
    expect(ofSetting({ ...setting, kind: 'select', default: '', options: ['poll'] })).not.toHaveProperty('labels');
  });

  it('of a group stand together', () => {
    expect(groupsOf([field('a', 'string', { group: 'X' }), field('b'), field('c', 'string', { group: 'X' })]).map((g) => [g.name, g.fields.map((f) => f.key)])).toEqual([['X', ['a', 'c']], ['', ['b']]]);
  });
});
