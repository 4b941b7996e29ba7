import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { setLanguage } from '$lib/i18n/index.svelte';
import french from '$lib/i18n/fr/admin.json';
import { conversationsIn, inFile, locked, placed, words, type Problem } from './problems';

afterEach(() => setLanguage('en'));

const problem = (path: string, text: string, remedy = ''): Problem => ({ path, line: 1, column: 1, problem: text, remedy, severity: 'error' });

it('puts problems at their fields, and the others above the form', () => {
  const problems = [
    problem('account[tg].settings.mode', 'Not a choice.', 'Did you mean "webhook"?'),
    problem('account[tg].settings.keys[1].env', 'Not set.'),
    problem('account[tg].settings.bogus', 'Unknown.'),
    problem('account[other].settings.mode', 'Elsewhere.'),
    problem('account[tg].settings.mode', 'Twice.'),
  ];
  const { at, rest } = placed(problems, 'account', 'tg', (field) => ['settings.mode', 'settings.keys'].includes(field));
  expect(at).toEqual({ 'settings.mode': 'Not a choice. Did you mean "webhook"? Twice.', 'settings.keys': 'Not set.' });
  expect(rest.map((p) => p.problem)).toEqual(['Unknown.', 'Elsewhere.']);
});

it('leaves lines for the file out of the words', () => {
  expect(words(problem('', 'There is none.', 'Add:\n[[queue]]'))).toBe('There is none.');
  expect(words(problem('', 'There is none.', 'Add one of these.\n[[queue]]'))).toBe('There is none. Add one of these.');
});

it('finds the conversations that need something', () => {
  const id = '01M7ZC9R8V17HC19J2MZG503Z8';
  expect(conversationsIn([problem('channel[a]', `account a is needed by 1 open conversation(s): ${id}; channel a is needed by 1 open conversation(s): ${id}.`)])).toEqual([id]);
  expect(conversationsIn([problem('channel[a]', `Nothing about ${id}.`)])).toEqual([]);
});

it('tells a problem in the language of the page, where it has a code', () => {
  const one: Problem = { ...problem('channel[a].language', '"xx y" is not a language tag.', 'Write something like "en".'), code: 'not-language', params: { given: 'xx y' } };
  expect(words(one)).toBe('“xx y” is not a language tag. Write something like en, fr or pt-BR.');
  setLanguage('fr');
  expect(words(one)).toBe('«\u00a0xx y\u00a0» n’est pas un code de langue. Écrivez par exemple en, fr ou pt-BR.');
  expect(words({ ...one, code: 'no-such-queue', params: { given: 'sale', near: 'sales' } })).toBe('Il n’y a pas de file «\u00a0sale\u00a0». Vouliez-vous dire «\u00a0sales\u00a0»\u202f?');
  expect(words({ ...one, code: 'new-one' }), 'of one that is not known, the server’s own words').toBe('"xx y" is not a language tag. Write something like "en".');
});

it('shows who mends the file the lines to write', () => {
  const one: Problem = { ...problem('account[a]', 'The account "a" has no channel.', 'Add:\n\n[[channel]]\nid = "a"'), code: 'no-channel', params: { account: 'a' } };
  expect(inFile(one)).toEqual({ what: 'The account "a" has no channel.', fix: 'Add:', lines: '[[channel]]\nid = "a"' });
  setLanguage('fr');
  expect(inFile(one)).toMatchObject({ fix: 'Ajoutez-en un, ou supprimez le compte.', lines: '[[channel]]\nid = "a"' });
});

it('says why a file is locked', () => {
  const file = { path: '/etc/guichet.toml', text: '', base: '', editable: false, reason: 'Because.', reason_code: 'file', on_disk_differs: false, problems: [], secrets: true };
  setLanguage('fr');
  expect(locked(file)).toContain('Le fichier /etc/guichet.toml est en lecture seule.');
  expect(locked({ ...file, reason_code: 'moon' })).toBe('Because.');
});

it('has words for every code of the engine, with the places that it fills', () => {
  const folder = join(import.meta.dirname, '../../../../core/config');
  const codes = new Set<string>(['restart-needed', 'names-no-account', 'names-no-workstream', 'no-such-account', 'no-such-workstream']);
  for (const file of readdirSync(folder)) {
    if (!file.endsWith('.go') || file.endsWith('_test.go')) continue;
    const text = readFileSync(join(folder, file), 'utf8');
    for (const [, code] of text.matchAll(/\.as\(\s*"([a-z-]+)"[,)]/g)) codes.add(code!);
    for (const [, code] of text.matchAll(/return "(setting-[a-z]+)",/g)) codes.add(code!);
  }
  const told = Object.keys(french).filter((key) => key.startsWith('admin.problem.') && !key.endsWith('.fix') && key !== 'admin.problem.near');
  expect(told.map((key) => key.slice('admin.problem.'.length)).sort()).toEqual([...codes].sort());
  // What the goldens of the engine say fills every place of the texts.
  const goldens = join(folder, 'testdata/problems');
  let seen = 0;
  for (const file of readdirSync(goldens)) {
    for (const [, code, rest] of readFileSync(join(goldens, file), 'utf8').matchAll(/^  = ([a-z-]+)(.*)$/gm)) {
      const params = Object.fromEntries([...rest!.matchAll(/ (\w+)=("(?:[^"\\]|\\.)*")/g)].map(([, name, value]) => [name, JSON.parse(value!)])) as Record<string, string>;
      expect(words({ ...problem('', ''), code: code!, params }), file).not.toMatch(/\{[a-z]/);
      seen++;
    }
  }
  expect(seen).toBeGreaterThan(50);
});
