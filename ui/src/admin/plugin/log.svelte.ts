/** A plugin's log as it comes: asked for each second, kept up to a bound, and held still while somebody reads. */
import { ApiError, type Schema } from '$lib/api/client';

export type LogLine = Schema<'PluginLog'>['items'][number];

const kept = 2000; // lines

export class LiveLog {
  lines = $state.raw<LogLine[]>([]);
  /** What came while the reader was further up. */
  waiting = $state.raw<LogLine[]>([]);
  paused = $state(false);
  never = $state(false); // it has not run since the server was started
  failure = $state.raw<unknown>();
  private after = 0;

  constructor(private readonly ask: (after: number) => Promise<Schema<'PluginLog'>>) {}

  /** poll asks for what came since. After a failure it begins anew: a server that was started again counts from one. */
  async poll(): Promise<void> {
    try {
      const answer = await this.ask(this.after);
      if (this.failure) {
        this.failure = undefined;
        this.after = 0;
        this.lines = this.waiting = [];
        return this.poll();
      }
      this.never = false;
      this.after = answer.next;
      if (answer.items.length === 0) return;
      if (this.paused) this.waiting = [...this.waiting, ...answer.items].slice(-kept);
      else this.lines = [...this.lines, ...answer.items].slice(-kept);
    } catch (error) {
      if (error instanceof ApiError && error.status === 404) this.never = true;
      else this.failure = error;
    }
  }

  pause(): void {
    this.paused = true;
  }

  /** follow shows what came meanwhile, and what comes. */
  follow(): void {
    this.paused = false;
    if (this.waiting.length === 0) return;
    this.lines = [...this.lines, ...this.waiting].slice(-kept);
    this.waiting = [];
  }
}

/** matching are the lines that hold some words, in whatever case. */
export function matching(lines: readonly LogLine[], words: string): readonly LogLine[] {
  const wanted = words.trim().toLocaleLowerCase();
  return wanted === '' ? lines : lines.filter((line) => line.text.toLocaleLowerCase().includes(wanted));
}

/** asText is a log as a file. */
export const asText = (lines: readonly LogLine[]): string => lines.map((line) => `${line.at} ${line.text}\n`).join('');
