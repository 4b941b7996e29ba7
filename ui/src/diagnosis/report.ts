/** What was found, as plain text, to be sent to whoever runs the server. It holds no name, no message and no secret. */
import { t } from '$lib/i18n/index.svelte';
import { hops, type Finding } from './finding';

export function report(findings: readonly Finding[], at: Date, page: string, browser: string): string {
  const lines = [t('workspace.diagnosis.report'), at.toISOString(), page, browser];
  for (const hop of hops) {
    const here = findings.filter((f) => f.hop === hop);
    if (here.length === 0) continue;
    lines.push('', t(`workspace.diagnosis.hop.${hop}`));
    for (const f of here) {
      lines.push(`  [${t(`workspace.diagnosis.verdict.${f.verdict}`)}] ${t(f.text, f.values)}`);
      if (f.remedy) lines.push(`      ${t(f.remedy, f.remedyValues ?? f.values)}`);
    }
  }
  return lines.join('\n') + '\n';
}
