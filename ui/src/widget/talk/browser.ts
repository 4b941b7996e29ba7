import type { Answer, Told } from './frames';
import type { Socket } from './link';
import type { Word, World } from './view';

/** world is the real browser, for one channel of an account. */
export function world(account: string, channel: string, seen: () => boolean): World {
  const base = `/channels/${encodeURIComponent(account)}`;
  const tabs = channelOf(`guichet.chat.${channel}`);
  return {
    socket: () => socket(location.origin.replace(/^http/, 'ws') + base + '/live'),
    poll: (hello, cursor) => {
      const query = new URLSearchParams({ channel, cursor, since: hello.since, from: hello.from ?? '', wait: '1' });
      return ask(`${base}/poll?${query}`, hello.token);
    },
    post: ({ token, language, page }, frames) => ask(`${base}/frames`, token, JSON.stringify({ channel, language, page, frames })),
    now: () => Date.now(),
    later: (milliseconds, act) => {
      const timer = setTimeout(act, milliseconds);
      return () => clearTimeout(timer);
    },
    chance: () => Math.random(),
    hidden: () => document.hidden,
    tabs,
    seen,
  };
}

/** ask speaks over HTTP. A refusal is heard as a farewell; a server that cannot answer now rejects. */
async function ask(address: string, token: string | undefined, body?: string): Promise<Answer> {
  const answer = await fetch(address, {
    method: body === undefined ? 'GET' : 'POST',
    headers: { ...(token ? { Authorization: `Bearer ${token}` } : {}), ...(body === undefined ? {} : { 'Content-Type': 'application/json' }) },
    ...(body === undefined ? {} : { body }),
    cache: 'no-store',
    credentials: 'omit',
    signal: AbortSignal.timeout(20_000),
  });
  const said = (await answer.json()) as Partial<Answer> & { code?: string; after?: number };
  if (answer.ok) return { frames: said.frames ?? [], ...(said.cursor ? { cursor: said.cursor } : {}) };
  if (answer.status >= 500 || !said.code) throw new Error(String(answer.status));
  return { frames: [{ t: 'bye', code: said.code, after: said.after } as Told] };
}

function socket(address: string): Socket {
  const real = new WebSocket(address);
  const ours: Socket = {
    send: (text) => {
      if (real.readyState === WebSocket.OPEN) real.send(text);
    },
    close: () => real.close(),
    onopen: null,
    onmessage: null,
    onclose: null,
  };
  real.onopen = () => ours.onopen?.();
  real.onmessage = (event) => ours.onmessage?.(String(event.data));
  real.onclose = () => ours.onclose?.();
  return ours;
}

function channelOf(name: string): World['tabs'] {
  const tabs: World['tabs'] = { tell: () => undefined, heard: null };
  try {
    const channel = new BroadcastChannel(name);
    channel.onmessage = (event) => tabs.heard?.(event.data as Word);
    tabs.tell = (word) => channel.postMessage(word);
  } catch {
    // One tab does not hear of the other until its own connection tells it.
  }
  return tabs;
}

/** What came of an upload. */
export type Uploaded = { handle: string; name: string; type: string; size: number };

/** Why a file was not taken: a problem's code, or that the server was not reached. */
export class NotTaken extends Error {
  constructor(
    readonly code: 'too-large' | 'not-allowed' | 'too-many' | 'empty' | 'network',
  ) {
    super(code);
  }
}

const reasons: Record<number, NotTaken['code']> = { 400: 'not-allowed', 413: 'too-large', 415: 'not-allowed', 422: 'empty', 429: 'too-many' };

/** upload carries a file to the server; `progress` goes from 0 to 1. */
export function upload(account: string, channel: string, token: string, file: File, progress: (part: number) => void, stop: AbortSignal): Promise<Uploaded> {
  return new Promise((done, fail) => {
    const request = new XMLHttpRequest();
    request.open('POST', `/channels/${encodeURIComponent(account)}/uploads?channel=${encodeURIComponent(channel)}`);
    request.setRequestHeader('Authorization', `Bearer ${token}`);
    request.setRequestHeader('Content-Type', file.type || 'application/octet-stream');
    request.setRequestHeader('X-File-Name', encodeURIComponent(file.name));
    request.responseType = 'json';
    request.upload.onprogress = (event) => progress(event.lengthComputable ? event.loaded / event.total : 0);
    request.onload = () => {
      const answer = request.response as Uploaded | null;
      if (request.status < 300 && answer?.handle) done(answer);
      else fail(new NotTaken(reasons[request.status] ?? 'network'));
    };
    request.onerror = request.ontimeout = () => fail(new NotTaken('network'));
    request.onabort = () => fail(new NotTaken('network'));
    stop.addEventListener('abort', () => request.abort());
    request.send(file);
  });
}
