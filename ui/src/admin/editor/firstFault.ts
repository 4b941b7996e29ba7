import { tick } from 'svelte';

/** toFirstFault puts the focus on the first field that has something wrong, or on what says so above. */
export async function toFirstFault(within: HTMLElement | undefined): Promise<void> {
  await tick();
  within?.querySelector<HTMLElement>('[aria-invalid="true"], [data-fault], [role="alert"][tabindex]')?.focus();
}
