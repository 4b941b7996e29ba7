/** What is written about a contact, and what becomes of it when a colleague writes at the same time. */
import type { Contact } from '$lib/api/client';

export const contactFields = ['name', 'email', 'phone', 'company', 'language', 'note'] as const;
export type ContactField = (typeof contactFields)[number];
export type Fields = Record<ContactField, string>;

export const fieldsOf = (contact: Pick<Contact, ContactField>): Fields => Object.fromEntries(contactFields.map((field) => [field, contact[field]])) as Fields;

/** changed are the fields that differ, with what they are now. */
export function changed(before: Fields, now: Fields): Partial<Fields> {
  return Object.fromEntries(contactFields.filter((field) => before[field] !== now[field]).map((field) => [field, now[field]]));
}

/** Meanwhile is a field that a colleague has changed since it was read. */
export interface Meanwhile {
  field: ContactField;
  before: string;
  now: string;
  /** It was changed here too, otherwise: somebody has to say which it is. */
  clash: boolean;
}

/** meanwhile tells what was changed since a contact was read, and which of it was changed here too. */
export function meanwhile(read: Fields, typed: Fields, now: Fields): Meanwhile[] {
  const theirs = changed(read, now);
  return contactFields
    .filter((field) => field in theirs)
    .map((field) => ({ field, before: read[field], now: now[field], clash: typed[field] !== read[field] && typed[field] !== now[field] }));
}

/** joined is what was typed, with what a colleague has changed where nothing was typed. */
export function joined(read: Fields, typed: Fields, now: Fields): Fields {
  return Object.fromEntries(contactFields.map((field) => [field, typed[field] === read[field] ? now[field] : typed[field]])) as Fields;
}
