/** Where the focus is, for who works without a mouse: it must be seen, named, and never lost. */
import type { Frame, Page } from 'playwright-core';
import { until } from './people';

export interface Focus {
  /** Nothing has the focus, or something that is not there. */
  lost: boolean;
  /** What a person hears of it. */
  name: string;
  role: string;
  /** A ring is drawn around it. */
  ringed: boolean;
  /** It lies in the part of the page that is shown. */
  inSight: boolean;
  /** The part of the page: the first of the given selectors around it. */
  room: string;
}

/** looked reads the focus of a document, not of the frames in it. */
async function looked(where: Page | Frame, rooms: string[]): Promise<Focus & { framed: boolean }> {
  return where.evaluate((rooms) => {
    let at = document.activeElement as HTMLElement | null;
    while (at?.shadowRoot?.activeElement) at = at.shadowRoot.activeElement as HTMLElement;
    const lost = !at || at === document.body || at === document.documentElement;
    if (!at || lost) return { lost: true, framed: false, name: '', role: '', ringed: false, inSight: false, room: '' };
    const style = getComputedStyle(at);
    const outlined = (style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2) || style.boxShadow !== 'none';
    // Fields without an edge of their own stand in a box that shows it.
    const box = at.closest('.box, .w-f, .palette, .with-icon');
    const boxed = at.matches('input, textarea, select') && box !== null && box.matches(':focus-within');
    const area = at.getBoundingClientRect();
    const labels = (at as HTMLInputElement).labels;
    const name = at.getAttribute('aria-label') ?? (at.getAttribute('aria-labelledby') ? document.getElementById(at.getAttribute('aria-labelledby')!.split(' ')[0]!)?.textContent : labels?.length ? labels[0]!.textContent : at.textContent);
    return {
      lost: false,
      framed: at.tagName === 'IFRAME',
      name: (name ?? at.id).trim().replaceAll(/\s+/g, ' ').slice(0, 80),
      role: at.getAttribute('role') ?? at.tagName.toLowerCase(),
      ringed: outlined || boxed,
      inSight: area.width > 0 && area.height > 0 && area.bottom > 0 && area.top < innerHeight && area.right > 0 && area.left < innerWidth,
      room: rooms.find((room) => at.closest(room)) ?? '',
    };
  }, rooms);
}

/** focus tells where the focus is, also inside of a frame. */
export async function focus(page: Page, rooms: string[] = []): Promise<Focus> {
  const outside = await looked(page, rooms);
  if (!outside.framed) return outside;
  const inner = page.frames().find((frame) => frame.parentFrame() !== null && frame.url().includes('/chat/'));
  return inner ? looked(inner, rooms) : { ...outside, lost: true };
}

/** kept waits until the focus is somewhere that a person sees, and says what they did when it is not. */
export async function kept(page: Page, did: string): Promise<Focus> {
  return until(() => focus(page), (at) => !at.lost && at.ringed && at.inSight, `after ${did} the focus should be seen`, 5000);
}

/** press presses keys one after the other, and the focus stays in sight after each. */
export async function press(page: Page, ...keys: string[]): Promise<Focus> {
  let at: Focus | undefined;
  for (const key of keys) {
    await page.keyboard.press(key);
    at = await kept(page, key);
  }
  return at!;
}

/** reach presses Tab, or another key, until what is called so has the focus. */
export async function reach(page: Page, name: string | RegExp, key = 'Tab', most = 60): Promise<Focus> {
  const passed: string[] = [];
  for (let i = 0; i < most; i++) {
    const at = await press(page, key);
    if (typeof name === 'string' ? at.name === name : name.test(at.name)) return at;
    passed.push(at.name);
  }
  throw new Error(`${key} does not lead to ${name}; it passes ${passed.join(' | ')}`);
}
