/** An answer's date is less sure than this, in ms: it knows whole seconds only. */
const doubt = 1_000;
/** A difference below this is no news, in ms. */
const least = 50;

/** The server's clock, compared with this browser's. */
export class ServerClock {
  /** The server's less this browser's, in ms. */
  skew = $state(0);
  #told: number[] = [];

  /** heard takes in what the socket says of the time. What had the shortest way here is the best of the last few. */
  heard(server: number): void {
    this.#told = [...this.#told.slice(-4), server - Date.now()];
    this.#set(Math.max(...this.#told), least);
  }

  /** dated takes in the date of an answer; the socket says it better. */
  dated(server: Date): void {
    if (this.#told.length === 0) this.#set(server.getTime() + 500 - Date.now(), doubt);
  }

  #set(skew: number, than: number): void {
    if (Math.abs(skew - this.skew) > than) this.skew = skew;
  }
}
