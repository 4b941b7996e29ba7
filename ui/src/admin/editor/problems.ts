/** Where the problems of an edit belong: at fields of a form, or above it. */
import type { Schema } from '$lib/api/client';

export type Problem = Schema<'ConfigurationProblem'>;

/** words is a problem as a sentence with its remedy; what the remedy shows of the file is left away. */
export function words(problem: Problem): string {
  const remedy = problem.remedy.split('\n')[0]!.trim();
  return remedy && !remedy.endsWith(':') ? `${problem.problem} ${remedy}` : problem.problem;
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
