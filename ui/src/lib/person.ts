/**
 * Whose sign-in this browser holds. One cookie serves all its tabs: when somebody else signs in on one of them, the
 * others must not speak in that person's name.
 */
import { remembered } from './remembered';

const key = 'guichet.person';

export const person = {
  /** enters notes who has signed in. */
  enters(id: string): void {
    remembered.write(key, id);
  },

  /** may tells whether it can still be this person: a browser that keeps nothing cannot say. */
  may(id: string): boolean {
    return [undefined, id].includes(remembered.read<string>(key));
  },

  /** known tells whether the browser keeps who it is. */
  known(): boolean {
    return remembered.read(key) !== undefined;
  },

  /** onOther is told when another tab signs somebody else in; the result ends it. */
  onOther(id: string, then: () => void): () => void {
    const heard = (event: StorageEvent): void => {
      if (event.key === key && !person.may(id)) then();
    };
    window.addEventListener('storage', heard);
    return () => window.removeEventListener('storage', heard);
  },
};
