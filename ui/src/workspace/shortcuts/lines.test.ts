import { expect, test } from 'vitest';
import type { Shortcut } from '$lib/keyboard';
import { lines } from './lines';

const shortcut = (keys: string, text: Shortcut['text']): Shortcut => ({ keys, text, group: 'everywhere', act: () => {} });

test('one line for each act, with all its keys, and a row of keys as first and last', () => {
  const found = lines([
    shortcut('mod+k', 'common.close'),
    shortcut('alt+1', 'common.save'),
    shortcut('arrowdown', 'common.copy'),
    shortcut('j', 'common.copy'),
    shortcut('j', 'common.copy'),
    shortcut('alt+2', 'common.save'),
    shortcut('alt+3', 'common.save'),
  ]);
  expect(found.map(({ text, keys, range }) => [text, keys, range])).toEqual([
    ['common.close', ['mod+k'], false],
    ['common.save', ['alt+1', 'alt+3'], true],
    ['common.copy', ['arrowdown', 'j'], false],
  ]);
});
