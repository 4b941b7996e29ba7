/** Chromium, with contexts for people and visitors. */
import { existsSync } from 'node:fs';
import { chromium, type Browser, type BrowserContext, type BrowserContextOptions, type Page } from 'playwright-core';
import { password, type Desk, type Person } from './desk';

export type { Browser, BrowserContext, Page };

const places = [process.env.CHROMIUM_BIN, '/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];

/** open starts Chromium; the caller closes it. */
export async function open(): Promise<Browser> {
  const executablePath = places.find((place) => place && existsSync(place));
  if (!executablePath) throw new Error('Chromium is missing: install it (Debian: apt-get install chromium) or set CHROMIUM_BIN');
  return chromium.launch({
    executablePath,
    args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
  });
}

export interface Look {
  width?: 1440 | 1024 | 390 | 360;
  theme?: 'light' | 'dark';
  language?: 'en' | 'fr';
}

const heights = { 1440: 900, 1024: 768, 390: 844, 360: 740 };

/** context makes a browser context as somebody with this screen, theme and language would have. */
export async function context(browser: Browser, { width = 1440, theme = 'light', language = 'en' }: Look = {}, more: BrowserContextOptions = {}): Promise<BrowserContext> {
  const made = await browser.newContext({
    viewport: { width, height: heights[width] },
    colorScheme: theme,
    locale: language === 'fr' ? 'fr-FR' : 'en-GB',
    reducedMotion: 'reduce',
    ...more,
  });
  made.setDefaultTimeout(20_000);
  return made;
}

/** signIn signs a person in without the page, and returns a page of the workspace at a path below /app. */
export async function signedIn(where: BrowserContext, desk: Desk, person: Person, path = '/'): Promise<Page> {
  const answer = await where.request.post(desk.url + '/api/v1/sign-in', { data: { email: person.email, password }, headers: { Origin: desk.url } });
  if (!answer.ok()) throw new Error(`sign-in: ${answer.status()} ${await answer.text()}`);
  const page = await where.newPage();
  await page.goto(desk.url + '/app' + path);
  return page;
}
