/**
 * The one way to the server's API. Paths, bodies and answers are typed by `schema.d.ts`, which is generated from the
 * OpenAPI document that the server serves (`scripts/build-ui` writes both).
 */
import createClient from 'openapi-fetch';
import { untrack } from 'svelte';
import { language } from '../i18n/index.svelte';
import type { components, paths } from './schema';

export type Schema<Name extends keyof components['schemas']> = components['schemas'][Name];

export type Conversation = Schema<'Conversation'>;
export type ConversationDetail = Schema<'ConversationDetail'>;
export type Message = Schema<'Message'>;
export type Attachment = Schema<'Attachment'>;
export type Contact = Schema<'Contact'>;
export type Offer = Schema<'Offer'>;
export type Agent = Schema<'Agent'>;
export type Me = Schema<'Me'>;

/** ApiError is what the server says when it does not do what was asked: a code for us, a sentence for people. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly field?: string,
  ) {
    super(message);
  }
}

/** Unreachable means that the server did not answer at all: the act may or may not have happened. */
export class Unreachable extends Error {
  constructor() {
    super('unreachable');
  }
}

const whenSignedOut = new Set<() => void>();
const whenDated = new Set<(at: Date) => void>();

/** onSignedOut adds what happens when the server no longer knows who we are; the result takes it away again. */
export function onSignedOut(then: () => void): () => void {
  whenSignedOut.add(then);
  return () => whenSignedOut.delete(then);
}

/** signedOut tells everyone concerned that the server no longer knows who we are. */
export function signedOut(): void {
  for (const then of [...whenSignedOut]) then();
}

/** onDate is told the server's clock with every answer, to the second; the result ends it. */
export function onDate(then: (at: Date) => void): () => void {
  whenDated.add(then);
  return () => whenDated.delete(then);
}

let ours = (): boolean => true;

/**
 * onlyWhile lets nothing be changed at the server unless a condition holds: it is ours who is signed in. Signing in
 * itself is always possible. The result takes the condition away.
 */
export function onlyWhile(holds: () => boolean): () => void {
  ours = holds;
  return () => {
    if (ours === holds) ours = () => true;
  };
}

/** A call that takes longer counts as not answered, in milliseconds. Uploads do not go this way. */
const patience = 30_000;

async function reach(request: Request): Promise<Response> {
  if (request.method !== 'GET' && !ours() && !request.url.endsWith('/sign-in')) {
    signedOut();
    throw new Unreachable();
  }
  request.headers.set('Accept-Language', untrack(language)); // of what plugins say; whoever asks says whether to ask anew in another
  let answer: Response;
  try {
    answer = await fetch(request, { signal: AbortSignal.any([request.signal, AbortSignal.timeout(patience)]) });
  } catch {
    throw new Unreachable();
  }
  if (answer.status >= 502 && answer.headers.get('Content-Type')?.includes('html')) throw new Unreachable(); // a proxy's page
  const date = Date.parse(answer.headers.get('Date') ?? '');
  if (!Number.isNaN(date)) for (const then of whenDated) then(new Date(date));
  return answer;
}

export const api = createClient<paths>({ baseUrl: '/', fetch: reach, credentials: 'same-origin' });

/** answered unwraps what a call of `api` returned: its data, or an ApiError. */
export function answered<T>(result: { data?: T; error?: unknown; response: Response }): T {
  if (result.response.ok) return result.data as T;
  const problem = (result.error ?? {}) as Partial<Schema<'Problem'>>;
  if (result.response.status === 401 && !result.response.url.endsWith('/sign-in')) signedOut();
  throw new ApiError(result.response.status, problem.code ?? 'unexpected', problem.detail ?? problem.title ?? '', problem.field);
}
