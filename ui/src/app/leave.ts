import { answered, api } from '$lib/api/client';
import { remembered } from '$lib/remembered';

/** signOut ends the sign-in of this browser. Somebody whom the server no longer knows is signed out already. */
export async function signOut(): Promise<void> {
  const result = await api.DELETE('/api/v1/sign-in');
  if (result.response.status !== 401) answered(result);
  // Whoever sits here next need not find what the server has too.
  for (const key of remembered.keys('guichet.draft.')) if (remembered.read<{ saved?: boolean }>(key)?.saved) remembered.forget(key);
}
