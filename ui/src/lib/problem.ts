/** What went wrong, in words of the interface. */
import { ApiError, Unreachable } from './api/client';
import { known, t } from './i18n/index.svelte';

/** sentence is what to tell a person about a failure: our text for the code and field, else the server's own words. */
export function sentence(error: unknown): string {
  if (error instanceof Unreachable) return t('problem.offline');
  if (!(error instanceof ApiError)) return t('problem.unexpected');
  for (const key of [`problem.${error.code}.${error.field}`, `problem.${error.code}`]) if (known(key)) return t(key);
  return error.message || t('problem.unexpected');
}
