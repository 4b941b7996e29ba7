/** A part of a form about an object of the file: its fields, as they are written and as somebody makes them. */
import type { Schema } from '$lib/api/client';
import { t } from '$lib/i18n/index.svelte';
import { changesOf, fault, ofField, settingsOf, shown, written, type Change, type FormField, type Value, type Values } from './form';
import { wellFormed } from './ids';
import { named, type House } from './ours';
import type { Written } from './written';

/** The current value of a field: what is written, else what holds where a choice shows it anyway. */
function present(field: FormField, from: Schema<'ConfigurationField'>): Value {
  return !from.written && (field.kind === 'bool' || field.kind === 'select') ? field.default : written(from);
}

export class Section {
  values = $state.raw<Values>({});
  taken = $state.raw<ReadonlySet<string>>(new Set());
  private readonly before: Values;

  constructor(
    readonly object: 'account' | 'channel',
    protected readonly written: string, // the id in the file
    readonly below: string, // what the paths of its fields have before their keys
    readonly fields: FormField[],
    before: Values,
  ) {
    this.before = this.values = before;
  }

  get id(): string {
    return this.written;
  }

  set(key: string, value: Value): void {
    this.values = { ...this.values, [key]: value };
  }

  take(key: string, out: boolean): void {
    const taken = new Set(this.taken);
    if (out) taken.add(key);
    else taken.delete(key);
    this.taken = taken;
  }

  changes(test: boolean): Change[] {
    return changesOf(this.object, this.id, this.below, this.fields, this.before, this.values, test, this.taken);
  }

  /** faults are what is wrong as far as that can be told here, in words. */
  faults(test: boolean): Record<string, string> {
    const found: Record<string, string> = {};
    for (const field of this.fields) {
      const wrong = shown(field, this.fields, this.values, test) && !(this.taken.has(field.key) && !field.required) ? fault(field, this.values[field.key]) : undefined;
      if (wrong) found[field.key] = t(wrong);
    }
    return found;
  }
}

/** A channel of the account: one that is there and may leave, or a new one. */
export class ChannelSection extends Section {
  /** It is to be taken out of the file. */
  leaves = $state(false);
  typed = $state('');

  constructor(
    from: Written,
    fields: FormField[],
    before: Values,
    /** Of a new one: its account, and the ids that others have. */
    readonly added?: { account: string; others: readonly string[] },
  ) {
    super('channel', from.id, '', fields, before);
  }

  override get id(): string {
    return this.added ? this.typed.trim() : this.written;
  }

  override changes(test: boolean): Change[] {
    if (this.leaves) return [{ op: 'remove', object: 'channel', id: this.id }];
    if (!this.added) return super.changes(test);
    return [{ op: 'add', object: 'channel', id: this.id, value: { account: this.added.account, ...nested(settingsOf(this.fields, this.values, test)) } }];
  }

  override faults(test: boolean): Record<string, string> {
    if (this.leaves) return {};
    const found = super.faults(test);
    if (this.added && !wellFormed(this.id)) found['id'] = t('admin.add.bad-id');
    else if (this.added?.others.includes(this.id)) found['id'] = t('admin.add.taken-id');
    return found;
  }
}

/** nested makes tables of dotted keys: { "address.number": "7" } is { address: { number: "7" } }. */
export function nested(flat: Record<string, unknown>): Record<string, unknown> {
  const whole: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(flat)) {
    const names = key.split('.');
    let table = whole;
    for (const name of names.slice(0, -1)) table = (table[name] ??= {}) as Record<string, unknown>;
    table[names.at(-1)!] = value;
  }
  return whole;
}

/** fieldsOf are the wanted fields of an object, and what they hold. `options` make choices of texts. */
export function fieldsOf(from: Written, below: string, wanted: (path: string) => boolean, house: House, options: Record<string, string[]> = {}): { fields: FormField[]; before: Values } {
  const fields: FormField[] = [];
  const before: Values = {};
  for (const one of from.fields) {
    if (!one.path.startsWith(below) || !wanted(one.path)) continue;
    const plain = ofField(one, below);
    const choices = options[one.path];
    const field = below || one.title ? plain : named(choices ? { ...plain, kind: 'select', options: choices } : plain, from.kind, house);
    fields.push(field);
    before[field.key] = present(field, one);
  }
  return { fields, before };
}
