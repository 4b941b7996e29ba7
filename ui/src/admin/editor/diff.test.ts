import { expect, it } from 'vitest';
import { between, count, parse } from './diff';

const marks = { same: ' ', added: '+', removed: '-', gap: '…' };
const drawn = (lines: ReturnType<typeof parse>) => lines.map((l) => marks[l.kind] + l.text);

it('reads a unified diff', () => {
  const lines = parse('diff as it is as it will be\n--- as it is\n+++ as it will be\n@@ -26,3 +26,4 @@\n test = true\n+--- dashes\n-old\n \n@@ -38 +53 @@\n+end\n');
  expect(drawn(lines)).toEqual(['…', ' test = true', '+--- dashes', '-old', ' ', '…', '+end']);
  expect(count(lines)).toEqual({ added: 2, removed: 1 });
  expect(lines.map((l) => l.number), 'lines of the new text').toEqual([undefined, 26, 27, undefined, 28, undefined, 53]);
  expect(drawn(parse('--- a\n+++ b\n@@ -1,1 +1,2 @@\n a\n+b\n'))).toEqual([' a', '+b']);
  expect(parse('')).toEqual([]);
});

it('finds what differs', () => {
  const before = 'a\nb\nc\nd\ne\nf\ng\nh\ni';
  expect(drawn(between(before, before))).toEqual([]);
  expect(drawn(between(before, 'a\nb\nc\nd\ne\nf\ng\nh\nX\ni'))).toEqual(['…', ' f', ' g', ' h', '+X', ' i']);
  expect(drawn(between('a\nb\nc', 'a\nX\nc'))).toEqual([' a', '-b', '+X', ' c']);
  expect(drawn(between('a\nb\na\nb', 'b\na\nb\nc'))).toEqual(['-a', ' b', ' a', ' b', '+c']);
  expect(count(between('', 'a'))).toEqual({ added: 1, removed: 1 });
});

it('gives back both texts', () => {
  const texts = ['one\ntwo\nthree\nfour', 'zero\none\nthree\n\nfour\nfive', 'x', ''];
  for (const a of texts) for (const b of texts) {
    const lines = between(a, b);
    if (a === b) continue;
    expect(lines.filter((l) => l.kind !== 'added' && l.kind !== 'gap').map((l) => l.text).join('\n')).toBe(a);
    expect(lines.filter((l) => l.kind !== 'removed' && l.kind !== 'gap').map((l) => l.text).join('\n')).toBe(b);
  }
});
