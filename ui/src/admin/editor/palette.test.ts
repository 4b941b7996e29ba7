import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { hexOf, palette } from './palette';

it('has the colours of the engine', () => {
  const source = readFileSync(join(import.meta.dirname, '../../../../core/config/widget.go'), 'utf8');
  const table = source.slice(source.indexOf('var widgetColors'), source.indexOf('\n}', source.indexOf('var widgetColors')));
  const engine = Object.fromEntries([...table.matchAll(/"(\w+)": "(#[0-9a-f]{6})"/g)].map(([, name, hex]) => [name, hex]));
  expect(Object.keys(engine).length).toBe(12);
  expect(palette).toEqual(engine);
});

it('reads a colour by its name and by its figures', () => {
  expect([hexOf('clay'), hexOf(' #ABCDEF '), hexOf('#abc'), hexOf('clays'), hexOf('toString'), hexOf('')]).toEqual(['#8f4326', '#abcdef', '', '', '', '']);
});
