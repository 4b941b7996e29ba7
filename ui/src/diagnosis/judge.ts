/** What the measurements mean. Nothing here measures: each function turns what was seen into findings. */
import type { Schema } from '$lib/api/client';
import type { Permission } from '$lib/notify.svelte';
import type { Finding } from './finding';

export type Diagnosis = Schema<'Diagnosis'>;

/** Times in milliseconds; a request that had no answer is undefined. */
export type Times = readonly (number | undefined)[];

export interface SocketSeen {
  /** How far it came: no connection, a connection that was closed without a word, or an answer. */
  state: 'blocked' | 'silent' | 'answered';
  openMs?: number;
  echoes: number[];
}

const slow = 400; // ms; a page feels slow beyond it
const skewed = 5_000; // ms; times on the page look wrong beyond it

/** median is the middle of the times that there are, whole milliseconds. */
export function median(times: Times): number | undefined {
  const there = times.filter((t) => t !== undefined).toSorted((a, b) => a - b);
  if (there.length === 0) return undefined;
  const middle = there.length / 2;
  return Math.round(there.length % 2 ? there[Math.floor(middle)]! : (there[middle - 1]! + there[middle]!) / 2);
}

export function judgeHttp(times: Times, online: boolean): Finding {
  const base = { id: 'http', hop: 'network' as const };
  const p50 = median(times);
  if (!online) return { ...base, verdict: 'bad', text: 'workspace.diagnosis.http.offline', remedy: 'workspace.diagnosis.http.offline-remedy' };
  if (p50 === undefined) return { ...base, verdict: 'bad', text: 'workspace.diagnosis.http.none', remedy: 'workspace.diagnosis.http.none-remedy' };
  const values = { ms: p50, lost: times.filter((t) => t === undefined).length, all: times.length };
  const figure = { text: 'workspace.diagnosis.ms' as const, values: { ms: p50 } };
  if (values.lost > 0) return { ...base, verdict: 'advice', text: 'workspace.diagnosis.http.lossy', values, remedy: 'workspace.diagnosis.http.lossy-remedy', figure };
  if (p50 > slow) return { ...base, verdict: 'advice', text: 'workspace.diagnosis.http.slow', values, remedy: 'workspace.diagnosis.http.slow-remedy', figure };
  return { ...base, verdict: 'good', text: 'workspace.diagnosis.http.good', values, figure };
}

const nginx = `location / {
    proxy_pass http://127.0.0.1:8080;
    proxy_http_version 1.1;
    proxy_set_header Host $host;
    proxy_set_header Upgrade $http_upgrade;
    proxy_set_header Connection "upgrade";
    proxy_set_header X-Forwarded-For $remote_addr;
    proxy_set_header X-Forwarded-Proto $scheme;
    proxy_read_timeout 1h;
}`;

/** judgeSocket says whether live connections come through. `reached`: ordinary requests are answered. */
export function judgeSocket(seen: SocketSeen, reached: boolean): Finding {
  const base = { id: 'socket', hop: 'proxy' as const };
  if (!reached) return { ...base, verdict: 'unknown', text: 'workspace.diagnosis.socket.unknown' };
  const example = { text: 'workspace.diagnosis.socket.nginx' as const, code: nginx };
  if (seen.state === 'blocked') return { ...base, verdict: 'bad', text: 'workspace.diagnosis.socket.blocked', remedy: 'workspace.diagnosis.socket.blocked-remedy', example };
  if (seen.state === 'silent') return { ...base, verdict: 'bad', text: 'workspace.diagnosis.socket.silent', remedy: 'workspace.diagnosis.socket.blocked-remedy', example };
  const echo = median(seen.echoes);
  const open = Math.round(seen.openMs ?? 0);
  if (echo === undefined) return { ...base, verdict: 'good', text: 'workspace.diagnosis.socket.open', values: { open } };
  return { ...base, verdict: 'good', text: 'workspace.diagnosis.socket.good', values: { open, ms: echo }, figure: { text: 'workspace.diagnosis.ms', values: { ms: echo } } };
}

/** judgeProxy says how this page's requests come to the server, as the server sees it. */
export function judgeProxy(seen: Diagnosis, pageURL: URL): Finding[] {
  const found: Finding[] = [];
  const proxy = { id: 'proxy', hop: 'proxy' as const };
  const values = { address: seen.client_address };
  if (!seen.forwarded) found.push({ ...proxy, verdict: 'good', text: 'workspace.diagnosis.proxy.none', values });
  else if (seen.proxy_trusted) found.push({ ...proxy, verdict: 'good', text: 'workspace.diagnosis.proxy.trusted', values });
  else
    found.push({
      ...proxy, verdict: 'advice', text: 'workspace.diagnosis.proxy.untrusted', values, remedy: 'workspace.diagnosis.proxy.untrusted-remedy',
      example: { text: 'workspace.diagnosis.proxy.file', code: `[server]\ntrusted_proxies = ["${seen.client_address}"]` },
    });
  if (seen.public_url && !seen.public_url_matches) {
    found.push({
      id: 'address', hop: 'proxy', verdict: 'advice', text: 'workspace.diagnosis.address.other', values: { here: pageURL.origin, there: seen.public_url },
      remedy: 'workspace.diagnosis.address.other-remedy',
    });
  } else if (seen.public_url) {
    found.push({ id: 'address', hop: 'proxy', verdict: 'good', text: 'workspace.diagnosis.address.good', values: { there: seen.public_url } });
  } else {
    found.push({ id: 'address', hop: 'proxy', verdict: 'advice', text: 'workspace.diagnosis.address.none', remedy: 'workspace.diagnosis.address.none-remedy', example: { text: 'workspace.diagnosis.proxy.file', code: '[server]\npublic_url = "https://desk.example.com"' } });
  }
  return found;
}

/** judgeSafety says whether the page came over an encrypted way. On this machine it need not. */
export function judgeSafety(secureContext: boolean, pageURL: URL): Finding {
  const base = { id: 'safety', hop: 'network' as const };
  if (pageURL.protocol === 'https:') return { ...base, verdict: 'good', text: 'workspace.diagnosis.safety.good' };
  if (secureContext) return { ...base, verdict: 'good', text: 'workspace.diagnosis.safety.local' };
  return { ...base, verdict: 'advice', text: 'workspace.diagnosis.safety.open', remedy: 'workspace.diagnosis.safety.open-remedy' };
}

/** judgeClock compares clocks: skew is the server's less this browser's. */
export function judgeClock(skew: number | undefined): Finding {
  const base = { id: 'clock', hop: 'browser' as const };
  if (skew === undefined) return { ...base, verdict: 'unknown', text: 'workspace.diagnosis.clock.unknown' };
  const seconds = Math.round(Math.abs(skew) / 1000);
  if (Math.abs(skew) <= skewed) return { ...base, verdict: 'good', text: 'workspace.diagnosis.clock.good' };
  return { ...base, verdict: 'advice', text: skew > 0 ? 'workspace.diagnosis.clock.late' : 'workspace.diagnosis.clock.early', values: { seconds }, remedy: 'workspace.diagnosis.clock.remedy' };
}

export function judgeNotifications(permission: Permission): Finding {
  const base = { id: 'notifications', hop: 'browser' as const };
  switch (permission) {
    case 'granted':
      return { ...base, verdict: 'good', text: 'workspace.diagnosis.notifications.good' };
    case 'default':
      return { ...base, verdict: 'advice', text: 'workspace.diagnosis.notifications.unasked', remedy: 'workspace.diagnosis.notifications.unasked-remedy' };
    case 'denied':
      return { ...base, verdict: 'advice', text: 'workspace.diagnosis.notifications.denied', remedy: 'common.settings.notifications-denied' };
    case 'never':
      return { ...base, verdict: 'advice', text: 'workspace.diagnosis.notifications.never', remedy: 'common.settings.notifications-never' };
  }
}

/** judgeKeeping says whether the browser keeps drafts and unsent messages. `free` is bytes, where it tells. */
export function judgeKeeping(works: boolean, free: number | undefined): Finding {
  const base = { id: 'keeping', hop: 'browser' as const };
  if (!works) return { ...base, verdict: 'bad', text: 'workspace.diagnosis.keeping.none', remedy: 'workspace.diagnosis.keeping.none-remedy' };
  if (free !== undefined && free < 5_000_000) return { ...base, verdict: 'advice', text: 'workspace.diagnosis.keeping.full', remedy: 'workspace.diagnosis.keeping.none-remedy' };
  return { ...base, verdict: 'good', text: 'workspace.diagnosis.keeping.good' };
}

/** judgeServer is what the server says of itself; undefined when it did not answer. */
export function judgeServer(seen: Diagnosis | undefined, reached: boolean, version: string): Finding[] {
  const server: Finding = reached
    ? { id: 'server', hop: 'server', verdict: 'good', text: 'workspace.diagnosis.server.good', values: { version } }
    : { id: 'server', hop: 'server', verdict: 'unknown', text: 'workspace.diagnosis.server.unknown' };
  if (!seen) {
    const text = 'workspace.diagnosis.server.unknown' as const;
    return [server, { id: 'storage', hop: 'storage', verdict: 'unknown', text }, { id: 'plugins', hop: 'plugins', verdict: 'unknown', text }];
  }
  const storage: Finding = seen.storage.ok
    ? { id: 'storage', hop: 'storage', verdict: 'good', text: 'workspace.diagnosis.storage.good' }
    : { id: 'storage', hop: 'storage', verdict: 'bad', text: 'workspace.diagnosis.storage.bad', values: { detail: seen.storage.detail }, remedy: 'workspace.diagnosis.storage.remedy' };
  return [server, storage, ...judgePlugins(seen.plugins)];
}

function judgePlugins(plugins: Diagnosis['plugins']): Finding[] {
  if (plugins.length === 0) return [{ id: 'plugins', hop: 'plugins', verdict: 'advice', text: 'workspace.diagnosis.plugins.none', remedy: 'workspace.diagnosis.plugins.none-remedy' }];
  return plugins.map((p): Finding => {
    const base = { id: `plugin-${p.id}`, hop: 'plugins' as const, values: { plugin: p.id } };
    switch (p.state) {
      case 'running':
        return { ...base, verdict: 'good', text: 'workspace.diagnosis.plugins.running' };
      case 'starting':
        return { ...base, verdict: 'advice', text: 'workspace.diagnosis.plugins.starting' };
      case 'stopped':
        return { ...base, verdict: 'advice', text: 'workspace.diagnosis.plugins.stopped' };
      default:
        return { ...base, verdict: 'bad', text: 'workspace.diagnosis.plugins.failed', remedy: 'workspace.diagnosis.plugins.failed-remedy' };
    }
  });
}
