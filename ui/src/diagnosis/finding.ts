/** What the self-diagnosis finds: one sentence for each thing that it looked at, with the remedy where there is one. */
import type { TextKey } from '$lib/i18n/index.svelte';

/** The way from this browser to the customers' channels, in order. */
export const hops = ['browser', 'network', 'proxy', 'server', 'storage', 'plugins'] as const;
export type Hop = (typeof hops)[number];

/** `unknown`: it could not be looked at, because of something before it. */
export type Verdict = 'waiting' | 'good' | 'advice' | 'bad' | 'unknown';

export interface Finding {
  id: string;
  hop: Hop;
  verdict: Verdict;
  text: TextKey;
  values?: Record<string, string | number>;
  remedy?: TextKey;
  remedyValues?: Record<string, string | number>;
  /** What to put into whose configuration, word for word. */
  example?: { text: TextKey; code: string };
  /** A short figure to stand at the hop. */
  figure?: { text: TextKey; values: Record<string, string | number> };
}

const rank: Verdict[] = ['good', 'unknown', 'waiting', 'advice', 'bad'];

/** worst is how a hop stands: as its worst finding. */
export const worst = (findings: readonly Finding[]): Verdict =>
  findings.reduce<Verdict>((so, f) => (rank.indexOf(f.verdict) > rank.indexOf(so) ? f.verdict : so), findings.length > 0 ? 'good' : 'unknown');
