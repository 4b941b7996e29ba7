import { ApiError } from '$lib/api/client';
import { language } from '$lib/i18n/index.svelte';

/**
 * What a page reads from the server: loaded at once, again every `every` milliseconds while the page is seen, and on
 * demand. What is read again and again is so too when the language changes, for some of it may be a plugin's words. What was
 * read before stays while it is read again, and while that fails.
 */
export class Resource<T> {
  value = $state.raw<T | undefined>();
  error = $state.raw<unknown>();
  loading = $state(true);

  constructor(
    private readonly load: () => Promise<T>,
    every = 0,
  ) {
    $effect(() => {
      if (every) void language();
      void this.reload();
      if (!every) return;
      const timer = setInterval(() => document.visibilityState === 'visible' && void this.reload(), every);
      return () => clearInterval(timer);
    });
  }

  /** forbidden: the server says that this person may not see it. */
  readonly forbidden = $derived(this.error instanceof ApiError && this.error.status === 403);

  async reload(): Promise<void> {
    this.loading = true;
    try {
      this.value = await this.load();
      this.error = undefined;
    } catch (error) {
      this.error = error;
    } finally {
      this.loading = false;
    }
  }
}
