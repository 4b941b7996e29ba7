import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { catalogues as demo } from '../../demo/texts';
import en from './texts/en.json';
import fr from './texts/fr.json';
import { has, language, speak, t } from './texts.svelte';

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

it('speaks the language of a region, and English where it knows none', () => {
  speak('fr-CH');
  expect([language(), t('send')]).toEqual(['fr', 'Envoyer']);
  expect(t('new-below', { count: 1 })).toBe('1 nouveau message');
  speak('ar');
  expect([language(), t('send')]).toEqual(['en', 'Send']);
  expect([has('refused.too-long'), has('refused.unheard-of')]).toEqual([true, false]);
});
