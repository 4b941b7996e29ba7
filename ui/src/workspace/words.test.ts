import { describe, expect, it } from 'vitest';
import { fileSize, followable, pieces, preview } from './words';

describe('addresses in a text', () => {
  const links = (text: string) => pieces(text).flatMap((p) => p.link ?? []);
  it('are found without the punctuation after them', () => {
    expect(links('See https://example.com/a?b=1. Or http://example.org!')).toEqual(['https://example.com/a?b=1', 'http://example.org']);
    expect(links('(https://example.com/a) and https://example.com/a_(b)')).toEqual(['https://example.com/a', 'https://example.com/a_(b)']);
  });
  it('are only those that a browser may open safely', () => {
    expect(links('javascript:alert(1) data:text/html,x ftp://example.com')).toEqual([]);
  });
  it('lose no character', () => {
    for (const text of ['', 'plain', 'https://a.b', 'x https://a.b/), y', 'https://']) expect(pieces(text).map((p) => p.text).join('')).toBe(text);
  });
});

it('says what a message is that has no words', () => {
  const at = '2026-11-17T12:00:00Z';
  expect(preview({ seq: 1, from: 'customer', text: ' hi ', at })).toBe('hi');
  expect(preview({ seq: 1, from: 'customer', text: '', at, kind: 'sticker' } as never)).not.toContain('workspace.');
  expect(preview({ seq: 1, from: 'customer', text: '', at, kind: 'hologram' } as never)).not.toContain('workspace.');
});

it('writes sizes in the units of the language', () => {
  expect(fileSize(1_234_567, 'en')).toBe('1.2 MB');
  expect(fileSize(70, 'en')).toBe('0.1 kB');
  expect(fileSize(48_200, 'fr')).toMatch(/^48\sko$/);
});

it.each([
  ['/api/v1/attachments/c/a', true],
  ['https://files.example/a.png', true],
  ['javascript:alert(1)', false],
  ['data:text/html,<script>', false],
  ['//evil.example/a', false],
  ['/\\evil.example/a', false],
  ['', false],
])('an attachment at %s is led to: %s', (url, led) => expect(followable(url)).toBe(led ? url : undefined));
