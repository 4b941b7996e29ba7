/**
 * A minute of hard work in the workspace, watched. scripts/bench starts it beside a desk with many conversations, whose
 * customers go on writing meanwhile; it says through GUICHET_TRACE where that is, and where the figures are to go.
 */
import { writeFileSync } from 'node:fs';
import type { Browser, Page } from 'playwright-core';
import { test } from 'vitest';
import { context, open, signedIn } from '../harness/browser';
import type { Desk, Person } from '../harness/desk';
import { own, prepare, Recorder, scrolling, type LongTask } from './watch';

interface Task {
  url: string;
  out: string;
  seconds: number; // for each person
  people: { id: string; email: string; views: string[] }[];
}

interface Figures {
  who: string;
  shown: number; // ms from the navigation to the first rows on the screen
  loading: LongTask[]; // before that: scripts are evaluated for the first time
  longTasks: LongTask[]; // after it
  observed: number;
  tasks: number;
  frames: number[];
  heap: number; // bytes, after a collection
  rows: number; // the most that the list has held
  done: Record<string, number>; // how often each act was done
}

const given = process.env.GUICHET_TRACE;

test.skipIf(!given)('a minute in the workspace', async () => {
  const task = JSON.parse(given!) as Task;
  const browser = await open();
  try {
    const figures: Figures[] = [];
    for (const person of task.people) figures.push(await work(browser, task, person));
    writeFileSync(task.out, JSON.stringify(figures));
  } finally {
    await browser.close();
  }
});

async function work(browser: Browser, task: Task, person: Task['people'][number]): Promise<Figures> {
  const where = await context(browser, { width: 1440 }, { reducedMotion: 'no-preference' });
  await prepare(where);
  const recorder = await Recorder.start(browser);
  const page = await signedIn(where, { url: task.url } as Desk, { ...person, name: person.id, role: 'agent' } satisfies Person);
  await page.locator('[data-row]').first().waitFor();
  await page.waitForFunction(() => (window as unknown as { watched: { shownAt: number } }).watched.shownAt > 0);
  const { shownAt } = await own(page);
  const hands = new Hands(page, recorder.on(page), person.views);
  await hands.work(task.seconds);
  const { longTasks, tasks } = await recorder.stop();
  const watched = await own(page);
  const control = await where.newCDPSession(page);
  await control.send('HeapProfiler.collectGarbage');
  const { usedSize } = await control.send('Runtime.getHeapUsage');
  await where.close();
  return {
    who: person.id,
    shown: shownAt,
    loading: longTasks.filter((t) => t.during === 'loading'),
    longTasks: longTasks.filter((t) => t.during !== 'loading'),
    observed: watched.longTasks,
    tasks,
    frames: watched.frames,
    heap: usedSize,
    rows: hands.rows,
    done: hands.done,
  };
}

/** Hands do what a busy person does, faster. */
class Hands {
  readonly done: Record<string, number> = {};
  rows = 0;

  constructor(
    private readonly page: Page,
    private readonly mark: (act: string) => Promise<void>,
    private readonly views: string[],
  ) {}

  async work(seconds: number): Promise<void> {
    const end = Date.now() + seconds * 1000;
    const acts: [string, () => Promise<void>][] = [
      ['wheel', () => this.wheel()],
      ['keys', () => this.keys()],
      ['switch', () => this.open()],
      ['drag to the end', () => this.drag()],
      ['wheel back', () => this.wheel(-1)],
      ['search', () => this.search()],
      ['switch again', () => this.open()],
      ['rest', () => this.page.waitForTimeout(1000)],
    ];
    for (let round = 0; Date.now() < end; round++) {
      const view = this.views[round % this.views.length]!;
      await this.act(`view ${view}`, () => this.view(view));
      for (const [name, act] of acts) {
        if (Date.now() >= end) break;
        await this.act(`${name} in ${view}`, act);
        this.rows = Math.max(this.rows, Number(await this.page.locator('.cr-li').first().getAttribute('aria-setsize')));
      }
    }
  }

  private async act(name: string, act: () => Promise<void>): Promise<void> {
    await this.mark(name);
    await act();
    this.done[name] = (this.done[name] ?? 0) + 1;
  }

  private list() {
    return this.page.locator('.rows');
  }

  private async over(): Promise<void> {
    const box = await this.list().boundingBox();
    if (box) await this.page.mouse.move(box.x + box.width / 2, box.y + box.height / 2);
  }

  /** wheel turns the wheel hard. */
  private async wheel(way = 1): Promise<void> {
    await this.over();
    await scrolling(this.page, true);
    for (let i = 0; i < 60; i++) await this.page.mouse.wheel(0, way * (i % 2 ? 900 : 300));
    await scrolling(this.page, false);
  }

  private async keys(): Promise<void> {
    await this.page.mouse.move(700, 450);
    for (const key of 'jjjjjjjjkkjjjjjjjjjjjjkkkkjjjjjjjjjj') await this.page.keyboard.press(key);
  }

  /** drag pulls the list to its end again and again, as who drags the scrollbar does; more comes each time. */
  private async drag(): Promise<void> {
    await this.over();
    await scrolling(this.page, true);
    await this.list().evaluate(
      (box) =>
        new Promise<void>((done) => {
          const begun = performance.now();
          const step = () => {
            box.scrollTop += Math.max(400, (box.scrollHeight - box.scrollTop) / 6);
            if (performance.now() - begun < 4000) requestAnimationFrame(step);
            else done();
          };
          requestAnimationFrame(step);
        }),
    );
    await scrolling(this.page, false);
  }

  /** open reads one conversation after another. */
  private async open(): Promise<void> {
    for (let i = 0; i < 6; i++) {
      const row = this.page.locator('.cr-li .cr').nth(7 + i);
      const id = await row.getAttribute('data-row').catch(() => null);
      if (!id) return;
      await this.page.locator(`[data-row="${id}"]`).click({ timeout: 3000 }).catch(() => {}); // it may have moved away
      await this.page.locator('#thread .said-t').first().waitFor({ timeout: 5000 });
    }
  }

  private async search(): Promise<void> {
    await this.page.keyboard.press('/');
    const field = this.page.locator('.find input');
    await field.pressSequentially('customer 12', { delay: 30 });
    await field.press('Escape');
    await field.press('Escape');
  }

  private async view(name: string): Promise<void> {
    await this.page.locator(`#view-${name}`).click();
    await this.page.locator('[data-row]').first().waitFor();
  }
}
