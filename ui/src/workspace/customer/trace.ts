/** The routing trace in words: the server tells steps and facts, the sentences are the catalogue's. */
import type { Schema } from '$lib/api/client';
import { known, t, type TextKey } from '$lib/i18n/index.svelte';

type Entry = Schema<'TraceEntry'>;

/** How a candidate fared, as core/routing says it. */
interface Candidate {
  agent: string;
  free: number;
  result: string;
}

interface Facts {
  agent?: string;
  to?: string;
  queue?: string;
  candidates?: Candidate[];
  declines?: number;
}

export interface Step {
  at: string;
  text: string;
  details: string[];
  /** It decided who has the conversation now. */
  decisive: boolean;
}

/** Names of those a step is about. */
export interface Who {
  me: string;
  agent: (id: string) => string;
  queue: (id: string) => string;
}

/** Steps after which whoever had the conversation has it no longer. */
const givenUp = new Set(['disconnected', 'left', 'transferred', 'queued', 'offered']);

/** steps are the entries of a trace as people read them, oldest first. */
export function steps(entries: readonly Entry[], who: Who): Step[] {
  const taken = entries.findLastIndex((e) => e.step === 'accepted' || e.step === 'picked');
  const last = entries.slice(taken + 1).some((e) => givenUp.has(e.step)) ? -1 : taken;
  return entries.map((entry, i) => {
    const facts = (entry.facts ?? {}) as Facts;
    return { at: entry.at, text: textOf(entry, facts, who), details: detailsOf(entry, facts, who), decisive: i === last };
  });
}

function textOf(entry: Entry, facts: Facts, who: Who): string {
  let step = entry.step;
  if (step === 'transferred') step = facts.queue ? 'transferred-queue' : 'transferred-agent';
  const own = facts.agent === who.me ? `workspace.customer.trace.${step}.you` : '';
  const key = own && known(own) ? own : `workspace.customer.trace.${step}`;
  if (!known(key)) return entry.text;
  const name = (id: string | undefined) => (id ? who.agent(id) || id : '');
  return t(key, { agent: name(facts.agent), to: name(facts.to), queue: facts.queue ? who.queue(facts.queue) || facts.queue : '' });
}

const reasons: Record<string, TextKey> = {
  presence: 'workspace.customer.trace.not-there',
  capacity: 'workspace.customer.trace.no-capacity',
  'declined too often': 'workspace.customer.trace.declined-often',
  'declined before': 'workspace.customer.trace.declined-before',
};

function detailsOf(entry: Entry, facts: Facts, who: Who): string[] {
  const candidates = facts.candidates ?? [];
  const details: string[] = [];
  if (entry.step === 'offered') {
    const chosen = candidates.find((c) => c.result === 'chosen');
    const others = candidates.filter((c) => c.result === 'eligible');
    if (!chosen) details.push(t('workspace.customer.trace.before'));
    else if (others.length === 0) details.push(t('workspace.customer.trace.only', { free: chosen.free }));
    else if (others.some((c) => c.free === chosen.free)) details.push(t('workspace.customer.trace.idle', { free: chosen.free }));
    else details.push(t('workspace.customer.trace.most', { free: chosen.free }));
  }
  if (entry.step === 'queued' && candidates.length > 0) details.push(t('workspace.customer.trace.nobody'));
  for (const [result, text] of Object.entries(reasons)) {
    const names = candidates.filter((c) => c.result === result).map((c) => who.agent(c.agent) || c.agent);
    if (names.length > 0) details.push(t(text, { names: names.join(', '), count: names.length }));
  }
  return details;
}
