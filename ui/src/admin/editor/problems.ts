/** Where the problems of an edit belong: at fields of a form, or above it; and how they are told. */
import type { Schema } from '$lib/api/client';
import { known, language, t } from '$lib/i18n/index.svelte';

export type Problem = Schema<'ConfigurationProblem'>;

/** parts is what is wrong and what to do about it: in our words where the problem has a code, else in the server's. */
export function parts(problem: Problem): { what: string; fix: string } {
  const [code, params] = [problem.code ?? '', problem.params ?? {}];
  const key = `admin.problem.${code}`;
  if (!code || !known(key)) return { what: problem.problem, fix: problem.remedy };
  const fix = `admin.problem.${code}.fix`;
  return { what: t(key, params), fix: params['near'] ? t('admin.problem.near', params) : known(fix) ? t(fix, params) : '' };
}

/** inFile is a problem for whoever mends the file by hand: with the lines to write, where the server knows them. */
export function inFile(problem: Problem): { what: string; fix: string; lines: string } {
  const [first = '', ...rest] = problem.remedy.split('\n');
  const { what, fix } = language() === 'en' ? { what: problem.problem, fix: first } : parts(problem);
  return { what, fix: fix.split('\n')[0]!, lines: rest.join('\n').trim() };
}

/** words is a problem as a sentence with its remedy; what the remedy shows of the file is left away. */
export function words(problem: Problem): string {
  const { what, fix } = parts(problem);
  const remedy = fix.split('\n')[0]!.trim();
  return remedy && !remedy.endsWith(':') ? `${what} ${remedy}` : what;
}

/** locked is why the file cannot be edited, in our words where the server gives a reason that we know. */
export function locked(file: Schema<'ConfigurationFile'>): string {
  const key = `admin.readonly.${file.reason_code}`;
  return file.reason_code && known(key) ? t(key, { file: file.path || t('admin.configuration.built-in') }) : file.reason;
}

/** placed sorts the problems of an object by its fields. What belongs to no field of those known is in rest. */
export function placed(problems: readonly Problem[], object: string, id: string, knows: (field: string) => boolean): { at: Record<string, string>; rest: Problem[] } {
  const at: Record<string, string> = {};
  const rest: Problem[] = [];
  const prefix = `${object}[${id}].`;
  for (const problem of problems) {
    let field = problem.path.startsWith(prefix) ? problem.path.slice(prefix.length).replaceAll(/\[\d+\]/g, '') : '';
    while (field && !knows(field)) field = field.includes('.') ? field.slice(0, field.lastIndexOf('.')) : '';
    if (field) at[field] = at[field] ? `${at[field]} ${words(problem)}` : words(problem);
    else rest.push(problem);
  }
  return { at, rest };
}

/** Conversations named in problems: they keep an object from being taken out. */
export function conversationsIn(problems: readonly Problem[]): string[] {
  const found = problems.flatMap((p) => (/open conversation/.test(p.problem) ? (p.problem.match(/\b[0-7][0-9A-HJKMNP-TV-Z]{25}\b/g) ?? []) : []));
  return [...new Set(found)];
}
