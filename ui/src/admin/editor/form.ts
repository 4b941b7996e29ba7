/**
 * A form of settings: which fields there are, which of them are shown, what is wrong with what was typed, and what of it
 * goes to the server. It knows nothing of pages.
 */
import type { Schema } from '$lib/api/client';
import type { TextKey } from '$lib/i18n/index.svelte';
import { hexOf } from './palette';

export type Kind = Schema<'Setting'>['kind'];

/** An element of a list: what was typed, or one that is there already and is never shown. */
export type Element = string | { keep: number };

/** What stands in a field: a text, a switch or a list. */
export type Value = string | boolean | Element[];

export type Values = Record<string, Value>;

/** Where a secret is kept now, when one is set. */
export interface Kept {
  where: 'text' | 'env' | 'file' | 'stored';
  name: string;
}

/** FormField is one field of a form: of a plugin's schema, or of an object that exists. */
export interface FormField {
  key: string;
  kind: Kind;
  title: string;
  help: string;
  required: boolean;
  secret: boolean;
  testOnly: boolean;
  options: string[];
  pattern: string;
  group: string;
  showIf: string;
  default: Value;
  kept?: Kept; // a value that is set and not shown
  look?: Look; // how it is asked for, where its kind alone does not say
  labels?: Record<string, string>; // of options, where they are called otherwise than they are written
  holds?: string; // what is in force while it is empty, where that is written elsewhere
}

/** Look is what a text is that has a field of its own. */
export type Look = 'color' | 'language' | 'host';

const nothing = (kind: Kind): Value => (kind === 'bool' ? false : kind === 'list' ? [] : '');

/** toValue reads what the server says a field holds. */
export function toValue(kind: Kind, from: unknown): Value {
  if (from === null || from === undefined) return nothing(kind);
  if (kind === 'bool') return from === true || from === 'true';
  if (kind === 'list') return Array.isArray(from) ? from.map(String) : from === '' ? [] : String(from).split(',').map((one) => one.trim());
  return String(from as string | number | boolean);
}

const called = (labels: Record<string, string> | undefined): Pick<FormField, 'labels'> => (labels ? { labels } : {});

/** ofSetting makes a field of a plugin's setting. */
export function ofSetting(s: Schema<'Setting'>): FormField {
  return {
    key: s.key, kind: s.kind, title: s.title || s.key, help: s.help, required: s.required, secret: s.secret || s.kind === 'secret', testOnly: s.test_only,
    options: s.options, pattern: s.pattern, group: s.group, showIf: s.show_if, default: toValue(s.kind, s.default === '' ? null : s.default), ...called(s.labels),
  };
}

/** ofField makes a field of an object's field; `below` is what its path has before its key, such as "settings.". */
export function ofField(f: Schema<'ConfigurationField'>, below = ''): FormField {
  const hidden = f.secret || f.kind === 'secret' || f.kind === 'file' || f.reference !== null;
  const kept: Kept | undefined = f.written && hidden && f.kind !== 'list' ? { where: f.reference?.kind ?? 'text', name: f.reference?.name ?? '' } : undefined;
  return {
    key: f.path.slice(below.length), kind: f.kind, title: f.title || f.path.slice(below.length), help: f.help, required: f.required, secret: f.secret || f.kind === 'secret',
    testOnly: f.test_only, options: f.options, pattern: f.pattern, group: f.group, showIf: f.show_if.startsWith(below) ? f.show_if.slice(below.length) : f.show_if,
    default: toValue(f.kind, f.default), ...called(f.labels), ...(kept ? { kept } : {}),
  };
}

/** written is what a field of an object holds now. What is kept and not shown is empty, and means: leave it. */
export function written(f: Schema<'ConfigurationField'>): Value {
  if (f.kind === 'list' && f.items.length > 0) return f.items.map((item, i) => (item.value === null || item.value === undefined ? { keep: i } : String(item.value as string)));
  return f.written && f.value !== null ? toValue(f.kind, f.value) : nothing(f.kind);
}

/** initial is a new form: every field as its default has it. */
export const initial = (fields: readonly FormField[]): Values => Object.fromEntries(fields.map((f) => [f.key, f.default]));

/** said is what a field counts as for other fields: what was typed, else its default. */
function said(field: FormField | undefined, values: Values): string {
  const value = field ? values[field.key] : undefined;
  if (value === undefined || value === '') return field ? String(field.default) : '';
  return Array.isArray(value) ? '' : String(value);
}

/** shown tells whether a field is asked for: of a test account only, or where another field says so ("mode=webhook"). */
export function shown(field: FormField, fields: readonly FormField[], values: Values, test: boolean): boolean {
  if (field.testOnly && !test) return false;
  if (!field.showIf) return true;
  const [key = '', wanted = ''] = field.showIf.split('=');
  const other = fields.find((one) => one.key === key.trim());
  return other !== undefined && other !== field && shown(other, fields, values, test) && said(other, values) === wanted.trim();
}

export const empty = (value: Value | undefined): boolean =>
  value === undefined || value === '' || value === false || (Array.isArray(value) && value.every((one) => one === ''));

const duration = /^(\d+(\.\d+)?(d|h|ms|m|s))+$/;

/** fault is what is wrong with a field as far as that can be told here; the server has the last word. */
export function fault(field: FormField, value: Value | undefined): TextKey | undefined {
  if (empty(value)) return field.required && field.kind !== 'bool' && !field.kept ? 'common.required' : undefined;
  for (const one of Array.isArray(value) ? value : [value]) {
    if (typeof one !== 'string' || one === '') continue;
    if (field.kind === 'int' && !/^[+-]?\d+$/.test(one.trim())) return 'admin.form.bad-int';
    if (field.kind === 'duration' && !duration.test(one.trim())) return 'admin.form.bad-duration';
    if (field.kind === 'url' && !URL.canParse(one.trim())) return 'admin.form.bad-url';
    if (field.kind === 'email' && !/^\S+@\S+$/.test(one.trim())) return 'common.bad-email';
    if (field.look === 'color' && !hexOf(one)) return 'admin.form.bad-color';
    if (field.pattern && !fits(field.pattern, one)) return 'admin.form.bad-pattern';
  }
  return undefined;
}

function fits(pattern: string, text: string): boolean {
  try {
    return new RegExp(`^(?:${pattern})$`, 'u').test(text);
  } catch {
    return true; // a pattern of RE2 that browsers do not know: the server will tell
  }
}

/** outgoing is a value as the server wants it; undefined where nothing is to be written. */
export function outgoing(field: FormField, value: Value | undefined): unknown {
  if (field.kind === 'bool') return value === true;
  if (empty(value)) return undefined;
  if (Array.isArray(value)) return value.filter((one) => one !== '').map((one) => (typeof one === 'string' ? one.trim() : one));
  if (field.kind === 'int') return Number(value);
  return field.kind === 'text' || field.kind === 'file' || field.secret ? value : String(value).trim();
}

const same = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b);

/** settingsOf is the table of settings of a new object: what is shown, not empty, and not what holds anyway. */
export function settingsOf(fields: readonly FormField[], values: Values, test: boolean): Record<string, unknown> {
  const table: Record<string, unknown> = {};
  for (const field of fields) {
    if (!shown(field, fields, values, test)) continue;
    const value = outgoing(field, values[field.key]);
    if (value !== undefined && !same(value, outgoing(field, field.default))) table[field.key] = value;
  }
  return table;
}

export type Change = Schema<'ConfigurationChange'>;

/**
 * changesOf are the changes that make of an object what was typed. What no longer shows is taken out; what is kept and
 * was not typed anew stays.
 */
export function changesOf(object: string, id: string, below: string, fields: readonly FormField[], before: Values, after: Values, test: boolean, taken: ReadonlySet<string> = new Set()): Change[] {
  const changes: Change[] = [];
  for (const field of fields) {
    const at = { object, id, field: below + field.key };
    const had = field.kept !== undefined || !empty(before[field.key]);
    if (!shown(field, fields, after, test)) {
      if (had) changes.push({ op: 'remove', ...at });
      continue;
    }
    if (taken.has(field.key) && empty(after[field.key])) {
      changes.push({ op: 'remove', ...at });
      continue;
    }
    if (same(before[field.key], after[field.key])) continue;
    const value = outgoing(field, after[field.key]);
    if (value === undefined || (same(value, outgoing(field, field.default)) && field.kind === 'bool')) {
      if (!field.kept) changes.push({ op: 'remove', ...at });
    } else changes.push({ op: 'set', ...at, value });
  }
  return changes;
}

/** groupsOf puts fields that belong together under one heading, in the order in which they come. */
export function groupsOf(fields: readonly FormField[]): { name: string; fields: FormField[] }[] {
  const groups = new Map<string, FormField[]>();
  for (const field of fields) groups.set(field.group, [...(groups.get(field.group) ?? []), field]);
  return [...groups].map(([name, list]) => ({ name, fields: list }));
}
