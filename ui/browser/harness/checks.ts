/** What is checked on every page and state by program; whether it fits is in fits.ts. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { Frame, Page } from 'playwright-core';
import { expect } from 'vitest';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

interface Violation {
  id: string;
  help: string;
  nodes: { target: unknown[]; html: string }[];
}

const everything = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];
const colours = ['color-contrast', 'link-in-text-block'];

/** violations lets axe-core look at a document, not at the frames in it: they are looked at themselves. */
async function violations(where: Page | Frame, values: string[], without: string[] = []): Promise<string[]> {
  if (!(await where.evaluate(() => 'axe' in globalThis))) await where.evaluate(axe);
  const options = { runOnly: { type: values === everything ? 'tag' : 'rule', values }, rules: Object.fromEntries(without.map((rule) => [rule, { enabled: false }])), resultTypes: ['violations'], iframes: false, preload: false };
  return where.evaluate(async (options) => {
    const { run } = (globalThis as unknown as { axe: { run(root: Document, options: object): Promise<{ violations: Violation[] }> } }).axe;
    const { violations } = await run(document, options);
    return violations.map((v) => `${v.id}: ${v.help}: ${v.nodes.slice(0, 3).map((n) => `${n.target.join(' ')} ${n.html.slice(0, 120)}`).join(' | ')}`);
  }, options);
}

/** accessible fails when axe-core finds a violation of WCAG 2.2 A or AA, or of good practice. */
export async function accessible(where: Page | Frame, what: string): Promise<void> {
  expect(await violations(where, everything), `accessibility of ${what}`).toEqual([]);
}

/** contrasting looks at colours only: nothing else differs between the themes. */
export async function contrasting(where: Page | Frame, what: string): Promise<void> {
  expect(await violations(where, colours), `colours of ${what}`).toEqual([]);
}

/** worded looks at all but colours, which do not differ between languages, and take as long as everything else. */
export async function worded(where: Page | Frame, what: string): Promise<void> {
  expect(await violations(where, everything, colours), `accessibility of ${what}`).toEqual([]);
}

/** texts returns every text that a person sees or hears: text nodes, labels, titles, placeholders. */
export async function texts(where: Page | Frame): Promise<string[]> {
  return where.evaluate(() => {
    const seen = new Set<string>();
    const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (walk.nextNode()) {
      const parent = walk.currentNode.parentElement;
      if (!parent || parent.closest('script, style, [data-verbatim], code, pre, kbd, time, textarea, .said-t, .said, .b')) continue;
      const text = walk.currentNode.textContent?.trim();
      if (text) seen.add(text);
    }
    for (const element of document.querySelectorAll('[aria-label], [title], [placeholder], [alt]')) {
      if (element.closest('[data-verbatim]')) continue;
      for (const name of ['aria-label', 'title', 'placeholder', 'alt']) {
        const text = element.getAttribute(name)?.trim();
        if (text) seen.add(text);
      }
    }
    return [...seen];
  });
}

/** pattern recognises a text of a catalogue with anything in its places; undefined when hardly a word stands outside of them. */
function pattern(text: string): RegExp | undefined {
  const fixed = text.replaceAll(/\{(?:[^{}]|\{[^{}]*\})*\}/g, '\u0000');
  if (fixed.replaceAll(/[^\p{L}]/gu, '').length < 8) return undefined;
  return new RegExp(`^${fixed.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&').replaceAll('\u0000', '.*')}$`, 'u');
}

interface Foreign {
  texts: Set<string>; // of the English catalogue, where the French differs
  patterns: RegExp[]; // of those with places
  meant: Set<string>; // the same word may be right for another key
}

const foreigners = new WeakMap<Record<string, string>, Foreign>(); // by French catalogue, for making the patterns takes a while

function foreign(english: Record<string, string>, french: Record<string, string>): Foreign {
  let made = foreigners.get(french);
  if (!made) {
    const differing = Object.keys(english).filter((key) => english[key] !== french[key] && /\p{L}/u.test(english[key] ?? ''));
    const patterns = differing.filter((key) => english[key]!.includes('{')).map((key) => pattern(english[key]!));
    made = { texts: new Set(differing.map((key) => english[key]!)), patterns: patterns.filter((form) => form !== undefined), meant: new Set(Object.values(french)) };
    foreigners.set(french, made);
  }
  return made;
}

/** translated fails when a French page shows a text of the English catalogue whose French differs, or a key. */
export async function translated(where: Page | Frame, what: string, english: Record<string, string>, french: Record<string, string>): Promise<void> {
  const { texts: untranslated, patterns, meant } = foreign(english, french);
  const found = (await texts(where)).filter(
    (text) => !meant.has(text) && (untranslated.has(text) || patterns.some((form) => form.test(text)) || (/^[a-z]+(\.[a-z0-9_-]+)+$/i.test(text) && text in english)),
  );
  expect(found, `untranslated in ${what}`).toEqual([]);
}

/** homely watches a context for requests to other hosts; call the result at the end. */
export function homely(page: Page, home: string): () => void {
  const away: string[] = [];
  page.context().on('request', (request) => {
    const url = new URL(request.url());
    if (!['data:', 'blob:', 'about:'].includes(url.protocol) && url.host !== new URL(home).host) away.push(request.url());
  });
  return () => expect(away, 'requests to another host').toEqual([]);
}
