/** The account that is being added: what was typed at each step, and the edit that makes it. */
import type { Schema } from '$lib/api/client';
import { fault, initial, ofSetting, settingsOf, shown, type Change, type FormField, type Values } from '../editor/form';
import { propose, wellFormed } from '../editor/ids';
import { placed, type Problem } from '../editor/problems';
import type { TextKey } from '$lib/i18n/index.svelte';

export type PluginSchema = Schema<'PluginSchema'>;

export const steps = ['plugin', 'name', 'settings', 'check', 'channel', 'summary'] as const;
export type Step = (typeof steps)[number];

/** What the desk has already: a new account must fit in. */
export interface Present {
  accounts: string[];
  channels: string[];
  workstreams: { id: string; plugin: string; fallback: boolean }[]; // plugin "": nothing has said yet; fallback: it says which queue is its own
  queues: { id: string; name: string }[];
  agents: { id: string; name: string }[];
  language: string;
}

const newOne = ''; // of a workstream or queue: it is to be made

export class AccountDraft {
  schema = $state.raw<PluginSchema>();
  name = $state('');
  test = $state(false);
  consent = $state(false);
  values = $state.raw<Values>({});
  address = $state.raw<Values>({});
  language = $state('');
  fromCustomer = $state(true);
  fromAgent = $state(true);
  workstream = $state(newOne);
  queue = $state(newOne);
  queueName = $state('');
  members = $state.raw<string[]>([]);
  /** What was found out about the settings as they are now. */
  checks = $state.raw<Schema<'Check'>[]>();
  /** They said that they go on although checks failed. */
  anyway = $state(false);

  private typedID = $state('');
  private typedChannel = $state('');
  private typedWorkstream = $state('');

  constructor(readonly present: Present) {
    this.language = present.language;
    this.queue = present.queues[0]?.id ?? newOne;
  }

  readonly fields: FormField[] = $derived((this.schema?.settings ?? []).map(ofSetting));
  readonly addressFields: FormField[] = $derived((this.schema?.address ?? []).map(ofSetting));

  /** The steps of this plugin: one without settings has none to fill in and none to check. */
  readonly steps: Step[] = $derived(this.schema && this.fields.length === 0 ? steps.filter((s) => s !== 'settings' && (s !== 'check' || this.schema!.callbacks.length > 0)) : [...steps]);

  /** Something was typed that would be lost. */
  readonly begun = $derived(this.schema !== undefined);

  /** workstreams are those whose conversations come from this plugin, or from nowhere yet. */
  get workstreams(): Present['workstreams'] {
    return this.present.workstreams.filter((w) => w.plugin === '' || w.plugin === this.schema?.plugin);
  }

  get id(): string {
    return this.typedID || propose(this.name, this.present.accounts, this.schema?.plugin ?? 'account');
  }
  set id(to: string) {
    this.typedID = to.trim();
  }

  get channel(): string {
    return this.typedChannel || propose(this.id, this.present.channels, 'channel');
  }
  set channel(to: string) {
    this.typedChannel = to.trim();
  }

  get workstreamID(): string {
    return this.typedWorkstream || propose(this.id, this.present.workstreams.map((w) => w.id), 'workstream');
  }
  set workstreamID(to: string) {
    this.typedWorkstream = to.trim();
  }

  get queueID(): string {
    return propose(this.queueName, this.present.queues.map((q) => q.id), 'queue');
  }

  /** choose begins with a plugin. What was typed for another one goes. */
  choose(schema: PluginSchema, name: string): void {
    if (this.schema?.plugin === schema.plugin) return;
    const named = this.name === '' || this.name === this.proposed;
    this.schema = schema;
    this.values = initial(this.fields);
    this.address = initial(this.addressFields);
    this.consent = this.test = this.anyway = false;
    this.checks = undefined;
    this.workstream = newOne;
    if (named) this.name = this.proposed = name;
  }
  private proposed = '';

  /** set is what typing does; what was checked before no longer holds. */
  set(key: string, value: Values[string]): void {
    this.values = { ...this.values, [key]: value };
    this.unchecked();
  }

  unchecked(): void {
    this.checks = undefined;
    this.anyway = false;
  }

  readonly settings = $derived(settingsOf(this.fields, this.values, this.test));

  /** changes are the edit that adds the account, with its channel, workstream and queue where they are new. */
  changes(): Change[] {
    const account: Record<string, unknown> = { plugin: this.schema!.plugin, name: this.name.trim() };
    if (this.schema!.consent && this.consent) account['consent'] = true;
    if (this.test) account['test'] = true;
    if (Object.keys(this.settings).length > 0) account['settings'] = this.settings;
    const address = settingsOf(this.addressFields, this.address, this.test);
    const channel: Record<string, unknown> = { account: this.id, workstream: this.workstream || this.workstreamID };
    if (this.language.trim()) channel['language'] = this.language.trim();
    if (Object.keys(address).length > 0) channel['address'] = address;
    if (!this.fromCustomer || !this.fromAgent) channel['attachments'] = { from_customer: this.fromCustomer, from_agent: this.fromAgent };
    const changes: Change[] = [
      { op: 'add', object: 'account', id: this.id, value: account },
      { op: 'add', object: 'channel', id: this.channel, value: channel },
    ];
    if (this.workstream !== newOne) return changes;
    changes.push({ op: 'add', object: 'workstream', id: this.workstreamID, value: { fallback_queue: this.queue || this.queueID } });
    if (this.queue !== newOne) return changes;
    changes.push({ op: 'add', object: 'queue', id: this.queueID, value: { name: this.queueName.trim(), members: [...this.members] } });
    return [...changes, ...this.settled()];
  }

  /** settled are the changes without which a second queue would leave it open where conversations go that have gone to the only one. */
  private settled(): Change[] {
    const [only, ...others] = this.present.queues;
    if (!only || others.length > 0) return [];
    return this.present.workstreams.filter((w) => !w.fallback).map((w) => ({ op: 'set', object: 'workstream', id: w.id, field: 'fallback_queue', value: only.id }));
  }

  /** faults are what is wrong at a step as far as that can be told here: texts by field. */
  faults(step: Step): Record<string, TextKey> {
    const found: Record<string, TextKey | undefined> = {};
    if (step === 'name') {
      found['name'] = this.name.trim() ? undefined : 'common.required';
      found['id'] = this.idFault(this.id, this.present.accounts);
      if (this.schema?.consent && !this.consent) found['consent'] = 'admin.add.consent-needed';
    }
    if (step === 'settings') for (const field of this.fields) if (shown(field, this.fields, this.values, this.test)) found[field.key] = fault(field, this.values[field.key]);
    if (step === 'check' && !this.anyway && this.checks?.some((c) => c.state === 'failed')) found['anyway'] = 'admin.add.anyway-needed';
    if (step === 'channel') {
      found['id'] = this.idFault(this.channel, this.present.channels);
      for (const field of this.addressFields) found[`address.${field.key}`] = shown(field, this.addressFields, this.address, this.test) ? fault(field, this.address[field.key]) : undefined;
      if (this.workstream === newOne) {
        found['workstream'] = this.idFault(this.workstreamID, this.present.workstreams.map((w) => w.id));
        if (this.queue === newOne) {
          found['queue'] = this.queueName.trim() ? undefined : 'common.required';
          found['members'] = this.members.length > 0 ? undefined : 'admin.add.members-needed';
        }
      }
    }
    return Object.fromEntries(Object.entries(found).filter((entry): entry is [string, TextKey] => entry[1] !== undefined));
  }

  private idFault(id: string, taken: string[]): TextKey | undefined {
    return !wellFormed(id) ? 'admin.add.bad-id' : taken.includes(id) ? 'admin.add.taken-id' : undefined;
  }

  /** sorted puts the problems of a dry run at the step and field where they can be mended. */
  sorted(problems: readonly Problem[]): { steps: Partial<Record<Step, Record<string, string>>>; rest: Problem[] } {
    const settings = placed(problems, 'account', this.id, (f) => f.startsWith('settings.') && this.fields.some((one) => `settings.${one.key}` === f));
    const name = placed(settings.rest, 'account', this.id, (f) => ['id', 'name', 'consent', 'test'].includes(f));
    const channel = placed(name.rest, 'channel', this.channel, (f) => ['id', 'language', 'workstream'].includes(f) || this.addressFields.some((one) => `address.${one.key}` === f));
    const found: Partial<Record<Step, Record<string, string>>> = {};
    const keep = (step: Step, at: Record<string, string>) => Object.keys(at).length > 0 && (found[step] = at);
    keep('name', name.at);
    keep('settings', Object.fromEntries(Object.entries(settings.at).map(([f, text]) => [f.slice('settings.'.length), text])));
    keep('channel', channel.at);
    return { steps: found, rest: channel.rest };
  }

  /** callbacks are the addresses that the provider is to call, once the account is there. */
  readonly callbacks = $derived((this.schema?.callbacks ?? []).map((c) => ({ ...c, url: c.url.replace('{account}', this.id) })));

  /** reachable is the step to show for the one that is asked for: the first before it at which something is wrong, else that one. */
  reachable(step: Step): Step {
    if (!this.schema) return 'plugin';
    for (const earlier of this.steps.slice(0, this.steps.indexOf(step))) if (Object.keys(this.faults(earlier)).length > 0) return earlier;
    return this.steps.includes(step) ? step : 'name';
  }
}
