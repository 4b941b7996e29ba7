import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { catalogues as demo } from '../../demo/texts';
import en from './texts/en.json';
import fr from './texts/fr.json';
import { has, language, speak, t, tag } from './texts.svelte';

const places = (text: string): string[] => [...text.matchAll(/\{(\w+)[,}]/g)].map((m) => m[1]!).sort();

describe.each([
  ['panel', en, fr],
  ['demo', demo.en, demo.fr],
] as [string, Record<string, string>, Record<string, string>][])('the texts of the %s', (_, english, french) => {
  it('are there in both languages, with the same places', () => {
    expect(Object.keys(french).sort()).toEqual(Object.keys(english).sort());
    for (const key of Object.keys(english)) {
      expect(french[key], key).not.toBe('');
      expect([...new Set(places(french[key]!))], key).toEqual([...new Set(places(english[key]!))]);
    }
  });

  it('have French spaces and apostrophes', () => {
    const wrong = Object.entries(french).filter(([, text]) => / [:;?!»%€]|[^\s\u00a0\u202f][;?!]|« |'/.test(text.replace(/\{[^{}]*(\{[^{}]*\}[^{}]*)*\}/g, '')));
    expect(wrong).toEqual([]);
  });
});

it('uses every text of the panel', () => {
  const folder = import.meta.dirname;
  const sources = readdirSync(folder)
    .filter((name) => /\.(svelte|ts)$/.test(name) && !name.includes('.test.'))
    .map((name) => readFileSync(join(folder, name), 'utf8'))
    .join('\n');
  const madeUp = /^(refused|file)[.-]/;
  expect(Object.keys(en).filter((key) => !madeUp.test(key) && !sources.includes(`'${key}'`))).toEqual([]);
});

describe('the panel speaks', () => {
  const fetched = vi.fn(() => Promise.resolve(new Response(JSON.stringify(fr))));
  beforeEach(async () => {
    vi.stubGlobal('fetch', fetched.mockClear());
    await speak('en');
  });
  afterEach(() => vi.unstubAllGlobals());

  it('the language of a region, and English where it knows none', async () => {
    await speak('fr-CH');
    expect([language(), tag(), t('send')]).toEqual(['fr', 'fr-CH', 'Envoyer']);
    expect(t('new-below', { count: 1 })).toBe('1 nouveau message');
    await speak('fr');
    expect([tag(), fetched.mock.calls.length]).toEqual(['fr', 1]);
    await speak('ar');
    expect([language(), t('send')]).toEqual(['en', 'Send']);
  });

  it('what it spoke before where the texts do not come', async () => {
    fetched.mockRejectedValueOnce(new TypeError('network'));
    await speak('fr');
    expect([language(), t('send')]).toEqual(['en', 'Send']);
    await speak('fr');
    expect(t('send')).toBe('Envoyer');
  });

  it('the language chosen last, however late another one comes', async () => {
    const slow = speak('fr');
    await speak('en-GB');
    await slow;
    expect([language(), tag(), t('send')]).toEqual(['en', 'en-GB', 'Send']);
  });
});

it('knows which texts there are', () => {
  expect([has('refused.too-long'), has('refused.unheard-of')]).toEqual([true, false]);
});
