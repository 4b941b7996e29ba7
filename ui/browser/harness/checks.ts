/** What is checked on every page and state by program. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { Frame, Page } from 'playwright-core';
import { expect } from 'vitest';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** accessible fails when axe-core finds a violation of WCAG 2.2 A or AA, or of good practice. */
export async function accessible(where: Page | Frame, what: string): Promise<void> {
  await where.evaluate(axe);
  const found = await where.evaluate(async () => {
    const run = (globalThis as unknown as { axe: { run(root: Document, options: object): Promise<{ violations: { id: string; help: string; nodes: { target: unknown[]; html: string }[] }[] }> } }).axe;
    const { violations } = await run.run(document, {
      runOnly: { type: 'tag', values: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] },
    });
    return violations.map((v) => `${v.id}: ${v.help}: ${v.nodes.slice(0, 3).map((n) => `${n.target.join(' ')} ${n.html.slice(0, 120)}`).join(' | ')}`);
  });
  expect(found, `accessibility of ${what}`).toEqual([]);
}

/** fits fails when the page scrolls sideways, a text is cut that does not end in dots on purpose, an act is cut or lies outside, or a window or menu leaves the screen. */
export async function fits(where: Page | Frame, what: string): Promise<void> {
  const found = await where.evaluate(() => {
    const bad: string[] = [];
    const root = document.documentElement;
    if (root.scrollWidth > root.clientWidth + 1) bad.push(`the page is ${root.scrollWidth} wide in ${root.clientWidth}`);
    for (const element of document.querySelectorAll<HTMLElement>('body *')) {
      if (element.closest('svg, .vh, [hidden], [aria-hidden="true"], iframe')) continue;
      if (![...element.childNodes].some((n) => n.nodeType === Node.TEXT_NODE && n.textContent?.trim())) continue;
      const style = getComputedStyle(element);
      if (style.visibility === 'hidden' || element.getClientRects().length === 0 || element.clientWidth === 1) continue; // 1 px is only for who listens
      const name = `${element.tagName.toLowerCase()}.${element.className} "${element.textContent?.trim().slice(0, 40)}"`;
      const clips = style.overflowX !== 'visible' && style.overflowX !== 'auto' && style.overflowX !== 'scroll';
      if (clips && style.textOverflow !== 'ellipsis' && element.scrollWidth > element.clientWidth + 1) bad.push(`cut: ${name}`);
      const box = element.getBoundingClientRect();
      let scroller: Element | null = element;
      while (scroller && !/(auto|scroll|hidden|clip)/.test(getComputedStyle(scroller).overflowX)) scroller = scroller.parentElement;
      if (!scroller && box.width > 0 && (box.right > root.clientWidth + 1 || box.left < -1) && style.position !== 'fixed') bad.push(`outside: ${name}`);
    }
    for (const act of document.querySelectorAll<HTMLElement>('.btn, [role="tab"], [role^="menuitem"], .seg button')) {
      if (act.clientWidth > 1 && act.scrollWidth > act.clientWidth + 1) bad.push(`an act is cut: "${act.textContent?.trim()}"`);
    }
    for (const act of document.querySelectorAll<HTMLElement>('button, a[href], input, textarea, select')) {
      const box = act.getBoundingClientRect();
      if (box.width <= 1 || act.closest('.vh, .skip') || (box.right <= innerWidth + 1 && box.left >= -1)) continue;
      let scroller = act.parentElement;
      while (scroller && !/(auto|scroll)/.test(getComputedStyle(scroller).overflowX)) scroller = scroller.parentElement;
      if (!scroller) bad.push(`an act lies outside: "${act.getAttribute('aria-label') ?? act.textContent?.trim()}"`);
    }
    for (const layer of document.querySelectorAll<HTMLElement>('[role="dialog"], [role="alertdialog"], [role="menu"], dialog[open]')) {
      const box = layer.getBoundingClientRect();
      const name = layer.getAttribute('aria-label') ?? layer.textContent?.trim().slice(0, 40);
      if (box.width > 0 && (box.left < -1 || box.right > innerWidth + 1 || box.top < -1 || box.bottom > innerHeight + 1)) bad.push(`leaves the screen: "${name}" ${[box.left, box.top, box.right, box.bottom].map(Math.round).join(' ')}`);
      for (const part of layer.querySelectorAll<HTMLElement>('p, b, h2, li, label, input, button, a[href]')) {
        const { left, right, width } = part.getBoundingClientRect();
        if (width > 1 && (left < box.left - 1 || right > box.right + 1)) bad.push(`wider than "${name}": "${part.getAttribute('aria-label') ?? part.textContent?.trim().slice(0, 40)}"`);
      }
    }
    return bad.slice(0, 10);
  });
  expect(found, `texts that do not fit in ${what}`).toEqual([]);
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

/** translated fails when a French page shows a text of the English catalogue whose French differs, or a key. */
export async function translated(where: Page | Frame, what: string, english: Record<string, string>, french: Record<string, string>): Promise<void> {
  const differing = Object.keys(english).filter((key) => english[key] !== french[key] && /\p{L}/u.test(english[key] ?? ''));
  const untranslated = new Set(differing.map((key) => english[key]));
  const patterns = differing.filter((key) => english[key]!.includes('{')).map((key) => pattern(english[key]!));
  const meant = new Set(Object.values(french)); // the same word may be right for another key
  const found = (await texts(where)).filter(
    (text) => !meant.has(text) && (untranslated.has(text) || patterns.some((form) => form?.test(text)) || (/^[a-z]+(\.[a-z0-9_-]+)+$/i.test(text) && text in english)),
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
