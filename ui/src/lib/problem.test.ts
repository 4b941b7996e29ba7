import { expect, test } from 'vitest';
import { ApiError, Unreachable } from './api/client';
import { setLanguage, t } from './i18n/index.svelte';
import { sentence } from './problem';

test('a failure is told in our words where there are some, else in the server’s', () => {
  setLanguage('en');
  expect(sentence(new Unreachable())).toBe(t('problem.offline'));
  expect(sentence(new ApiError(429, 'rate-limited', 'server words'))).toBe(t('problem.rate-limited'));
  expect(sentence(new ApiError(409, 'never-heard-of', 'The server knows better.'))).toBe('The server knows better.');
  expect(sentence(new ApiError(500, 'never-heard-of', ''))).toBe(t('problem.unexpected'));
  expect(sentence(new Error('anything'))).toBe(t('problem.unexpected'));
});
