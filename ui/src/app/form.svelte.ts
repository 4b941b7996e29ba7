/** What the forms of the entry pages share: which field is wrong and why, what went wrong at all, and who is busy. */
import { ApiError } from '$lib/api/client';
import { sentence } from '$lib/problem';
import { t } from '$lib/i18n/index.svelte';

export class Form<Name extends string> {
  errors = $state<Partial<Record<Name, string>>>({});
  problem = $state<unknown>();
  busy = $state(false);

  constructor(readonly fields: readonly Name[]) {}

  /** Takes a field's complaint back, once somebody types in it. */
  mend(name: Name): void {
    delete this.errors[name];
  }

  /** submit checks, then does; a failure about a field stands at that field, any other above the button. */
  async submit(form: HTMLFormElement, check: () => Partial<Record<Name, string>>, act: () => Promise<void>): Promise<void> {
    if (this.busy) return;
    this.problem = undefined;
    this.errors = check();
    if (this.#focus(form)) return;
    this.busy = true;
    try {
      await act();
    } catch (error) {
      const field = error instanceof ApiError ? this.fields.find((name) => name === error.field) : undefined;
      if (field) this.errors[field] = sentence(error);
      else this.problem = error;
    } finally {
      this.busy = false;
    }
    queueMicrotask(() => this.#focus(form));
  }

  #focus(form: HTMLFormElement): boolean {
    const wrong = this.fields.find((name) => this.errors[name]);
    if (wrong) form.querySelector<HTMLElement>(`[name="${wrong}"]`)?.focus();
    return wrong !== undefined;
  }
}

/** needed is the complaint about an empty field, or nothing. */
export const needed = (value: string): string | undefined => (value.trim() === '' ? t('common.required') : undefined);

/** emailFault is the complaint about an e-mail address, or nothing. */
export const emailFault = (value: string): string | undefined =>
  needed(value) ?? (/^[^\s@]+@[^\s@]+$/.test(value.trim()) ? undefined : t('common.bad-email'));
