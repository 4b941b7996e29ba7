import type { Message } from '$lib/api/client';

/**
 * firstReply is how long the customer waited for the first answer of an agent, in ms; 'none' when there is none yet,
 * undefined when it cannot be said because the beginning is not here (`whole` is false) or the customer wrote nothing.
 */
export function firstReply(messages: readonly Message[], whole: boolean): number | 'none' | undefined {
  if (!whole) return undefined;
  const asked = messages.find((m) => m.from.kind === 'customer');
  if (!asked) return undefined;
  const answer = messages.find((m) => m.seq > asked.seq && m.from.kind === 'agent' && m.visibility === 'public' && m.kind !== 'activity');
  return answer ? Math.max(0, Date.parse(answer.created_at) - Date.parse(asked.created_at)) : 'none';
}
