/** The files that go with the next message: shown with name, type and size before anything is sent. */
import type { Desk, Pending } from '$lib/live/types';
import { sentence } from '$lib/problem';

/** What a message may carry, see core/desk. */
export const mostFiles = 10;

type Sent = Pending['attachments'][number];

export interface Chosen {
  readonly key: number;
  readonly name: string;
  readonly type: string;
  readonly size: number;
  readonly file: File | undefined; // undefined: it was uploaded for a message that came back
  /** An address of a picture's content in this browser, to show it small. */
  readonly view: string | undefined;
  readonly part: number; // 0 to 1
  readonly state: 'sending' | 'ready' | 'failed';
  readonly problem: string;
  readonly uploaded: Sent | undefined;
}

/** What was chosen in conversations that one has left, by where; as long as the page lasts. */
const shelf = new Map<string, Pending['attachments']>();

/** Files are those of one composer. Uploads begin at once, so that sending does not wait for them. */
export class Files {
  list = $state.raw<readonly Chosen[]>([]);
  /** How many were left out because a message carries no more. */
  leftOut = $state(0);

  #last = 0;
  readonly #stops = new Map<number, AbortController>();

  /** `where` names the conversation, and whose it is: what is laid aside there is taken up again. */
  constructor(
    private readonly upload: Desk['upload'],
    private readonly where = '',
  ) {
    this.take(shelf.get(where) ?? []);
    shelf.delete(where);
  }

  get busy(): boolean {
    return this.list.some((one) => one.state === 'sending');
  }

  get failed(): boolean {
    return this.list.some((one) => one.state === 'failed');
  }

  /** ready are the uploaded ones, as a message names them. */
  get ready(): Sent[] {
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
      const { name, type, size } = file;
      this.list = [...this.list, { key, name, type, size, file, view, part: 0, state: 'sending', problem: '', uploaded: undefined }];
      void this.#send(key, file);
    }
  }

  /** take brings back the files of a message that was not sent. */
  take(uploaded: Pending['attachments']): void {
    for (const { id, name, type, size } of uploaded) {
      if (this.list.length >= mostFiles) this.leftOut++;
      else this.list = [...this.list, { key: ++this.#last, name, type, size, file: undefined, view: undefined, part: 1, state: 'ready', problem: '', uploaded: { id, name, type, size } }];
    }
  }

  again(key: number): void {
    const one = this.list.find((each) => each.key === key);
    if (!one?.file) return;
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

  /** layAside keeps what was uploaded for when one comes back, and stops the rest. */
  layAside(): void {
    if (this.ready.length > 0) shelf.set(this.where, this.ready);
    this.clear();
  }

  /** clear forgets all, after they were sent. */
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
