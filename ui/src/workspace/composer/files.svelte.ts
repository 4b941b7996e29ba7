/** The files that go with the next message: shown with name, type and size before anything is sent. */
import type { Attachment } from '$lib/api/client';
import type { Desk } from '$lib/live/types';
import { sentence } from '$lib/problem';

/** What a message may carry, see core/desk. */
export const mostFiles = 10;

export interface Chosen {
  readonly key: number;
  readonly file: File;
  /** An address of a picture's content in this browser, to show it small. */
  readonly view: string | undefined;
  readonly part: number; // 0 to 1
  readonly state: 'sending' | 'ready' | 'failed';
  readonly problem: string;
  readonly uploaded: Attachment | undefined;
}

/** Files are those of one composer. Uploads begin at once, so that sending does not wait for them. */
export class Files {
  list = $state.raw<readonly Chosen[]>([]);
  /** How many were left out because a message carries no more. */
  leftOut = $state(0);

  #last = 0;
  readonly #stops = new Map<number, AbortController>();

  constructor(private readonly upload: Desk['upload']) {}

  get busy(): boolean {
    return this.list.some((one) => one.state === 'sending');
  }

  get failed(): boolean {
    return this.list.some((one) => one.state === 'failed');
  }

  /** ready are the uploaded ones, as a message names them. */
  get ready(): { id: string; name: string; type: string; size: number }[] {
    return this.list.flatMap(({ uploaded: u }) => (u ? [{ id: u.id, name: u.name, type: u.type, size: u.size }] : []));
  }

  add(files: Iterable<File>): void {
    this.leftOut = 0;
    for (const file of files) {
      if (this.list.length >= mostFiles) {
        this.leftOut++;
        continue;
      }
      const key = ++this.#last;
      const view = file.type.startsWith('image/') ? URL.createObjectURL(file) : undefined;
      this.list = [...this.list, { key, file, view, part: 0, state: 'sending', problem: '', uploaded: undefined }];
      void this.#send(key, file);
    }
  }

  again(key: number): void {
    const one = this.list.find((each) => each.key === key);
    if (!one) return;
    this.#change(key, { state: 'sending', part: 0, problem: '' });
    void this.#send(key, one.file);
  }

  remove(key: number): void {
    this.#stops.get(key)?.abort();
    const one = this.list.find((each) => each.key === key);
    if (one?.view) URL.revokeObjectURL(one.view);
    this.list = this.list.filter((each) => each.key !== key);
    this.leftOut = 0;
  }

  /** clear forgets all, after they were sent or the composer is gone. */
  clear(): void {
    for (const { key } of this.list) this.remove(key);
  }

  async #send(key: number, file: File): Promise<void> {
    const stop = new AbortController();
    this.#stops.set(key, stop);
    try {
      const uploaded = await this.upload(file, (part) => this.#change(key, { part }), stop.signal);
      this.#change(key, { state: 'ready', part: 1, uploaded });
    } catch (error) {
      if (!stop.signal.aborted) this.#change(key, { state: 'failed', problem: sentence(error) });
    }
    this.#stops.delete(key);
  }

  #change(key: number, change: Partial<Chosen>): void {
    this.list = this.list.map((one) => (one.key === key ? { ...one, ...change } : one));
  }
}
