/** The two who talk: an agent in the workspace and a visitor of the demo shop. They do what people do, and read what people see. */
import type { BrowserContext, FrameLocator, Locator, Page } from 'playwright-core';
import { expect } from 'vitest';
import { signedIn } from './browser';
import type { Desk, Person } from './desk';

/** until waits until a condition that reads the page holds, and says at the end what it last read. */
export async function until<T>(read: () => Promise<T>, holds: (value: T) => boolean, what: string, ms = 30_000): Promise<T> {
  const end = Date.now() + ms;
  for (;;) {
    const value = await read().catch((error: unknown) => error as T);
    if (!(value instanceof Error) && holds(value)) return value;
    if (Date.now() > end) throw new Error(`${what}; last: ${value instanceof Error ? value.message : JSON.stringify(value)}`);
    await new Promise((later) => setTimeout(later, 50));
  }
}

/** An agent at work. */
export class Agent {
  private constructor(
    readonly page: Page,
    readonly person: Person,
  ) {}

  static async at(where: BrowserContext, desk: Desk, person: Person, path = '/'): Promise<Agent> {
    const agent = new Agent(await signedIn(where, desk, person, path), person);
    await agent.live();
    return agent;
  }

  /** live waits until the workspace says that it is live. */
  async live(): Promise<void> {
    await this.page.locator('.list .live:not(.off)').waitFor({ state: 'attached' });
  }

  async accept(): Promise<void> {
    await this.page.locator('.offer .btn-p').click();
    await this.composer().waitFor();
  }

  composer(): Locator {
    return this.page.locator('#message-text');
  }

  async write(text: string): Promise<void> {
    await this.composer().fill(text);
    await this.composer().press('Control+Enter');
  }

  /** said returns the texts of the open conversation, in order, ours and the customer's. */
  said(): Promise<string[]> {
    return this.page.locator('#thread .said-t').allInnerTexts();
  }

  /** waiting returns the messages that are not at the server yet. */
  pending(): Promise<number> {
    return this.page.locator('#thread .pend').count();
  }

  /** sees waits until exactly these texts stand in the conversation, none of them on its way. */
  async sees(texts: string[]): Promise<void> {
    const want = JSON.stringify(texts);
    await until(() => this.said(), (said) => JSON.stringify(said) === want, `${this.person.id} should see ${want}`);
    await until(() => this.pending(), (n) => n === 0, `${this.person.id} still has messages on their way`);
  }
}

/** A visitor of the demo shop. */
export class Visitor {
  private constructor(readonly page: Page) {}

  static async at(where: BrowserContext, desk: Desk, path = '/demo'): Promise<Visitor> {
    const visitor = new Visitor(await where.newPage());
    await visitor.page.goto(desk.url + path);
    return visitor;
  }

  launcher(): Locator {
    return this.page.getByRole('button', { name: /chat|écri/i }).last();
  }

  panel(): FrameLocator {
    return this.page.frameLocator('iframe[src*="/chat/"]');
  }

  field(): Locator {
    return this.panel().locator('.w-f textarea');
  }

  async open(): Promise<void> {
    await this.launcher().click();
    await this.field().waitFor();
  }

  async write(text: string): Promise<void> {
    await this.field().fill(text);
    await this.field().press('Enter');
  }

  /** said returns the texts of the conversation, in order. */
  said(): Promise<string[]> {
    return this.panel()
      .locator('.w-log .b')
      .evaluateAll((bubbles) =>
        bubbles.map((bubble) => {
          const copy = bubble.cloneNode(true) as HTMLElement;
          copy.querySelector('.vh')?.remove();
          return copy.textContent?.trim() ?? '';
        }),
      );
  }

  async sees(texts: string[]): Promise<void> {
    const want = JSON.stringify(texts);
    await until(() => this.said(), (said) => JSON.stringify(said) === want, `the visitor should see ${want}`);
  }
}

/** stored fails unless the server holds exactly these public texts, in order: nothing lost, nothing doubled. */
export async function stored(desk: Desk, key: string, conversation: string, texts: string[]): Promise<void> {
  const { items } = await desk.ask<{ items: { text: string; visibility: string; kind: string }[] }>(key, 'GET', `/conversations/${conversation}/messages?limit=100`);
  expect(items.filter((m) => m.visibility === 'public' && m.text !== '').map((m) => m.text)).toEqual(texts);
}

/** openOf returns the id of the conversation that a page of the workspace shows. */
export function openOf(page: Page): string {
  const id = /\/conversations\/([0-9A-Z]{26})/.exec(page.url())?.[1];
  if (!id) throw new Error(`${page.url()} shows no conversation`);
  return id;
}
