/** An account and its channels as they are written, and what somebody makes of them. */
import { answered, api, type Schema } from '$lib/api/client';
import { known, t } from '$lib/i18n/index.svelte';
import { changesOf, fault, ofField, shown, written, type Change, type FormField, type Value, type Values } from './form';
import { placed, type Problem } from './problems';

type Written = Schema<'ConfigurationObject'>;

/** The current value of a field: what is written, else what holds where a choice shows it anyway. */
function present(field: FormField, from: Schema<'ConfigurationField'>): Value {
  return !from.written && (field.kind === 'bool' || field.kind === 'select') ? field.default : written(from);
}

/** Section is a part of the form: fields of one object. */
export class Section {
  values = $state.raw<Values>({});
  taken = $state.raw<ReadonlySet<string>>(new Set());
  private readonly before: Values;

  constructor(
    readonly object: 'account' | 'channel',
    readonly id: string,
    readonly below: string, // what the paths of its fields have before their keys
    readonly fields: FormField[],
    before: Values,
  ) {
    this.before = this.values = before;
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

/** named gives fields of ours, which have no title of their own, their words. */
function named(field: FormField, object: string): FormField {
  const [title, help] = [`admin.field.${object}.${field.key}`, `admin.field.${object}.${field.key}.help`];
  return { ...field, title: known(title) ? t(title) : field.title, help: known(help) ? t(help) : field.help };
}

function section(from: Written, object: 'account' | 'channel', below: string, wanted: (path: string) => boolean, options: Record<string, string[]> = {}): Section {
  const fields: FormField[] = [];
  const before: Values = {};
  for (const one of from.fields) {
    if (!one.path.startsWith(below) || !wanted(one.path)) continue;
    const plain = ofField(one, below);
    const choices = options[one.path];
    const field = below || one.title ? plain : named(choices ? { ...plain, kind: 'select', options: choices } : plain, object);
    fields.push(field);
    before[field.key] = present(field, one);
  }
  return new Section(object, from.id, below, fields, before);
}

export class AccountForm {
  readonly general: Section;
  readonly settings: Section;
  readonly channels: Section[];

  constructor(account: Written, channels: Written[], workstreams: string[], asksConsent: boolean) {
    const tests = account.fields.some((f) => f.test_only);
    this.general = section(account, 'account', '', (path) => path === 'name' || (path === 'test' && tests) || (path === 'consent' && asksConsent));
    this.settings = section(account, 'account', 'settings.', () => true);
    this.channels = channels.map((c) => section(c, 'channel', '', (path) => !['id', 'account'].includes(path), { workstream: workstreams }));
  }

  readonly test = $derived.by(() => this.general.values['test'] === true);
  readonly sections = $derived.by(() => [this.general, this.settings, ...this.channels]);
  readonly changes: Change[] = $derived.by(() => this.sections.flatMap((s) => s.changes(this.test)));

  /** sorted puts problems at their fields, section by section. */
  sorted(problems: readonly Problem[]): { at: Map<Section, Record<string, string>>; rest: Problem[] } {
    const at = new Map<Section, Record<string, string>>();
    let rest = [...problems];
    for (const one of this.sections) {
      const found = placed(rest, one.object, one.id, (path) => one.fields.some((f) => one.below + f.key === path));
      at.set(one, Object.fromEntries(Object.entries(found.at).map(([path, text]) => [path.slice(one.below.length), text])));
      rest = found.rest;
    }
    return { at, rest };
  }

  faults(): Map<Section, Record<string, string>> {
    return new Map(this.sections.map((s) => [s, s.faults(this.test)]));
  }
}

const textOf = (object: Written, path: string): unknown => object.fields.find((f) => f.path === path)?.value;

/** readAccount reads an account from the file; undefined when it is not written there. */
export async function readAccount(id: string): Promise<AccountForm | undefined> {
  const [accounts, channels, workstreams] = await Promise.all(
    ['account', 'channel', 'workstream'].map(async (kind) => answered(await api.GET('/api/v1/configuration/objects/{kind}', { params: { path: { kind } } })).items),
  );
  const account = accounts!.find((a) => a.id === id);
  if (!account) return undefined;
  const plugin = String(textOf(account, 'plugin'));
  const schema = (await api.GET('/api/v1/plugins/{plugin}/schema', { params: { path: { plugin } } })).data;
  return new AccountForm(account, channels!.filter((c) => textOf(c, 'account') === id), workstreams!.map((w) => w.id), schema?.consent ?? false);
}
