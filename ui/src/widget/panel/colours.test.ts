import { describe, expect, it } from 'vitest';
import { colours, contrast, readable } from './colours';

const shops = ['#0c6971', '#8f4326', '#4f5c22', '#000000', '#ffffff', '#f2c230', '#777777', '#ff0000', '#00ff00', '#0000ff', '#767676', '#abc'];
for (let i = 0; i < 216; i++) shops.push('#' + [i % 6, Math.floor(i / 6) % 6, Math.floor(i / 36)].map((n) => (n * 51).toString(16).padStart(2, '0')).join(''));

describe.each([
  ['light', false, '#fefdfc'],
  ['dark', true, '#1d1a17'],
])('in the %s theme', (_, dark, surface) => {
  it.each(shops)('%s can be read everywhere', (shop) => {
    const c = colours(shop, dark);
    expect(contrast(c['--w'], c['--w-ink'])).toBeGreaterThanOrEqual(readable);
    expect(contrast(c['--w-do'], c['--w-do-ink'])).toBeGreaterThanOrEqual(readable);
    expect(contrast(c['--w-text'], surface)).toBeGreaterThanOrEqual(readable);
    expect(contrast(c['--w-text'], c['--w-soft'])).toBeGreaterThanOrEqual(readable);
  });
});

it('leaves a shop its colour by day', () => {
  expect(colours('#8f4326', false)['--w']).toBe('#8f4326');
});

it('takes ours where the colour is none', () => {
  expect(colours('url(x)', false)).toEqual(colours('#0c6971', false));
});
