import { ApiError, Unreachable, type Conversation, type Offer } from '../api/client';
import type { EndedOffer, Ringing } from './types';

/** An offer that ends with less than this left has run out, in ms. */
const ranOut = 1_500;
/** How long after its end an offer of which the server says nothing more is taken away, in ms. */
const overdue = 3_000;

/** The offers that ring. Their time is counted by this browser's monotonic clock, from what the server said was left. */
export class Offers {
  ringing = $state.raw<readonly Ringing[]>([]);
  ended = $state.raw<EndedOffer | undefined>();

  readonly #answered = new Set<string>(); // by us, here
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    readonly me: string,
    readonly conversation: (id: string) => Conversation | undefined,
  ) {}

  ring(offer: Offer, at: number): void {
    if (this.#answered.has(offer.id)) return;
    const known = this.ringing.find((o) => o.id === offer.id);
    const now: Ringing = { ...offer, endsAt: at + offer.remaining_ms, totalMs: known?.totalMs ?? offer.remaining_ms };
    this.ringing = known ? this.ringing.map((o) => (o === known ? now : o)) : [...this.ringing, now];
    this.#watch();
  }

  /** replace takes in all that ring. */
  replace(offers: readonly Offer[], at: number): void {
    for (const gone of this.ringing) if (!offers.some((o) => o.id === gone.id)) this.end(gone.id);
    for (const offer of offers) this.ring(offer, at);
  }

  /** end takes in that an offer rings no longer. */
  end(id: string): void {
    const offer = this.ringing.find((o) => o.id === id);
    if (!offer) return;
    this.ringing = this.ringing.filter((o) => o !== offer);
    if (!this.#answered.delete(id)) this.ended = { offer, how: this.#how(offer) };
    this.#watch();
  }

  /** answer takes an offer away while it is answered here; it comes back when that fails and it may still ring. */
  async answer<T>(id: string, act: () => Promise<T>): Promise<T> {
    const offer = this.ringing.find((o) => o.id === id);
    this.#answered.add(id);
    this.ringing = this.ringing.filter((o) => o.id !== id);
    try {
      return await act();
    } catch (error) {
      if (error instanceof Unreachable || (error instanceof ApiError && error.status >= 500)) {
        this.#answered.delete(id);
        if (offer && offer.endsAt > performance.now() && !this.ringing.some((o) => o.id === id)) this.ringing = [...this.ringing, offer];
        this.#watch();
      }
      throw error;
    }
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  #how(offer: Ringing): EndedOffer['how'] {
    if (offer.endsAt - performance.now() < ranOut) return 'missed';
    return this.conversation(offer.conversation)?.assignee ? 'elsewhere' : 'withdrawn';
  }

  /** #watch ends what has run out while nobody told us. */
  #watch(): void {
    clearTimeout(this.#timer);
    if (this.ringing.length === 0) return;
    const next = Math.min(...this.ringing.map((o) => o.endsAt)) + overdue - performance.now();
    this.#timer = setTimeout(
      () => {
        for (const o of this.ringing) if (o.endsAt + overdue <= performance.now()) this.end(o.id);
        this.#watch();
      },
      Math.max(next, 50),
    );
  }
}
