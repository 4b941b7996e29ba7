import { describe, expect, it } from 'vitest';
import type { Schema } from '$lib/api/client';
import { AccountDraft, type PluginSchema, type Present } from './draft.svelte';

const present: Present = {
  accounts: ['site', 'line'], channels: ['site'], workstreams: [{ id: 'shop', plugin: 'webchat', fallback: true }, { id: 'free', plugin: '', fallback: false }], queues: [{ id: 'orders', name: 'Orders' }], agents: [{ id: 'ada', name: 'Ada' }], language: 'en',
};

const setting = (key: string, more: Partial<Schema<'Setting'>> = {}): Schema<'Setting'> => ({ key, kind: 'string', title: key, help: '', required: false, secret: false, test_only: false, default: '', options: [], pattern: '', group: '', show_if: '', ...more });

const line: PluginSchema = {
  plugin: 'line', name: 'LINE', version: '1', built_in: true, consent: true, live: false, retirement_notice: '', documentation_url: '', verification: '', services: [],
  settings: [setting('secret', { kind: 'secret', required: true }), setting('api_url', { kind: 'url', test_only: true })], address: [setting('page')],
  callbacks: [{ path: 'callback', url: 'https://x/channels/{account}/callback', title: 'Webhook', help: '' }],
};
const chat: PluginSchema = { ...line, plugin: 'webchat', consent: false, settings: [], address: [], callbacks: [] };

function begun(schema = line, name = 'LINE') {
  const draft = new AccountDraft(present);
  draft.choose(schema, name);
  return draft;
}

describe('an account that is being added', () => {
  it('has ids from its name that are not taken, until they are typed', () => {
    const draft = begun();
    expect([draft.id, draft.channel, draft.workstreamID]).toEqual(['line-2', 'line-2', 'line-2']);
    draft.name = 'Site';
    expect([draft.id, draft.channel, draft.workstreamID]).toEqual(['site-2', 'site-2', 'site-2']);
    draft.id = 'free';
    expect([draft.id, draft.channel, draft.workstreamID]).toEqual(['free', 'free', 'free-2']);
    expect(draft.callbacks[0]!.url).toBe('https://x/channels/free/callback');
    draft.id = 'site';
    expect(draft.faults('name')).toEqual({ id: 'admin.add.taken-id', consent: 'admin.add.consent-needed' });
    draft.id = 'Not good';
    expect(draft.faults('name')['id']).toBe('admin.add.bad-id');
    draft.id = '';
    expect(draft.id).toBe('site-2');
  });

  it('keeps what was typed when the same plugin is chosen again, and lets it go for another', () => {
    const draft = begun();
    draft.set('secret', 's');
    draft.choose(line, 'LINE');
    expect(draft.values['secret']).toBe('s');
    draft.name = 'My shop';
    draft.choose(chat, 'Web chat');
    expect([draft.name, draft.values, draft.steps]).toEqual(['My shop', {}, ['plugin', 'name', 'channel', 'summary']]);
  });

  it('is added as one edit, with what is new around it', () => {
    const draft = begun();
    draft.consent = draft.test = true;
    draft.set('secret', 's');
    draft.set('api_url', 'http://127.0.0.1:1');
    draft.address = { page: ' 7 ' };
    draft.fromAgent = false;
    expect(draft.changes()).toEqual([
      { op: 'add', object: 'account', id: 'line-2', value: { plugin: 'line', name: 'LINE', consent: true, test: true, settings: { secret: 's', api_url: 'http://127.0.0.1:1' } } },
      { op: 'add', object: 'channel', id: 'line-2', value: { account: 'line-2', workstream: 'line-2', language: 'en', address: { page: '7' }, attachments: { from_customer: true, from_agent: false } } },
      { op: 'add', object: 'workstream', id: 'line-2', value: { fallback_queue: 'orders' } },
    ]);
    draft.queue = '';
    draft.queueName = 'Orders';
    expect(draft.faults('channel')).toEqual({ members: 'admin.add.members-needed' });
    draft.members = ['ada'];
    expect(draft.changes().slice(2)).toEqual([
      { op: 'add', object: 'workstream', id: 'line-2', value: { fallback_queue: 'orders-2' } },
      { op: 'add', object: 'queue', id: 'orders-2', value: { name: 'Orders', members: ['ada'] } },
      { op: 'set', object: 'workstream', id: 'free', field: 'fallback_queue', value: 'orders' }, // it was the only one
    ]);
    draft.workstream = 'free';
    expect(draft.changes()).toHaveLength(2);
    expect(draft.workstreams.map((w) => w.id)).toEqual(['free']);
  });

  it('says what is missing, and leads there', () => {
    const draft = begun();
    expect(draft.reachable('summary')).toBe('name');
    draft.consent = true;
    expect(draft.reachable('summary')).toBe('settings');
    expect(draft.faults('settings')).toEqual({ secret: 'common.required' });
    draft.set('secret', 's');
    expect(draft.reachable('summary')).toBe('summary');
    expect(new AccountDraft(present).reachable('summary')).toBe('plugin');
  });

  it('goes on after a failed check only when that is said, and asks again when settings change', () => {
    const draft = begun();
    draft.checks = [{ name: 'a', title: 'A', state: 'warning' }];
    expect(draft.faults('check')).toEqual({});
    draft.checks = [{ name: 'a', title: 'A', state: 'failed' }];
    expect(draft.faults('check')).toEqual({ anyway: 'admin.add.anyway-needed' });
    draft.anyway = true;
    expect(draft.faults('check')).toEqual({});
    draft.set('secret', 'other');
    expect([draft.checks, draft.anyway]).toEqual([undefined, false]);
  });

  it('takes problems to the step where they can be mended', () => {
    const draft = begun();
    const problem = (path: string) => ({ path, line: 1, column: 1, problem: path, remedy: '', severity: 'error' as const });
    const { steps, rest } = draft.sorted([problem('account[line-2].settings.secret'), problem('account[line-2].consent'), problem('channel[line-2].address.page'), problem('channel[line-2].language'), problem('queue[orders].members')]);
    expect(steps).toEqual({ name: { consent: 'account[line-2].consent' }, settings: { secret: 'account[line-2].settings.secret' }, channel: { 'address.page': 'channel[line-2].address.page', language: 'channel[line-2].language' } });
    expect(rest.map((p) => p.path)).toEqual(['queue[orders].members']);
  });
});
