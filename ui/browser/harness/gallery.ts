/** Every page and state in every width, theme and language: checked by program, and drawn for who wants to look. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Frame, Page } from 'playwright-core';
import { expect } from 'vitest';
import { accessible, contrasting, translated, worded } from './checks';
import { fits, settled } from './fits';
import { chat, faces, type Catalogue, type Language } from './words';

const screens = [
  { width: 1440, height: 900 },
  { width: 1024, height: 768 },
  { width: 390, height: 844 },
  { width: 360, height: 740 },
];
const themes = ['light', 'dark'] as const;
const shots = process.env.GUICHET_SHOTS;

/** What is shown: a page of ours, or the chat in a shop's page. */
export interface Showing {
  /** The frame whose content is checked, when it is not the page. */
  frame?: Frame;
  /** Of these widths only. */
  widths?: number[];
  /** axe looks at all of it when wide and as on a phone, and at the colours of both themes, in English; otherwise at one look, each state at another, and at colours only in English. */
  whole?: boolean;
  /** What must be in sight at each width, so that a state that has gone away is not checked in vain. */
  holds?: string;
  /** What is brought to the top at each width, when the state is further down. */
  at?: string;
}

/** How axe looks at a combination of width and theme: at everything, at what alone differs between the themes, or at what may differ between languages. */
const looking = { all: accessible, colours: contrasting, words: worded };
type Look = keyof typeof looking;

export class Gallery {
  private turn = 0;
  private readonly faults = new Map<string, string[]>(); // what is wrong, and where
  private readonly english: Catalogue;
  private readonly french: Catalogue;

  constructor(
    readonly language: Language,
    readonly room: string,
    catalogues: 'faces' | 'chat' = 'faces',
    more: Record<Language, Catalogue> = { en: {}, fr: {} }, // what others say on the pages, such as plugins
  ) {
    const both = catalogues === 'faces' ? faces : chat;
    [this.english, this.french] = [{ ...both.en, ...more.en }, { ...both.fr, ...more.fr }];
    if (shots) mkdirSync(shots, { recursive: true });
  }

  /** note keeps what a check finds, so that one look finds everything that is wrong, each fault once. */
  private async note(check: Promise<void>, what: string): Promise<void> {
    await check.catch((error: Error & { actual?: unknown }) => {
      for (const fault of Array.isArray(error.actual) ? error.actual.map(String) : [error.message]) this.faults.set(fault, [...(this.faults.get(fault) ?? []), what]);
    });
  }

  /** clean fails when something was found since it was last asked. */
  clean(): void {
    const found = [...this.faults].map(([fault, places]) => `${fault} (${places.join('; ')})`);
    this.faults.clear();
    expect(found).toEqual([]);
  }

  /** looks chooses where axe looks at this state: it is by far the slowest of the checks. */
  private looks(widths: number[], whole: boolean): Map<string, Look> {
    const turn = this.turn++;
    if (whole && this.language === 'en') return new Map<string, Look>([['1440 light', 'all'], ['1440 dark', 'colours'], [`390 ${themes[turn % 2]!}`, 'all']]);
    const combinations = widths.filter((width) => width !== 360).flatMap((width) => themes.map((theme) => `${width} ${theme}`));
    return new Map([[combinations[turn % combinations.length]!, this.language === 'en' ? 'all' : 'words']]);
  }

  /** show checks a state as it stands, and leaves the page as it was: 1440 wide, in the light. */
  async show(page: Page, name: string, { frame, widths, whole = false, holds, at }: Showing = {}): Promise<void> {
    const where = frame ?? page;
    const seen = screens.filter(({ width }) => widths?.includes(width) ?? true);
    const looks = this.looks(seen.map(({ width }) => width), whole);
    let dark = false;
    for (const screen of seen) {
      await page.setViewportSize(screen);
      for (const theme of themes) {
        const look = looks.get(`${screen.width} ${theme}`);
        const drawn = shots && screen.width !== 360;
        if (theme === 'dark' && !look && !drawn) continue;
        if (dark !== (theme === 'dark')) await page.emulateMedia({ colorScheme: theme });
        dark = theme === 'dark';
        await settled(page, frame);
        const what = `${this.room}, ${name}, ${this.language}, ${screen.width}, ${theme}`;
        if (holds && (await where.locator(holds).count()) === 0) throw new Error(`${what}: ${holds} is gone`);
        if (at) await where.locator(at).first().evaluate((place) => place.scrollIntoView({ block: 'start' }));
        if (drawn) await page.screenshot({ path: join(shots, `${this.room}--${name}--${this.language}-${screen.width}-${theme}.png`.replaceAll(/[^\w.-]+/g, '-')) });
        if (look) await this.note(looking[look](where, what), what);
        if (dark) continue; // a theme changes colours, nothing else
        await this.note(fits(where, what), what);
        if (this.language === 'fr') await this.note(translated(where, what, this.english, this.french), what);
      }
    }
    if (dark) await page.emulateMedia({ colorScheme: 'light' });
    await page.setViewportSize(screens[0]!);
    await settled(page);
  }
}
