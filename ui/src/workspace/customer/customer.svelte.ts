/** What the customer panel shows beside the conversation itself: the contact, and who else it may be. */
import { answered, api, type Contact, type Conversation } from '$lib/api/client';
import { fold } from '../palette/find';

const suggestionsMost = 2;

/** Pairs of contacts that somebody here has said are different people; kept until the page is left. */
const different = new Set<string>();

export class Customer {
  contact = $state.raw<Contact>();
  error = $state.raw<unknown>();
  suggestions = $state.raw<Contact[]>([]);
  past = $state.raw<Conversation[]>([]);
  more = $state('');
  #asked = 0;

  /** load brings the contact up to date; an answer that was overtaken by a later question is dropped. */
  async load(id: string): Promise<void> {
    const asked = ++this.#asked;
    if (this.contact && this.contact.id !== id) {
      this.contact = undefined;
      this.suggestions = [];
      this.past = [];
    }
    try {
      const [contact, past] = await Promise.all([
        api.GET('/api/v1/contacts/{contact}', { params: { path: { contact: id } } }).then(answered),
        api.GET('/api/v1/contacts/{contact}/conversations', { params: { path: { contact: id }, query: { limit: 10 } } }).then(answered),
      ]);
      if (asked !== this.#asked) return;
      this.contact = contact;
      this.past = past.items;
      this.more = past.next;
      this.error = undefined;
    } catch (error) {
      if (asked === this.#asked) this.error = error;
      return;
    }
    await this.#suggest(asked);
  }

  /** older fetches the next page of past conversations. */
  async older(): Promise<void> {
    const contact = this.contact?.id;
    if (!contact || !this.more) return;
    const page = answered(await api.GET('/api/v1/contacts/{contact}/conversations', { params: { path: { contact }, query: { limit: 20, cursor: this.more } } }));
    if (this.contact?.id !== contact) return;
    this.past = [...this.past, ...page.items];
    this.more = page.next;
  }

  take(contact: Contact): void {
    this.contact = contact;
  }

  /** differ remembers that a suggestion is somebody else. */
  differ(other: Contact): void {
    if (this.contact) different.add(pair(this.contact, other));
    this.suggestions = this.suggestions.filter((s) => s.id !== other.id);
  }

  /** A suggestion is never a merge: it is shown, and a person decides. */
  async #suggest(asked: number): Promise<void> {
    const contact = this.contact;
    const query = contact && (contact.email || contact.phone || contact.name);
    if (!contact || !query) return;
    try {
      const found = answered(await api.GET('/api/v1/contacts', { params: { query: { query, limit: 8 } } }));
      if (asked !== this.#asked) return;
      this.suggestions = found.items.filter((other) => alike(contact, other) && !different.has(pair(contact, other))).slice(0, suggestionsMost);
    } catch {
      // Without suggestions nothing is missing.
    }
  }
}

const pair = (a: Contact, b: Contact): string => [a.id, b.id].sort().join(' ');

/** alike tells whether two contacts may be one person: the same address or telephone number, or the same full name. */
export function alike(a: Contact, b: Contact): boolean {
  if (a.id === b.id) return false;
  const same = (x: string, y: string) => x !== '' && fold(x.trim()) === fold(y.trim());
  return same(a.email, b.email) || same(a.phone.replace(/\D/g, ''), b.phone.replace(/\D/g, '')) || (same(a.name, b.name) && a.name.trim().includes(' '));
}
