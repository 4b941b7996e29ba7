/** The self-diagnosis as it runs: what is looked at, in which order, and what has been found so far. */
import { answered, api } from '$lib/api/client';
import { permission } from '$lib/notify.svelte';
import type { Finding } from './finding';
import { judgeClock, judgeHttp, judgeKeeping, judgeNotifications, judgeProxy, judgeSafety, judgeServer, judgeSocket, type Diagnosis } from './judge';
import { timeRequests, tryKeeping, trySocket } from './probe';

export class Examination {
  running = $state(false);
  finishedAt = $state.raw<Date>();
  #kept = $state.raw<Finding[]>([]);

  /** What is found; the permission to notify can change while one looks. */
  findings = $derived.by(() => [...this.#kept, judgeNotifications(permission())]);

  constructor(readonly version: string) {}

  async run(): Promise<void> {
    if (this.running) return;
    this.running = true;
    this.finishedAt = undefined;
    this.#kept = [];
    const page = new URL(location.href);
    const keeping = await tryKeeping();
    this.#found(judgeKeeping(keeping.works, keeping.free), judgeSafety(isSecureContext, page));
    // The first request opens the connection; it is not counted.
    const [, ...times] = await timeRequests('/api/v1/about', 4);
    const reached = times.some((t) => t !== undefined);
    this.#found(judgeHttp(times, navigator.onLine));
    const begun = Date.now();
    const seen = reached ? await this.#ask() : undefined;
    this.#found(judgeClock(seen && Date.parse(seen.time) - (begun + Date.now()) / 2), ...(seen ? judgeProxy(seen, page) : []), ...judgeServer(seen, reached, seen?.version || this.version));
    const socket = reached ? await trySocket('/api/v1/diagnosis/socket') : undefined;
    this.#found(judgeSocket(socket ?? { state: 'blocked', echoes: [] }, reached));
    this.running = false;
    this.finishedAt = new Date();
  }

  #found(...findings: Finding[]): void {
    this.#kept = [...this.#kept, ...findings];
  }

  async #ask(): Promise<Diagnosis | undefined> {
    try {
      return answered(await api.GET('/api/v1/diagnosis'));
    } catch {
      return undefined;
    }
  }
}
