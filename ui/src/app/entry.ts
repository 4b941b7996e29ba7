/** The calls of the entry pages: what is known before anybody is signed in, and how people get in. */
import { answered, api, ApiError, type Me } from '$lib/api/client';

/** TooMany says how long to wait before the next try, in seconds. */
export class TooMany extends ApiError {
  constructor(
    cause: ApiError,
    readonly seconds: number,
  ) {
    super(cause.status, cause.code, cause.message);
  }
}

type Answer<T> = { data?: T; error?: unknown; response: Response };

function entered<T>(result: Answer<T>): T {
  try {
    return answered(result);
  } catch (error) {
    const wait = Number(result.response.headers.get('Retry-After'));
    throw error instanceof ApiError && error.code === 'rate-limited' && wait > 0 ? new TooMany(error, wait) : error;
  }
}

export interface About {
  name: string; // of the organization
  language: string;
  version: string;
  setup_needed: boolean;
}

/** about is what everybody may know of this desk. */
export const about = async (): Promise<About> => answered(await api.GET('/api/v1/about'));

/** whoAmI is who is signed in here, or undefined. */
export async function whoAmI(): Promise<Me | undefined> {
  const result = await api.GET('/api/v1/me');
  return result.response.status === 401 ? undefined : answered(result);
}

export const signIn = async (email: string, password: string): Promise<Me> =>
  entered(await api.POST('/api/v1/sign-in', { body: { email, password } }));

/** setUp makes the first administrator with the token of the one-time link, and signs them in. */
export async function setUp(form: { token: string; name: string; email: string; password: string }): Promise<Me> {
  try {
    return entered(await api.POST('/api/v1/setup', { body: form }));
  } catch (error) {
    // Here a conflict is one with the configuration, which other pages do not have.
    if (!(error instanceof ApiError) || error.code !== 'conflict') throw error;
    throw new ApiError(error.status, 'setup-conflict', error.message, error.field);
  }
}

/** invitation is for whom a one-time link was made. */
export const invitation = async (token: string): Promise<{ name: string; email: string }> =>
  entered(await api.POST('/api/v1/invitations/look', { body: { token } }));

/** acceptInvitation sets the password of the invited person and signs them in. */
export const acceptInvitation = async (token: string, password: string): Promise<Me> =>
  entered(await api.POST('/api/v1/invitations/accept', { body: { token, password } }));
