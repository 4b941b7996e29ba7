/** What an agent does with a conversation besides writing. The live connection brings what came of it to every page. */
import { answered, api, type ConversationDetail } from '$lib/api/client';

export type Verb = 'pick' | 'end' | 'leave' | 'reopen' | 'close';

/** act asks the server; an ApiError says why it refuses. */
export async function act(verb: Verb, conversation: string): Promise<ConversationDetail> {
  return answered(await api.POST(`/api/v1/conversations/{conversation}/${verb}`, { params: { path: { conversation } } }));
}

/** transfer hands a conversation to a queue or to a colleague. */
export async function transfer(conversation: string, to: { queue: string } | { agent: string }): Promise<ConversationDetail> {
  return answered(await api.POST('/api/v1/conversations/{conversation}/transfer', { params: { path: { conversation } }, body: to }));
}
