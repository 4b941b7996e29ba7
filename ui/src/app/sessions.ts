import type { Conversation } from '$lib/api/client';
import type { Desk } from '$lib/live/types';

/** openSessions are one's conversations as the rail shows them: in the order in which they began, so none changes its place. */
export const openSessions = (desk: Desk): Conversation[] =>
  desk.view('mine').items.filter((c) => c.state !== 'closed').toSorted((a, b) => (a.id < b.id ? -1 : 1));
