import { parse, type Answer, type Hello, type Say, type Told } from './frames';

/** What a link needs of a browser. Tests bring their own. */
export interface Machine {
  socket(): Socket;
  /** poll asks for what came since the cursor of the last answer; it rejects when the server cannot be reached. */
  poll(hello: Hello, cursor: string): Promise<Answer>;
  post(hello: Hello, frames: Say[]): Promise<Answer>;
  now(): number;
  later(milliseconds: number, act: () => void): () => void;
  /** chance is a random number from 0 to 1. */
  chance(): number;
  /** hidden tells that nobody is looking. */
  hidden(): boolean;
}

export interface Socket {
  send(text: string): void;
  close(): void;
  onopen: (() => void) | null;
  onmessage: ((text: string) => void) | null;
  onclose: (() => void) | null;
}

/** Where a link stands: not started, trying for the first time, connected, asking again and again, cut, turned away. */
export type LinkState = 'idle' | 'connecting' | 'live' | 'polling' | 'lost' | 'unknown-channel';

const second = 1000;
const greetWithin = 10 * second;
const pingEvery = 20 * second;
const pongWithin = 8 * second;
const wakeWithin = 4 * second;
const firstPause = 0.5 * second;
const longestPause = 30 * second;
const crowdedPause = 60 * second;
const pollPause = 1 * second;
const pollPauseHidden = 5 * second;
const socketAgainAfter = 120 * second;
/** attempts without a greeting before the link asks over HTTP instead: few where no socket has ever worked */
const patience = 2;
const patienceProven = 6;

/**
 * Link keeps the panel connected: over a WebSocket, over HTTP where those are blocked, and again after every loss. It
 * passes frames and knows nothing of their meaning, but for the greeting and the farewell.
 */
export class Link {
  state: LinkState = 'idle';
  private socket: Socket | undefined;
  private greeted = false;
  private proven = false;
  private failures = 0;
  private heardAt = 0;
  /** for how long we were asked to stay away */
  private away = 0;
  private cursor = '';
  private pollUntil = 0;
  private cancels = new Set<() => void>();
  /** whatever belongs to an earlier attempt is void */
  private turn = 0;
  private posts: Promise<void> = Promise.resolve();

  constructor(
    private readonly machine: Machine,
    private readonly hello: () => Hello,
    private readonly told: (frame: Told, hello: Hello) => void,
    private readonly changed: () => void,
  ) {}

  /** ready tells that frames can leave. */
  get ready(): boolean {
    return this.greeted && (this.state === 'live' || this.state === 'polling');
  }

  start(): void {
    if (this.state === 'idle' || this.state === 'unknown-channel') this.connect('connecting');
  }

  stop(): void {
    this.drop();
    this.failures = 0;
    this.be('idle');
  }

  /** again says hello anew, because what it says has changed. */
  again(): void {
    if (this.state !== 'idle' && this.state !== 'unknown-channel') this.connect(this.state === 'live' ? 'connecting' : this.state);
  }

  /** wake is called when the machine slept, the network came back or somebody looks again: it finds out at once. */
  wake(): void {
    if (this.state === 'lost') {
      this.failures = 0;
      this.connect('lost');
    } else if (this.state === 'live') this.ping(wakeWithin);
  }

  /** send passes a frame on; false when it cannot leave now. */
  send(frame: Say): boolean {
    if (!this.ready) return false;
    if (this.state === 'polling') this.post(frame);
    else this.socket?.send(JSON.stringify(frame));
    return true;
  }

  private connect(state: LinkState): void {
    this.drop();
    this.state = state;
    this.changed();
    const turn = this.turn;
    const socket = this.machine.socket();
    this.socket = socket;
    let hello = this.hello();
    const ours = (act: () => void) => () => {
      if (turn === this.turn) act();
    };
    const cancel = this.after(state === 'polling' ? wakeWithin : greetWithin, () => this.failed());
    socket.onopen = ours(() => socket.send(JSON.stringify((hello = this.hello()))));
    socket.onclose = ours(() => this.failed());
    socket.onmessage = (text) => {
      const frame = parse(text);
      if (turn !== this.turn || !frame) return;
      this.heardAt = this.machine.now();
      if (frame.t === 'bye') this.bye(frame);
      if (frame.t === 'welcome') {
        cancel();
        if (!this.greeted) this.after(pingEvery, () => this.ping(pongWithin));
        this.greeted = true;
        this.proven = true;
        this.failures = 0;
        this.be('live');
      }
      this.told(frame, hello);
    };
  }

  private bye({ code, after }: Extract<Told, { t: 'bye' }>): void {
    if (code === 'too-many' || code === 'bad-frame') this.away = Math.max(crowdedPause, (after ?? 0) * second);
    if (code === 'unknown-channel') {
      this.drop();
      this.be('unknown-channel');
    }
  }

  /** ping asks for a sign of life, and gives the connection up without one. */
  private ping(within: number): void {
    const asked = this.machine.now();
    this.socket?.send(JSON.stringify({ t: 'ping', at: asked } satisfies Say));
    this.after(within, () => {
      if (this.heardAt < asked) this.failed();
      else if (within === pongWithin) this.after(pingEvery - within, () => this.ping(pongWithin));
    });
  }

  private failed(): void {
    const polling = this.state === 'polling';
    if (!this.greeted) this.failures++;
    this.drop();
    if (!polling && (this.failures < (this.proven ? patienceProven : patience) || this.away)) return this.pause();
    this.pollUntil = this.machine.now() + socketAgainAfter;
    void this.poll();
  }

  private pause(): void {
    this.be(this.failures === 1 && this.state === 'connecting' ? 'connecting' : 'lost');
    const most = Math.min(longestPause, firstPause * 2 ** this.failures);
    const pause = this.away || most;
    this.away = 0;
    this.after(pause * (0.5 + this.machine.chance() / 2), () => this.connect(this.state));
  }

  private async poll(): Promise<void> {
    const turn = this.turn;
    const hello = this.hello();
    let frames: Told[];
    try {
      const answer = await this.machine.poll(hello, this.cursor);
      frames = answer.frames;
      if (turn === this.turn) this.cursor = answer.cursor ?? '';
    } catch {
      if (turn !== this.turn) return;
      this.cursor = '';
      this.greeted = false;
      this.failures++;
      this.be('lost');
      return this.pause();
    }
    if (turn !== this.turn) return;
    this.failures = patience;
    this.greeted = true;
    this.be('polling');
    for (const frame of frames) this.hear(frame, hello);
    if (turn !== this.turn) return;
    if (this.away) return this.pause();
    // From time to time a socket is tried again; until it greets, nothing changes for the visitor.
    if (this.machine.now() >= this.pollUntil) this.connect('polling');
    else this.after(this.machine.hidden() ? pollPauseHidden : pollPause, () => void this.poll());
  }

  private post(frame: Say): void {
    const turn = this.turn;
    this.posts = this.posts.then(async () => {
      if (turn !== this.turn) return;
      const hello = this.hello();
      try {
        const { frames } = await this.machine.post(hello, [frame]);
        if (turn === this.turn) for (const answer of frames) this.hear(answer, hello);
      } catch {
        // What matters is sent again: the outbox has not heard of it.
      }
    });
  }

  private hear(frame: Told, hello: Hello): void {
    if (frame.t === 'bye') this.bye(frame);
    this.told(frame, hello);
  }

  private drop(): void {
    this.turn++;
    this.greeted = false;
    this.cursor = '';
    for (const cancel of this.cancels) cancel();
    this.cancels.clear();
    const socket = this.socket;
    this.socket = undefined;
    if (!socket) return;
    socket.onopen = socket.onmessage = socket.onclose = null;
    socket.close();
  }

  private after(milliseconds: number, act: () => void): () => void {
    const cancel = this.machine.later(milliseconds, () => {
      this.cancels.delete(cancel);
      act();
    });
    this.cancels.add(cancel);
    return cancel;
  }

  private be(state: LinkState): void {
    if (this.state === state) return;
    this.state = state;
    this.changed();
  }
}
