import { answered, api, ApiError, signedOut, Unreachable } from '../api/client';
import { Backoff } from './backoff';
import { closedForGood, type Frame, type OwnFrame } from './frames';
import type { Link } from './types';

const firstPause = 300; // ms
const longestPause = 15_000;
const openPatience = 10_000; // until the server's first frame
const steadyAfter = 5_000; // a socket that lasted this long counts as a success
const probePatience = 8_000;
const beat = 5_000;
const sleptAfter = 25_000; // a beat that comes this late: the machine has slept, or the page was frozen
const silentAfter = 45_000; // the server says something every 20 s
const blockedAfter = 2; // failed upgrades while the server answers otherwise
const pollEvery = 4_000;
const blockedPause = 60_000;

/** What the link asks of the desk. */
export interface Ends {
  /** since is up to where everything is known; 0 is nothing. */
  since(): number;
  /** frame takes a frame in; at is performance.now() when it came. */
  frame(frame: Frame, at: number): void;
  /** settle takes in at once what came so far. */
  settle(): void;
  /** live: the socket has brought everything up to date. */
  live(): void;
  /** lost: the socket is gone, and with it what it alone can tell. */
  lost(): void;
  /** poll asks for everything over HTTP. It fails with Unreachable when the server does not answer. */
  poll(): Promise<void>;
}

/**
 * The connection to the server: one WebSocket that comes back by itself, and questions every few seconds where
 * WebSockets do not get through. It says honestly how things stand.
 */
export class ServerLink {
  state = $state<Link>('connecting');
  lastLive = $state.raw<Date | undefined>();

  #socket: WebSocket | undefined;
  #greeted = false; // the server has said hello
  #upgradesFailed = 0;
  #polling = false;
  #stopped = true;
  #attempt: ReturnType<typeof setTimeout> | undefined;
  #patience: ReturnType<typeof setTimeout> | undefined;
  #poll: ReturnType<typeof setTimeout> | undefined;
  #beats: ReturnType<typeof setInterval> | undefined;
  #lastBeat = 0;
  #lastFrame = 0;
  #arrived = 0;
  readonly #pauses = new Backoff(firstPause, longestPause);

  constructor(readonly ends: Ends) {}

  start(): void {
    if (!this.#stopped) return;
    this.#stopped = false;
    this.#lastBeat = Date.now();
    this.#beats = setInterval(() => this.#check(), beat);
    window.addEventListener('online', this.#online);
    window.addEventListener('offline', this.#offline);
    document.addEventListener('visibilitychange', this.#visible);
    this.#connect();
  }

  stop(state?: 'signed-out'): void {
    this.#stopped = true;
    clearInterval(this.#beats);
    clearTimeout(this.#attempt);
    clearTimeout(this.#poll);
    window.removeEventListener('online', this.#online);
    window.removeEventListener('offline', this.#offline);
    document.removeEventListener('visibilitychange', this.#visible);
    this.#polling = false;
    this.#leave();
    if (state) this.#say(state);
  }

  /** say sends a frame; false when there is no socket. */
  say(frame: OwnFrame): boolean {
    if (!this.#greeted || this.#socket?.readyState !== WebSocket.OPEN) return false;
    this.#socket.send(JSON.stringify(frame));
    return true;
  }

  readonly #online = (): void => this.#again();

  readonly #offline = (): void => {
    this.#leave();
    this.#polling = false;
    clearTimeout(this.#poll);
    this.#down();
    this.#later();
  };

  readonly #visible = (): void => {
    if (document.visibilityState !== 'visible') return;
    if (this.state !== 'live' || Date.now() - this.#lastFrame > sleptAfter) this.#again();
  };

  /** #again connects anew at once. */
  #again(): void {
    if (this.#stopped) return;
    if (this.#socket && !this.#greeted) return; // it is trying
    this.#leave();
    this.#down();
    this.#pauses.reset();
    this.#connect();
  }

  #check(): void {
    const now = Date.now();
    const late = now - this.#lastBeat;
    const silent = now - this.#lastFrame;
    this.#lastBeat = now;
    if (this.#socket && this.#greeted && (silent > silentAfter || (late > sleptAfter && silent > sleptAfter))) this.#again();
  }

  #connect(): void {
    clearTimeout(this.#attempt);
    const url = new URL('/api/v1/events', location.href);
    url.protocol = url.protocol.replace('http', 'ws');
    const since = this.ends.since();
    if (since > 0) url.searchParams.set('since', String(since));
    const socket = new WebSocket(url);
    this.#socket = socket;
    this.#greeted = false;
    this.#patience = setTimeout(() => this.#closed(socket, 0), openPatience);
    socket.onmessage = (event) => this.#hear(socket, event.data as string);
    socket.onclose = (event) => this.#closed(socket, event.code);
  }

  #hear(socket: WebSocket, text: string): void {
    if (socket !== this.#socket) return;
    const at = performance.now();
    this.#lastFrame = Date.now();
    let frame: Frame;
    try {
      frame = JSON.parse(text) as Frame;
    } catch {
      return; // a newer server may say more than we understand
    }
    if (!this.#greeted) {
      this.#greeted = true;
      this.#upgradesFailed = 0;
      clearTimeout(this.#patience);
    }
    this.ends.frame(frame, at);
    if ((frame.type === 'hello' && frame.resumed) || (frame.type === 'snapshot' && frame.last)) this.#arrive();
  }

  #arrive(): void {
    this.ends.settle();
    if (this.#stopped) return; // it was for somebody else
    this.#polling = false;
    clearTimeout(this.#poll);
    this.#arrived = Date.now();
    this.#say('live');
    this.ends.live();
  }

  #closed(socket: WebSocket, code: number): void {
    if (socket !== this.#socket) return;
    const greeted = this.#greeted;
    this.#leave();
    if (this.#stopped) return;
    if (code === closedForGood.signedOut || code === closedForGood.gone) {
      this.stop('signed-out');
      signedOut();
      return;
    }
    if (!this.#polling) this.#down();
    if (greeted && Date.now() - this.#arrived > steadyAfter) this.#pauses.reset();
    if (greeted) this.#later();
    else void this.#probe();
  }

  /** #probe asks whether the server answers although the socket did not open. */
  async #probe(): Promise<void> {
    let answers = false;
    try {
      answered(await api.GET('/api/v1/me', { signal: AbortSignal.timeout(probePatience) }));
      answers = true;
    } catch (error) {
      if (error instanceof ApiError && error.status === 401) return; // whoever must know was told
    }
    if (this.#stopped || this.#socket) return;
    this.#upgradesFailed = answers ? this.#upgradesFailed + 1 : 0;
    if (this.#upgradesFailed >= blockedAfter && !this.#polling) {
      this.#polling = true;
      void this.#ask();
    }
    this.#later();
  }

  /** #ask polls, until the socket is back or the server does not answer either. */
  async #ask(): Promise<void> {
    try {
      await this.ends.poll();
      if (this.#polling && !this.#stopped) this.#say('polling');
    } catch (error) {
      if (error instanceof ApiError && error.status === 401) return;
      if (error instanceof Unreachable && this.#polling) {
        this.#polling = false;
        this.#upgradesFailed = 0;
        this.#down();
        this.#again();
        return;
      }
    }
    if (this.#polling && !this.#stopped) this.#poll = setTimeout(() => void this.#ask(), pollEvery);
  }

  #later(): void {
    if (this.#stopped) return;
    clearTimeout(this.#attempt);
    this.#attempt = setTimeout(() => this.#connect(), this.#polling ? blockedPause : this.#pauses.next());
  }

  /** #leave lets the socket go without a word from it. */
  #leave(): void {
    clearTimeout(this.#patience);
    clearTimeout(this.#attempt);
    const socket = this.#socket;
    this.#socket = undefined;
    if (!socket) return;
    socket.onmessage = socket.onclose = null;
    socket.close();
    if (this.#greeted) {
      this.#greeted = false;
      this.ends.settle();
      this.ends.lost();
    }
  }

  #down(): void {
    this.#say(navigator.onLine === false ? 'offline' : 'reconnecting');
  }

  #say(state: Link): void {
    if (state !== 'live' && this.state === 'live') this.lastLive = new Date(this.#lastFrame);
    if (state !== 'polling' && this.state === 'polling') this.lastLive = new Date();
    this.state = state;
  }
}
