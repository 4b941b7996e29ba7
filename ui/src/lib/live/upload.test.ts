import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { ApiError, onSignedOut, Unreachable } from '../api/client';
import { upload } from './upload';

/** Wire is the one request that an upload makes; the test answers it. */
class Wire {
  static last: Wire;
  upload: { onprogress?: (event: object) => void } = {};
  onload?: () => void;
  onerror?: () => void;
  onabort?: () => void;
  status = 0;
  responseText = '';
  sent: FormData | undefined;
  where: string[] = [];

  constructor() {
    Wire.last = this;
  }
  open(...where: string[]): void {
    this.where = where;
  }
  send(form: FormData): void {
    this.sent = form;
  }
  abort(): void {
    this.onabort?.();
  }
  answer(status: number, text: string): void {
    Object.assign(this, { status, responseText: text });
    this.onload?.();
  }
}

const file = new File(['abc'], 'bill.pdf', { type: 'application/pdf' });
let parts: number[];
let stop: AbortController;
const begin = () => upload(file, (part) => parts.push(part), stop.signal);

beforeEach(() => {
  parts = [];
  stop = new AbortController();
  vi.stubGlobal('XMLHttpRequest', Wire);
});
afterEach(() => vi.unstubAllGlobals());

test('a file goes with its name, tells how far it is, and comes back as an attachment', async () => {
  const done = begin();
  expect([Wire.last.where, (Wire.last.sent?.get('file') as File).name]).toEqual([['POST', '/api/v1/uploads'], 'bill.pdf']);
  Wire.last.upload.onprogress?.({ lengthComputable: true, loaded: 1, total: 4 });
  Wire.last.upload.onprogress?.({ lengthComputable: false });
  Wire.last.answer(201, JSON.stringify({ id: 'U1', name: 'bill.pdf', type: 'application/pdf', size: 3 }));
  expect(await done).toEqual({ id: 'U1', name: 'bill.pdf', type: 'application/pdf', size: 3, state: 'ready' });
  expect(parts).toEqual([0.25, 1]);
});

test.each([
  [413, { code: 'too-large', title: 'Too large' }, 'Too large'],
  [507, { code: 'full', title: 'Full', detail: 'The disk is full.' }, 'The disk is full.'],
])('a refusal (%i) says why', async (status, problem, message) => {
  const done = begin();
  Wire.last.answer(status, JSON.stringify(problem));
  await expect(done).rejects.toMatchObject({ status, code: problem.code, message });
  await expect(done).rejects.toBeInstanceOf(ApiError);
});

test('a proxy’s page, or no answer, is a server that was not reached', async () => {
  const page = begin();
  Wire.last.answer(502, '<html>Bad Gateway</html>');
  await expect(page).rejects.toBeInstanceOf(Unreachable);
  const nothing = begin();
  Wire.last.onerror?.();
  await expect(nothing).rejects.toBeInstanceOf(Unreachable);
});

test('whom the server no longer knows is signed out', async () => {
  const told = vi.fn();
  const end = onSignedOut(told);
  const done = begin();
  Wire.last.answer(401, '{"code":"unauthorized"}');
  await expect(done).rejects.toMatchObject({ status: 401 });
  end();
  expect(told).toHaveBeenCalledOnce();
});

test('it can be stopped, before and after it has begun', async () => {
  const under = begin();
  stop.abort();
  await expect(under).rejects.toBe(stop.signal.reason);
  await expect(begin()).rejects.toBe(stop.signal.reason);
  expect(Wire.last.sent).toBeUndefined();
});
