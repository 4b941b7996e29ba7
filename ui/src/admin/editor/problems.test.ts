import { expect, it } from 'vitest';
import { conversationsIn, placed, words, type Problem } from './problems';

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
