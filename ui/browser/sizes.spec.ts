/** How much the faces weigh on the wire, as the real program serves them to a browser that has nothing yet. */
import type { Page, Response } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { context, open, signedIn, type Browser } from './harness/browser';
import { Desk, ines } from './harness/desk';

let browser: Browser;
let desk: Desk;
beforeAll(async () => {
  [browser, desk] = await Promise.all([open(), Desk.start()]);
});
afterAll(async () => {
  await browser?.close();
  await desk?.remove();
});

/** Scales weigh what a page loads of a face: documents, scripts, styles and pictures, as they are transferred, without headers. */
class Scales {
  private readonly loaded: Response[] = [];

  constructor(
    page: Page,
    readonly face: RegExp,
  ) {
    page.on('response', (response) => this.loaded.push(response));
  }

  /** weigh returns the bytes of each address, and their sum. */
  async weigh(): Promise<{ each: Record<string, number>; sum: number }> {
    const each: Record<string, number> = {};
    for (const response of this.loaded) {
      const { pathname } = new URL(response.url());
      if (!this.face.test(pathname) || response.request().resourceType() === 'fetch') continue;
      expect(response.status(), pathname).toBe(200);
      each[pathname] = (await response.request().sizes()).responseBodySize;
    }
    return { each, sum: Object.values(each).reduce((a, b) => a + b, 0) };
  }
}

const say = (what: string, bytes: number, most: number, each?: Record<string, number>) =>
  console.log(`${what}: ${(bytes / 1000).toFixed(1)} KB of ${most / 1000} KB`, ...(each ? [each] : []));

test('the workspace, until its first screen stands', async () => {
  // Signed in elsewhere, so that nothing is cached here and the first load is that of the workspace.
  const elsewhere = await context(browser);
  await signedIn(elsewhere, desk, ines);
  const where = await context(browser, {}, { storageState: await elsewhere.storageState() });
  await elsewhere.close();
  const fresh = await where.newPage();
  const scales = new Scales(fresh, /^\/app/);
  await fresh.goto(desk.url + '/app/');
  await fresh.locator('.list .live:not(.off)').waitFor({ state: 'attached' });
  await fresh.waitForLoadState('networkidle');
  const { each, sum } = await scales.weigh();
  say('workspace', sum, 250_000, each);
  // What is weighed is the whole face, with the chunk that draws the room.
  expect(Object.keys(each)).toEqual(expect.arrayContaining(['/app/', '/app/app.js', '/app/app.css']));
  expect(Object.keys(each).some((path) => /Workspace/.test(path))).toBe(true);
  expect(sum).toBeGreaterThan(50_000);
  expect(sum).toBeLessThan(250_000);
  await where.close();
});

test('the chat on a page: the loader, its configuration, and the panel when it is opened', async () => {
  const where = await context(browser);
  const shop = await where.newPage();
  const loader = new Scales(shop, /^\/widget\.js$/);
  const panel = new Scales(shop, /^\/(chat\/[^/]+$|widget\/)/);
  const config = shop.waitForResponse((response) => /^\/chat\/[^/]+\/config$/.test(new URL(response.url()).pathname));
  await shop.goto(desk.url + '/demo');
  const configured = (await (await config).request().sizes()).responseBodySize;
  const loaded = await loader.weigh();
  say('loader', loaded.sum, 3000);
  say('configuration', configured, 2000);
  expect(loaded.sum).toBeGreaterThan(500);
  expect(loaded.sum).toBeLessThan(3000);
  expect(configured).toBeGreaterThan(50);
  expect(configured).toBeLessThan(2000);
  // Nothing of the panel comes before somebody wants it.
  expect((await panel.weigh()).sum).toBe(0);

  await shop.getByRole('button', { name: /chat/i }).last().click();
  await shop.frameLocator('iframe[src*="/chat/"]').locator('.w-f textarea').waitFor();
  await shop.waitForLoadState('networkidle');
  const { each, sum } = await panel.weigh();
  say('panel', sum, 40_000, each);
  expect(Object.keys(each)).toEqual(expect.arrayContaining([expect.stringMatching(/^\/chat\//), '/widget/panel.js', '/widget/panel.css']));
  expect(sum).toBeGreaterThan(10_000);
  expect(sum).toBeLessThan(40_000);
  await where.close();
});
