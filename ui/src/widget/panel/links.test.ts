import { expect, it } from 'vitest';
import { pieces } from './links';

const led = (text: string) => pieces(text).filter((p) => p.href).map((p) => [p.text, p.href]);

it.each([
  ['see https://example.com/a?b=c#d.', [['https://example.com/a?b=c#d', 'https://example.com/a?b=c#d']]],
  ['(https://example.com/wiki/Dish_(oval))', [['https://example.com/wiki/Dish_(oval)', 'https://example.com/wiki/Dish_(oval)']]],
  ['www.example.com, or ines@example.com!', [['www.example.com', 'https://www.example.com/'], ['ines@example.com', 'mailto:ines@example.com']]],
  ['two https://a.example https://b.example', [['https://a.example', 'https://a.example/'], ['https://b.example', 'https://b.example/']]],
  ['javascript:alert(1) data:text/html,x file:///etc', []],
  ['https://', []],
  ['<a href="https://evil.example">x</a>', [['https://evil.example', 'https://evil.example/']]],
  ['at 10:30, nothing', []],
])('%s', (text, expected) => expect(led(text)).toEqual(expected));

it('loses nothing of a text', () => {
  for (const text of ['', 'a', 'x https://example.com. y', 'https://example.com', '\n www.a.example \n', 'mail a.b+c@example.co.uk;']) {
    expect(pieces(text).map((p) => p.text).join('')).toBe(text);
  }
});

it('leads only to the web and to mail', () => {
  for (const text of ['HTTPS://EXAMPLE.COM', 'http://user@host.example', 'x@y.example']) {
    for (const [, href] of led(text)) expect(href).toMatch(/^(https?|mailto):/);
  }
});
