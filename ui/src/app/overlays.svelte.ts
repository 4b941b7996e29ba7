/** Which of the windows over the pages is open. Any page may open one. */
export type Overlay = 'palette' | 'shortcuts' | 'settings' | 'password';

let open = $state<Overlay | undefined>();

export const overlay = (): Overlay | undefined => open;

export function show(which: Overlay): void {
  open = which;
}

export function hide(): void {
  open = undefined;
}
