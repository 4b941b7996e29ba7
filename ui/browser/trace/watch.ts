/** What a page did with its main thread: long tasks with what they were busy with, and how evenly it painted. */
import type { Browser, BrowserContext, CDPSession, Page } from 'playwright-core';

/** Tasks at least this long, in ms, are reported. */
const long = 50;

/** One task of the main thread that kept people waiting. Moments and lengths in ms. */
export interface LongTask {
  at: number; // since the page was opened
  wall: number;
  cpu: number; // of the thread, without the time in which others had the core
  during: string; // the act
  busyWith: string[]; // the longest parts, with their share
}

export interface Watched {
  longTasks: LongTask[];
  observed: number; // long tasks that the page's own PerformanceObserver has seen
  tasks: number;
  frames: number[]; // ms from one painted frame to the next, while something scrolled
}

interface TraceEvent {
  name: string;
  ph: string;
  ts: number;
  dur?: number;
  tdur?: number;
  tid: number;
  pid: number;
  args?: { data?: Record<string, unknown>; name?: string; beginData?: Record<string, unknown>; type?: string };
}

/** prepare makes the pages of a context watch themselves: frames while `scrolling` is set, and long tasks. */
export async function prepare(where: BrowserContext): Promise<void> {
  await where.addInitScript(() => {
    const own = { scrolling: false, frames: [] as number[], longTasks: 0, shownAt: 0 };
    Object.assign(window, { watched: own });
    new PerformanceObserver((list) => (own.longTasks += list.getEntries().length)).observe({ type: 'longtask', buffered: true });
    let last = 0;
    const frame = (now: number) => {
      if (own.scrolling && last) own.frames.push(now - last);
      last = own.scrolling ? now : 0;
      // The list is on the screen once a row was drawn and the frame after it has begun.
      if (!own.shownAt && document.querySelector('[data-row]')) requestAnimationFrame((then) => (own.shownAt = then));
      requestAnimationFrame(frame);
    };
    requestAnimationFrame(frame);
  });
}

/** Own is what a page keeps about itself. */
export interface Own {
  scrolling: boolean;
  frames: number[];
  longTasks: number;
  shownAt: number;
}

export const own = (page: Page): Promise<Own> => page.evaluate(() => (window as unknown as { watched: Own }).watched);

export const scrolling = (page: Page, on: boolean): Promise<void> =>
  page.evaluate((now) => {
    (window as unknown as { watched: Own }).watched.scrolling = now;
  }, on);

/** Recorder records the browser's own trace of its tasks. */
export class Recorder {
  private constructor(private readonly session: CDPSession) {}

  static async start(browser: Browser): Promise<Recorder> {
    const session = await browser.newBrowserCDPSession();
    await session.send('Tracing.start', {
      transferMode: 'ReturnAsStream',
      traceConfig: {
        recordMode: 'recordAsMuchAsPossible',
        includedCategories: ['devtools.timeline', 'disabled-by-default-devtools.timeline', 'v8', 'blink.user_timing'],
        excludedCategories: ['*'],
      },
    });
    return new Recorder(session);
  }

  /** on returns what marks in a page's trace that another act begins. */
  on(page: Page): (act: string) => Promise<void> {
    return (act) => page.evaluate((name) => void performance.mark('act: ' + name), act);
  }

  async stop(): Promise<Pick<Watched, 'longTasks' | 'tasks'>> {
    const complete = new Promise<string>((done) => this.session.once('Tracing.tracingComplete', (event) => done(event.stream ?? '')));
    await this.session.send('Tracing.end');
    const handle = await complete;
    let text = '';
    for (let eof = false; !eof; ) {
      const part = await this.session.send('IO.read', { handle, size: 8 << 20 });
      text += part.base64Encoded ? Buffer.from(part.data, 'base64').toString() : part.data;
      eof = part.eof;
    }
    await this.session.send('IO.close', { handle });
    await this.session.detach();
    return judge((JSON.parse(text) as { traceEvents: TraceEvent[] }).traceEvents);
  }
}

/** judge finds the long tasks of the page's main thread: the one on which the acts were marked. */
function judge(events: TraceEvent[]): Pick<Watched, 'longTasks' | 'tasks'> {
  const marks = events.filter((e) => e.name.startsWith('act: ') && e.ph !== 'E').sort((a, b) => a.ts - b.ts);
  const first = marks[0];
  if (!first) throw new Error('the trace holds no act');
  const ours = events.filter((e) => e.pid === first.pid && e.tid === first.tid && e.ph === 'X').sort((a, b) => a.ts - b.ts);
  const tasks = ours.filter((e) => e.name === 'RunTask' || e.name === 'ThreadControllerImpl::RunTask');
  if (tasks.length === 0) throw new Error('the trace holds no tasks');
  const actAt = (ts: number): string => marks.findLast((m) => m.ts <= ts)?.name.slice('act: '.length) ?? 'loading';
  const longTasks = tasks
    .filter((task) => (task.dur ?? 0) >= long * 1000)
    .map((task) => ({
      at: Math.round((task.ts - first.ts) / 1000),
      wall: (task.dur ?? 0) / 1000,
      cpu: (task.tdur ?? 0) / 1000,
      during: actAt(task.ts),
      busyWith: parts(ours, task),
    }));
  return { longTasks, tasks: tasks.length };
}

/** parts names what a task spent its time on, the longest first. */
function parts(events: TraceEvent[], task: TraceEvent): string[] {
  const end = task.ts + (task.dur ?? 0);
  const inside = events.filter((e) => e !== task && e.ts >= task.ts && e.ts + (e.dur ?? 0) <= end && (e.dur ?? 0) > 3000);
  return inside
    .sort((a, b) => (b.dur ?? 0) - (a.dur ?? 0))
    .slice(0, 6)
    .map((e) => `${e.name} ${((e.dur ?? 0) / 1000).toFixed(0)} ms${detail(e)}`);
}

function detail(e: TraceEvent): string {
  const data = { ...e.args?.beginData, ...e.args?.data };
  const words = ['type', 'functionName', 'url', 'lineNumber', 'columnNumber', 'elementCount', 'dirtyObjects', 'totalObjects'].flatMap((key) => (data[key] === undefined || data[key] === '' ? [] : [`${key} ${String(data[key])}`]));
  return words.length > 0 ? ` (${words.join(', ')})` : '';
}
