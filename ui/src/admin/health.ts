import type { Schema } from '$lib/api/client';
import { t } from '$lib/i18n/index.svelte';

type Tone = 'ok' | 'warn' | 'danger' | 'quiet';

/** health says in a word how an account is doing, and what it is when it is not well. */
export function health(account: Schema<'Account'>): { tone: Tone; text: string; reason: string } {
  if (account.retired) return { tone: 'quiet', text: t('admin.health.retired'), reason: '' };
  if (account.problem) return { tone: 'danger', text: t('admin.health.closed'), reason: account.problem };
  return { ...running(account.state), reason: '' };
}

/** running says in a word what a plugin's process does. */
export function running(state: string): { tone: Tone; text: string } {
  switch (state) {
    case 'running':
      return { tone: 'ok', text: t('admin.health.live') };
    case 'starting':
      return { tone: 'quiet', text: t('admin.health.starting') };
    case 'backing-off':
    case 'backing off':
      return { tone: 'warn', text: t('admin.health.backing-off') };
    case 'failed':
      return { tone: 'danger', text: t('admin.health.failed') };
    case 'stopped':
      return { tone: 'quiet', text: t('admin.health.stopped') };
    default:
      return { tone: 'quiet', text: t('admin.health.off') };
  }
}

/** memory writes a size with a unit that fits: "31 MB". */
export function memory(bytes: number, language: string): string {
  const units = ['byte', 'kilobyte', 'megabyte', 'gigabyte'];
  let unit = 0;
  let value = bytes;
  while (value >= 1000 && unit < units.length - 1) [value, unit] = [value / 1000, unit + 1];
  return new Intl.NumberFormat(language, { style: 'unit', unit: units[unit], unitDisplay: 'short', maximumFractionDigits: value < 10 && unit > 0 ? 1 : 0 }).format(value);
}
