import { expect, it, vi } from 'vitest';
import type { Attachment } from '$lib/api/client';
import { Files, mostFiles } from './files.svelte';

const file = (name: string) => new File(['x'], name, { type: 'text/plain' });

/** An upload that the test finishes by hand. */
function uploads() {
  const running: { file: File; progress: (part: number) => void; signal: AbortSignal; done: (a: Attachment) => void; fail: (e: unknown) => void }[] = [];
  const upload = (file: File, progress: (part: number) => void, signal: AbortSignal) =>
    new Promise<Attachment>((done, fail) => {
      running.push({ file, progress, signal, done, fail });
      signal.addEventListener('abort', () => fail(new DOMException('stopped', 'AbortError')));
    });
  return { running, upload };
}
const attachment = (id: string) => ({ id, name: id, type: 'text/plain', size: 1, state: 'ready' }) as Attachment;

it('shows progress, and names what is ready', async () => {
  const { running, upload } = uploads();
  const files = new Files(upload);
  files.add([file('a'), file('b')]);
  running[0]!.progress(0.5);
  expect(files.list.map((f) => f.part)).toEqual([0.5, 0]);
  running[0]!.done(attachment('A'));
  running[1]!.done(attachment('B'));
  await vi.waitFor(() => expect(files.busy).toBe(false));
  expect(files.ready.map((f) => f.id)).toEqual(['A', 'B']);
});

it('leaves out what a message cannot carry, and says how many', () => {
  const files = new Files(uploads().upload);
  files.add(Array.from({ length: mostFiles + 3 }, (_, i) => file(String(i))));
  expect(files.list).toHaveLength(mostFiles);
  expect(files.leftOut).toBe(3);
});

it('stops the upload of a file that is taken away, without a complaint', async () => {
  const { running, upload } = uploads();
  const files = new Files(upload);
  files.add([file('a')]);
  files.remove(files.list[0]!.key);
  expect(running[0]!.signal.aborted).toBe(true);
  await Promise.resolve();
  expect(files.list).toEqual([]);
});

it('keeps a file that failed, to try it again', async () => {
  const { running, upload } = uploads();
  const files = new Files(upload);
  files.add([file('a')]);
  running[0]!.fail(new Error('no'));
  await vi.waitFor(() => expect(files.failed).toBe(true));
  expect(files.ready).toEqual([]);
  files.again(files.list[0]!.key);
  running[1]!.done(attachment('A'));
  await vi.waitFor(() => expect(files.ready).toHaveLength(1));
});

it('takes the files of a message back that was not sent', () => {
  const { running, upload } = uploads();
  const files = new Files(upload);
  files.add(Array.from({ length: mostFiles - 1 }, (_, i) => file(String(i))));
  const sent = ['A', 'B'].map((id) => ({ id, name: `${id}.png`, type: 'image/png', size: 3 }));
  files.take(sent);
  expect([files.ready, files.leftOut, running.length]).toEqual([[sent[0]], 1, mostFiles - 1]);
});

it('lays the files aside of a conversation that is left, and takes them up there alone', () => {
  const sent = [{ id: 'A', name: 'A.png', type: 'image/png', size: 3 }];
  const { running, upload } = uploads();
  const files = new Files(upload, 'ana C1');
  files.take(sent);
  files.add([file('b')]);
  files.layAside();
  expect([files.list, running[0]!.signal.aborted]).toEqual([[], true]);
  expect(new Files(upload, 'bo C1').ready).toEqual([]);
  expect(new Files(upload, 'ana C1').ready).toEqual(sent);
  expect(new Files(upload, 'ana C1').ready).toEqual([]);
});
