/** Who takes a conversation wants to write: the composer takes the focus as soon as it is there. */
let wished = $state('');

/** wishToWrite asks the composer of a conversation for the focus. On a touch screen it would only bring the keyboard up. */
export function wishToWrite(conversation: string): void {
  if (!matchMedia('(pointer: coarse)').matches) wished = conversation;
}

/** wantsToWrite tells whether that was wished of this conversation. */
export const wantsToWrite = (conversation: string): boolean => wished === conversation;

export function forgetWish(): void {
  wished = '';
}
