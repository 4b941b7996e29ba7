/** The measurements themselves: what this browser can try on its way to the server. */
import type { SocketSeen, Times } from './judge';

const patience = 8_000; // ms for one request, and for the socket to open
const echoes = 5;

/** timeRequests asks for a small page a few times, one after the other, past every cache. */
export async function timeRequests(path: string, times: number): Promise<Times> {
  const seen: (number | undefined)[] = [];
  for (let i = 0; i < times; i++) {
    const begun = performance.now();
    try {
      const answer = await fetch(path, { cache: 'no-store', signal: AbortSignal.timeout(patience) });
      await answer.arrayBuffer();
      seen.push(answer.ok ? performance.now() - begun : undefined);
    } catch {
      seen.push(undefined);
    }
  }
  return seen;
}

/** trySocket opens a WebSocket that gives back what it is sent, which is compared and timed. */
export function trySocket(path: string): Promise<SocketSeen> {
  const address = new URL(path, location.href);
  address.protocol = address.protocol.replace('http', 'ws');
  return new Promise((resolve) => {
    const begun = performance.now();
    const seen: SocketSeen = { state: 'blocked', echoes: [] };
    const socket = new WebSocket(address);
    let sent = '';
    let sentAt = 0;
    const done = () => {
      clearTimeout(late);
      socket.onclose = socket.onmessage = socket.onopen = null;
      socket.close();
      resolve(seen);
    };
    const late = setTimeout(done, patience);
    const send = () => {
      sent = `guichet ${crypto.getRandomValues(new Uint32Array(2)).join('-')} é 会話`;
      sentAt = performance.now();
      socket.send(sent);
    };
    socket.onopen = () => {
      seen.openMs = performance.now() - begun;
      seen.state = 'silent';
      send();
    };
    socket.onmessage = (event) => {
      if (event.data !== sent) return; // something on the way changes what is said
      seen.state = 'answered';
      seen.echoes.push(performance.now() - sentAt);
      if (seen.echoes.length >= echoes) done();
      else send();
    };
    socket.onclose = done;
  });
}

/** tryKeeping writes, reads and removes something in this browser, and asks how much room there is. */
export async function tryKeeping(): Promise<{ works: boolean; free?: number }> {
  const key = 'guichet.diagnosis';
  let works = false;
  try {
    localStorage.setItem(key, 'kept');
    works = localStorage.getItem(key) === 'kept';
    localStorage.removeItem(key);
  } catch {
    // Private windows and policies may forbid it.
  }
  const { quota, usage } = (await navigator.storage?.estimate?.().catch(() => undefined)) ?? {};
  return { works, free: quota !== undefined && usage !== undefined ? quota - usage : undefined };
}
