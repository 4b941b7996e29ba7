import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { expect, it } from 'vitest';

const folder = join(import.meta.dirname, '../../dist/widget');
const gzipped = (name: string): number => gzipSync(readFileSync(join(folder, name)), { level: 9 }).length;

it('loads at most 3 KB on the page of a shop', () => {
  expect(gzipped('loader.js')).toBeLessThanOrEqual(3 * 1024);
});

it('loads at most 40 KB when the panel is opened', () => {
  const page = readFileSync(join(folder, 'panel.html'), 'utf8');
  const named = [...page.matchAll(/(?:src|href)="\/widget\/([^"]+)"/g)].map((m) => m[1]!);
  // What the page names, and what that imports at once.
  for (const name of named) {
    for (const [, other] of readFileSync(join(folder, name), 'utf8').matchAll(/(?:^|[;}])\s*import[^"'`(]*["'`]\.\/([^"'`]+)["'`]/g)) if (other && !named.includes(other)) named.push(other);
  }
  const all = ['panel.html', ...named];
  expect(all.every((name) => existsSync(join(folder, name)))).toBe(true);
  expect(all.map(gzipped).reduce((a, b) => a + b)).toBeLessThanOrEqual(40 * 1024);
});

it('fetches the texts of another language only when it is spoken', () => {
  expect(readdirSync(join(folder, 'assets'))).toEqual(['fr.json']);
  expect(readFileSync(join(folder, 'panel.js'), 'utf8')).not.toContain('discussion');
});

it('brings nothing that is not named', () => {
  const page = readFileSync(join(folder, 'panel.html'), 'utf8');
  expect(readdirSync(folder).filter((name) => !['panel.html', 'loader.js'].includes(name) && !page.includes(`/widget/${name}`) && !['chunks', 'assets'].includes(name))).toEqual([]);
});
