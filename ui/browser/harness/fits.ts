/** Whether everything on a page can be read and reached: measured on what is drawn, text by text. */
import type { Frame, Page } from 'playwright-core';
import { expect } from 'vitest';

/**
 * fits fails when the page scrolls sideways; when a text or an act is cut by what surrounds it without ending in dots or
 * being code, which is meant to be scrolled sideways; when two texts lie over each other in the
 * same layer; when a word or a short text breaks over two lines; when an act's own text does not fit in it; and when a
 * window or menu leaves the screen.
 */
export async function fits(where: Page | Frame, what: string): Promise<void> {
  let found = await where.evaluate(misfits);
  if (found.length > 0) {
    // A page that was just made narrower may still be moving; what does not fit does not fit a moment later either.
    await settled(where);
    const still = new Set(await where.evaluate(misfits));
    found = found.filter((one) => still.has(one));
  }
  expect(found, `texts that do not fit in ${what}`).toEqual([]);
}

/** settled waits until what was changed is laid out and drawn, in a frame as well. */
export async function settled(...places: (Page | Frame | undefined)[]): Promise<void> {
  await Promise.all(places.map((place) => place?.evaluate(() => new Promise<void>((drawn) => requestAnimationFrame(() => requestAnimationFrame(() => drawn()))))));
}

/** misfits runs in the page and names what does not fit. */
function misfits(): string[] {
  interface Box {
    left: number;
    right: number;
    top: number;
    bottom: number;
  }
  const bad = new Set<string>();
  const root = document.documentElement;
  const short = (text: string | null | undefined) => (text ?? '').trim().replaceAll(/\s+/g, ' ').slice(0, 48);
  const named = (element: Element) => short(element.getAttribute('aria-label') ?? (element.textContent?.trim() || element.getAttribute('placeholder')));

  const styles = new Map<Element, CSSStyleDeclaration>();
  const styleOf = (element: Element) => {
    let style = styles.get(element);
    if (!style) styles.set(element, (style = getComputedStyle(element)));
    return style;
  };
  /** around is the element in which another one is laid out: a fixed one in the screen, an absolute one in what it is placed by. */
  const around = (element: Element): Element | null => {
    const { position } = styleOf(element);
    if (position === 'fixed') return null;
    return position === 'absolute' && element instanceof HTMLElement ? element.offsetParent : element.parentElement;
  };
  /** cutter is the nearest element, itself first, that cuts what leaves it sideways. */
  const cutters = new Map<Element, Element | null>();
  const cutter = (element: Element): Element | null => {
    let found = cutters.get(element);
    if (found === undefined) {
      const outer = around(element);
      found = element !== document.body && styleOf(element).overflowX !== 'visible' ? element : outer && outer !== root ? cutter(outer) : null;
      cutters.set(element, found);
    }
    return found;
  };
  /** windowOf is what can be seen of the inside of an element, as far up and down as it scrolls. */
  const windows = new Map<Element, Box>();
  const screen: Box = { left: 0, right: root.clientWidth, top: -Infinity, bottom: Infinity };
  const windowOf = (element: Element): Box => {
    let seen = windows.get(element);
    if (!seen) {
      const at = cutter(element);
      if (!at) seen = screen;
      else {
        const { left, right, top, bottom } = at.getBoundingClientRect();
        const outer = around(at);
        const further = outer ? windowOf(outer) : screen;
        const scrolls = /(auto|scroll)/.test(styleOf(at).overflowY);
        seen = { left: Math.max(left, further.left), right: Math.min(right, further.right), top: scrolls ? -Infinity : Math.max(top, further.top), bottom: scrolls ? Infinity : Math.min(bottom, further.bottom) };
      }
      windows.set(element, seen);
    }
    return seen;
  };
  /** layerOf is what an element is drawn on: what is placed above others, or scrolls, is compared within itself. */
  const layers = new Map<Element, Element>();
  const layerOf = (element: Element): Element => {
    let layer = layers.get(element);
    if (!layer) {
      const { position, overflowY } = styleOf(element);
      layer = ['fixed', 'sticky', 'absolute'].includes(position) || /(auto|scroll)/.test(overflowY) || !element.parentElement ? element : layerOf(element.parentElement);
      layers.set(element, layer);
    }
    return layer;
  };
  /** clipped says that an element is drawn for nobody and read by screen readers alone. */
  const clipped = new Map<Element, boolean>();
  const isClipped = (element: Element): boolean => {
    let out = clipped.get(element);
    if (out === undefined) clipped.set(element, (out = styleOf(element).clipPath === 'inset(50%)' || (element.parentElement !== null && isClipped(element.parentElement))));
    return out;
  };
  /** hidden says that nobody sees an element; also that it is far out of sight and not laid out yet. */
  const hidden = (element: Element): boolean =>
    element.closest('svg, .skip, noscript, iframe, option') !== null || !element.checkVisibility({ contentVisibilityAuto: true, opacityProperty: true, visibilityProperty: true }) || isClipped(element);
  /** dotted says that a text which leaves its place ends in dots there. */
  const dotted = (element: Element, at: Element): boolean => {
    for (let one: Element | null = element; one; one = one.parentElement) {
      const style = styleOf(one);
      if (style.textOverflow === 'ellipsis' && style.overflowX !== 'visible') return true;
      if (style.getPropertyValue('-webkit-line-clamp') !== 'none' && style.overflowX !== 'visible') return true;
      if (one === at) return false;
    }
    return false;
  };
  /** sideways says that what leaves a place is meant to be scrolled to: code as it is written. */
  const sideways = (element: Element, at: Element): boolean =>
    /(auto|scroll)/.test(styleOf(at).overflowX) && element.closest('pre, code') !== null && at.matches('pre, code, .code-scroll, .dscroll');
  /** cut says what cuts a box off sideways, if anything does that may not. */
  const cut = (element: Element, box: Box): string => {
    for (let at = cutter(element); at; ) {
      const edge = at.getBoundingClientRect();
      if (box.left < edge.left - 1 || box.right > edge.right + 1) {
        if (dotted(element, at) || sideways(element, at)) return '';
        return `${at.tagName.toLowerCase()}.${at.className}`;
      }
      const outer = around(at);
      at = outer && outer !== root ? cutter(outer) : null;
    }
    const fixed = styleOf(layerOf(element)).position === 'fixed';
    return box.left < -1 || box.right > (fixed ? innerWidth : root.clientWidth) + 1 ? 'the screen' : '';
  };

  if (root.scrollWidth > root.clientWidth + 1) bad.add(`the page is ${root.scrollWidth} wide in ${root.clientWidth}`);

  interface Line extends Box {
    text: string;
    element: Element;
    node: Node;
  }
  const drawn = new Map<Element, Line[]>(); // by layer
  const draw = (line: Line) => {
    const seen = windowOf(line.element);
    const part = { ...line, left: Math.max(line.left, seen.left), right: Math.min(line.right, seen.right), top: Math.max(line.top, seen.top), bottom: Math.min(line.bottom, seen.bottom) };
    if (part.right - part.left < 2 || part.bottom - part.top < 4) return;
    const layer = layerOf(line.element);
    const lines = drawn.get(layer);
    if (lines) lines.push(part);
    else drawn.set(layer, [part]);
  };

  const range = document.createRange();
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const node = walk.currentNode as Text;
    const element = node.parentElement;
    if (!element || !/\S/.test(node.data) || hidden(element)) continue;
    range.selectNodeContents(node);
    const lines = [...range.getClientRects()].filter(({ width, height }) => width > 0 && height > 1);
    if (lines.length === 0) continue;
    const text = short(node.data);
    for (const { left, right, top, bottom } of lines) {
      const by = cut(element, { left, right, top, bottom });
      if (by) bad.add(`cut by ${by}: "${text}"`);
      draw({ left, right, top, bottom, text, element, node });
    }
    if (lines.length === 1 || lines.at(-1)!.top - lines[0]!.top < 4) continue;
    const whole = node.data.trim();
    if (whole.length <= 10) bad.add(`broken over two lines: "${whole}"`);
    else if (!element.closest('pre')) {
      // A word that would fit on a line of its own stands on one line; addresses of pages and long names may break anywhere.
      for (const { 0: chunk, index: start } of node.data.matchAll(/\S+/gu)) {
        if (chunk.length > 24) continue;
        for (const { 0: word, index } of chunk.matchAll(/[\p{Script=Latin}\p{M}\d.,:@’']+/gu)) {
          range.setStart(node, start + index);
          range.setEnd(node, start + index + word.length);
          const parts = [...range.getClientRects()].filter(({ width }) => width > 0);
          if (parts.length > 1 && parts.at(-1)!.top - parts[0]!.top > 4) bad.add(`a broken word: "${word}" in "${text}"`);
        }
      }
    }
  }
  for (const element of document.querySelectorAll<HTMLElement>('button, a[href], input, textarea, select, summary')) {
    const { left, right, top, bottom, width, height } = element.getBoundingClientRect();
    if (width <= 1 || height <= 1 || hidden(element)) continue;
    const by = styleOf(element).display === 'inline' ? '' : cut(element.parentElement!, { left, right, top, bottom });
    if (by) bad.add(`an act is cut by ${by}: "${named(element)}"`);
    if (element.matches('.btn, [role="tab"], [role^="menuitem"], .seg button') && element.scrollWidth > element.clientWidth + 1) bad.add(`an act is cut: "${named(element)}"`);
    if (!element.matches('input, textarea, select')) continue;
    const { paddingLeft, paddingRight } = styleOf(element);
    draw({ left: left + parseFloat(paddingLeft), right: right - parseFloat(paddingRight), top: top + 4, bottom: bottom - 4, text: `field ${named(element)}`, element, node: element });
  }

  // Two texts of a layer that share more than the room between lines.
  for (const lines of drawn.values()) {
    lines.sort((a, b) => a.top - b.top);
    for (const [i, one] of lines.entries()) {
      for (let k = i + 1; k < lines.length && lines[k]!.top < one.bottom - 2; k++) {
        const other = lines[k]!;
        const across = Math.min(one.right, other.right) - Math.max(one.left, other.left);
        const down = Math.min(one.bottom, other.bottom) - other.top;
        if (one.node === other.node || across < 2 || down < 0.4 * Math.min(one.bottom - one.top, other.bottom - other.top)) continue;
        if (one.element.contains(other.node) && one.node === one.element) continue; // a field and what it holds
        bad.add(`over each other: "${one.text}" and "${other.text}"`);
      }
    }
  }

  for (const layer of document.querySelectorAll<HTMLElement>('[role="dialog"], [role="alertdialog"], [role="menu"], dialog[open]')) {
    const box = layer.getBoundingClientRect();
    if (box.width > 0 && (box.left < -1 || box.right > innerWidth + 1 || box.top < -1 || box.bottom > innerHeight + 1)) bad.add(`leaves the screen: "${named(layer)}" ${[box.left, box.top, box.right, box.bottom].map(Math.round).join(' ')}`);
    for (const part of layer.querySelectorAll<HTMLElement>('p, b, h2, li, label, input, button, a[href]')) {
      const { left, right, width } = part.getBoundingClientRect();
      if (width > 1 && !part.closest('pre, .dscroll') && (left < box.left - 1 || right > box.right + 1)) bad.add(`wider than "${named(layer)}": "${named(part)}"`);
    }
  }
  return [...bad].slice(0, 12);
}
