const lasts = 6_000; // ms after which it wears off by itself
const customer = 'customer';

/** Who writes in a conversation, as far as the socket tells. */
export class Typing {
  customer = $state(false);
  colleagues = $state.raw<readonly string[]>([]); // agents' ids
  readonly #until = new Map<string, ReturnType<typeof setTimeout>>();

  constructor(readonly me: string) {}

  /** begins notes that somebody writes. */
  begins(from: { kind: string; id: string }): void {
    const who = whose(from);
    if (who === this.me) return;
    clearTimeout(this.#until.get(who));
    this.#until.set(
      who,
      setTimeout(() => this.stops(from), lasts),
    );
    this.#show();
  }

  /** stops notes that somebody writes no longer. */
  stops(from: { kind: string; id: string }): void {
    const timer = this.#until.get(whose(from));
    if (timer === undefined) return;
    clearTimeout(timer);
    this.#until.delete(whose(from));
    this.#show();
  }

  /** forget forgets everyone: nobody tells any more. */
  forget(): void {
    for (const timer of this.#until.values()) clearTimeout(timer);
    this.#until.clear();
    this.#show();
  }

  #show(): void {
    this.customer = this.#until.has(customer);
    this.colleagues = [...this.#until.keys()].filter((who) => who !== customer);
  }
}

const whose = (from: { kind: string; id: string }): string => (from.kind === 'customer' ? customer : from.id);
