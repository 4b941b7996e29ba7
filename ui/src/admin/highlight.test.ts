import { describe, expect, it } from 'vitest';
import { highlight } from './highlight';

const marks = (line: string) => highlight(line).map(({ text, kind }) => `${kind}:${text}`);

describe('highlight', () => {
  it('tells names, strings, values and comments apart', () => {
    expect(marks('id = "orders" # a # in it')).toEqual(['t-n:id', ': =', ': ', 't-s:"orders"', ': ', 't-c:# a # in it']);
    expect(marks('enabled = true')).toEqual(['t-n:enabled', ': =', ': ', 't-k:true']);
    expect(marks('members = ["a#b", \'c\']')).toEqual(['t-n:members', ': =', ': [', 't-s:"a#b"', ':, ', "t-s:'c'", ':]']);
    expect(marks('[[account]] # one')).toEqual(['t-h:[[account]] ', 't-c:# one']);
    expect(marks('# only words')).toEqual(['t-c:# only words']);
  });

  it('loses nothing of a line', () => {
    for (const line of ['', '  ', 'a.b = { env = "X", n = 1_000 }', 'text = "unclosed', '\t"key" = 1', 'emoji = "😕"']) {
      expect(highlight(line).map((p) => p.text).join('')).toBe(line);
    }
  });
});
