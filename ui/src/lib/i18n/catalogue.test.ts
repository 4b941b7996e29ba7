import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { fill } from './format';

const here = import.meta.dirname;
const source = join(here, '..', '..');
const rooms = readdirSync(join(here, 'en'));

function catalogue(language: string, room: string): Record<string, string> {
  return JSON.parse(readFileSync(join(here, language, room), 'utf8')) as Record<string, string>;
}

/** What a text has places for: names, and those by which it chooses a form, with the forms. */
interface Places {
  plain: Set<string>;
  plural: Map<string, string[]>;
}

function places(text: string, into: Places = { plain: new Set(), plural: new Map() }): Places {
  for (const inside of braced(text)) {
    const choice = /^\s*([\w-]+)\s*,\s*plural\s*,(.*)$/s.exec(inside);
    if (!choice) {
      into.plain.add(inside.trim());
      continue;
    }
    const [, name = '', forms = ''] = choice;
    const bodies = braced(forms);
    let rest = forms;
    for (const body of bodies) rest = rest.replace(`{${body}}`, '|');
    into.plural.set(name, rest.split('|').map((form) => form.trim()).filter((form) => form !== '')); // prettier-ignore
    for (const body of bodies) places(body, into);
  }
  return into;
}

/** braced are the outermost {…} of a text, without their braces. */
function braced(text: string): string[] {
  const found: string[] = [];
  let depth = 0;
  let from = 0;
  for (let i = 0; i < text.length; i++) {
    if (text[i] === '{' && depth++ === 0) from = i + 1;
    if (text[i] === '}' && --depth === 0) found.push(text.slice(from, i));
  }
  return found;
}

function files(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return entry.name === 'widget' || entry.name === 'demo' ? [] : files(path);
    return /\.(ts|svelte)$/.test(entry.name) && !/\.test\.ts$|\.d\.ts$/.test(entry.name) ? [path] : [];
  });
}

const escape = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');

/** asked is what the source asks for: keys as they stand, and keys that are put together, as patterns. */
function asked(): { literal: Map<string, string>; pattern: Map<string, string>; called: Map<string, string> } {
  const names = rooms.map((room) => room.replace('.json', '')).concat('problem');
  const literal = new Map<string, string>();
  const pattern = new Map<string, string>();
  const called = new Map<string, string>();
  const key = new RegExp(`(['"])((?:${names.join('|')})\\.[\\w.-]*[\\w-])\\1`, 'g');
  const made = new RegExp(`\`((?:${names.join('|')})\\.[^\`]*\\$\\{[^\`]*)\``, 'g');
  for (const path of files(source)) {
    const text = readFileSync(path, 'utf8');
    for (const [, , found] of text.matchAll(key)) literal.set(found!, path);
    for (const [, found] of text.matchAll(made)) pattern.set(found!, path);
    for (const [, , found] of text.matchAll(/\bt\(\s*(['"])([^'"`]+)\1/g)) called.set(found!, path);
  }
  return { literal, pattern, called };
}

/** shape is what a key that is put together can be: each inserted part is one or more words between dots. */
function shape(template: string): RegExp {
  const parts = template.split(/\$\{(?:[^{}]|\{[^}]*\})*\}/);
  return new RegExp(`^${parts.map(escape).join('[\\w.-]+')}$`);
}

const english = Object.assign({}, ...rooms.map((room) => catalogue('en', room))) as Record<string, string>;

describe.each(rooms)('the catalogue %s', (room) => {
  const en = catalogue('en', room);
  const fr = catalogue('fr', room);

  test('has every text in both languages', () => {
    expect(Object.keys(fr).sort()).toEqual(Object.keys(en).sort());
  });

  test('has no empty text', () => {
    expect(Object.entries({ ...en, ...fr }).filter(([, text]) => text.trim() === '')).toEqual([]);
  });

  test('has the same places in both languages', () => {
    const differ = Object.keys(en).filter((key) => {
      const [ours, theirs] = [places(en[key]!), places(fr[key] ?? '')];
      const chosen = new Set([...ours.plural.keys(), ...theirs.plural.keys()]);
      const plain = (p: Places) => [...p.plain].filter((name) => !chosen.has(name)).sort().join(); // prettier-ignore
      return plain(ours) !== plain(theirs) || [...ours.plural.keys()].some((name) => !theirs.plural.has(name) && !theirs.plain.has(name));
    });
    expect(differ.map((key) => `${key}: ${en[key]} / ${fr[key]}`)).toEqual([]);
  });

  test('has plurals with the forms that the language needs', () => {
    const lacks = (all: Record<string, string>, language: string) =>
      Object.entries(all).filter(([, text]) =>
        [...places(text).plural.values()].some((forms) => {
          const known = [...new Intl.PluralRules(language).resolvedOptions().pluralCategories, 'many'] as string[];
          return !forms.includes('other') || forms.some((form) => !/^=\d+$/.test(form) && !known.includes(form));
        }),
      );
    expect(lacks(en, 'en')).toEqual([]);
    expect(lacks(fr, 'fr')).toEqual([]);
    const one = Object.keys(en).filter((key) =>
      [...places(en[key]!).plural].some(([name, forms]) => forms.includes('one') && !(places(fr[key]!).plural.get(name) ?? ['one']).includes('one')),
    );
    expect(one, 'one in English, none in French').toEqual([]);
  });

  test('names its keys after its room', () => {
    const rooms = ['problem', room.replace('.json', '')];
    expect(Object.keys(en).filter((key) => !rooms.includes(key.split('.')[0]!))).toEqual([]);
  });

  test('is set as French is', () => {
    const texts = Object.entries(fr);
    expect(texts.filter(([, text]) => text.includes("'")), 'straight apostrophes').toEqual([]); // prettier-ignore
    const loose = texts.filter(([, text]) => /[^\s\u00a0\u202f!?][;!?](\s|$)|[^\s\u00a0\u202f]:(\s|$)|[ \t][;:!?](\s|$)/.test(text));
    expect(loose, 'no-break spaces').toEqual([]);
  });
});

describe('the texts that pages ask for', () => {
  const { literal, pattern, called } = asked();
  const shapes = [...pattern.keys()].map((template) => ({ template, shape: shape(template) }));

  test('are all there', () => {
    expect([...called].filter(([key]) => !(key in english))).toEqual([]);
    const nothing = shapes.filter(({ shape }) => !Object.keys(english).some((key) => shape.test(key)));
    expect(nothing.map(({ template }) => `${template} (${pattern.get(template)})`)).toEqual([]);
  });

  test('are all that there are', () => {
    const unused = Object.keys(english).filter((key) => !literal.has(key) && !shapes.some(({ shape }) => shape.test(key)));
    expect(unused).toEqual([]);
  });

  test('fill without a place left open', () => {
    for (const [key, text] of Object.entries(english)) {
      const { plain, plural } = places(text);
      const values = Object.fromEntries([...plain, ...plural.keys()].map((name) => [name, 2]));
      expect(fill(text, values, 'en'), key).not.toMatch(/\{[a-z]/);
    }
  });
});
