/** An account and its channels as they are written, and what somebody makes of them. */
import { api } from '$lib/api/client';
import type { Change } from './form';
import { propose } from './ids';
import { leftovers, type Leftovers } from './leftovers';
import type { House } from './ours';
import { placed, type Problem } from './problems';
import { ChannelSection, fieldsOf, Section } from './section.svelte';
import { inForce, objects, pluginOf, textOf, type Written } from './written';

/** What the file has besides the account and its channels, as far as they have to fit in. */
export interface Around {
  house: House;
  workstreams: string[]; // that can take conversations of the account's plugin
  channels: string[]; // every channel's id
  blank?: Written; // a channel that is not there yet
  addresses: boolean; // channels of one account are told apart by addresses, so there can be several
  consent: boolean; // the plugin asks for it
  left: Leftovers;
}

const ofChannel = (path: string): boolean => !['id', 'account'].includes(path);

export class AccountForm {
  readonly general: Section;
  readonly settings: Section;
  channels = $state.raw<ChannelSection[]>([]);

  constructor(
    private readonly account: Written,
    channels: Written[],
    readonly around: Around,
  ) {
    const tests = account.fields.some((f) => f.test_only);
    const part = (below: string, wanted: (path: string) => boolean) => {
      const { fields, before } = fieldsOf(account, below, wanted, around.house);
      return new Section('account', account.id, below, fields, before);
    };
    this.general = part('', (path) => path === 'name' || (path === 'test' && tests) || (path === 'consent' && around.consent));
    this.settings = part('settings.', () => true);
    this.channels = channels.map((c) => {
      const mine = textOf(c, 'workstream');
      const { fields, before } = fieldsOf(c, '', ofChannel, around.house, { workstream: around.workstreams.includes(mine) || !mine ? around.workstreams : [mine, ...around.workstreams] });
      return new ChannelSection(c, fields, before);
    });
  }

  readonly test = $derived.by(() => this.general.values['test'] === true);
  readonly sections: Section[] = $derived.by(() => [this.general, this.settings, ...this.channels]);
  readonly changes: Change[] = $derived.by(() => this.sections.flatMap((s) => s.changes(this.test)));
  private readonly staying = $derived.by(() => this.channels.filter((c) => !c.leaves).length);

  /** mayAdd: an account whose channels have no addresses of their own has one channel. */
  readonly mayAdd: boolean = $derived.by(() => this.around.blank !== undefined && (this.around.addresses || this.staying === 0));

  /** mayDrop: an account without a channel reaches nobody, so the last one goes only with the account. */
  mayDrop(channel: ChannelSection): boolean {
    return !channel.leaves && (channel.added !== undefined || this.staying > 1);
  }

  /** addChannel begins a new channel. */
  addChannel(): ChannelSection {
    const { fields, before } = fieldsOf(this.around.blank!, '', ofChannel, this.around.house, { workstream: this.around.workstreams });
    const others = [...this.around.channels, ...this.channels.map((c) => c.id)];
    const now = this.channels.find((c) => !c.added)?.values['workstream'];
    const begun = typeof now === 'string' && this.around.workstreams.includes(now) ? { ...before, workstream: now } : before;
    const channel = new ChannelSection(this.around.blank!, fields, begun, { account: this.account.id, others });
    channel.typed = propose(this.account.id, others, 'channel');
    this.channels = [...this.channels, channel];
    return channel;
  }

  /** dropChannel takes a new channel back, or has one that is written leave. */
  dropChannel(channel: ChannelSection): void {
    if (channel.added) this.channels = this.channels.filter((c) => c !== channel);
    else channel.leaves = true;
  }

  /** sorted puts problems at their fields, section by section. */
  sorted(problems: readonly Problem[]): { at: Map<Section, Record<string, string>>; rest: Problem[] } {
    const at = new Map<Section, Record<string, string>>();
    let rest = [...problems];
    for (const one of this.sections) {
      const mayName = one instanceof ChannelSection && one.added;
      const found = placed(rest, one.object, one.id, (path) => (mayName && path === 'id') || one.fields.some((f) => one.below + f.key === path));
      at.set(one, Object.fromEntries(Object.entries(found.at).map(([path, text]) => [path.slice(one.below.length), text])));
      rest = found.rest;
    }
    return { at, rest };
  }

  faults(): Map<Section, Record<string, string>> {
    return new Map(this.sections.map((s) => [s, s.faults(this.test)]));
  }
}

/** readAccount reads an account from the file; undefined when it is not written there. */
export async function readAccount(id: string): Promise<AccountForm | undefined> {
  const [accounts, channels, workstreams, queues, organization] = await Promise.all(['account', 'channel', 'workstream', 'queue', 'organization'].map((kind) => objects(kind)));
  const account = accounts!.items.find((a) => a.id === id);
  if (!account) return undefined;
  const plugin = textOf(account, 'plugin');
  const [schema, blank] = await Promise.all([api.GET('/api/v1/plugins/{plugin}/schema', { params: { path: { plugin } } }).then((answer) => answer.data), objects('channel', plugin).then((found) => found.blank)]);
  const house = organization!.items[0];
  return new AccountForm(account, channels!.items.filter((c) => textOf(c, 'account') === id), {
    house: { name: String(inForce(house, 'name') ?? ''), language: String(inForce(house, 'language') ?? '') },
    workstreams: workstreams!.items.filter((w) => w.id && ['', plugin].includes(pluginOf(w, channels!.items, accounts!.items))).map((w) => w.id),
    channels: channels!.items.map((c) => c.id),
    blank,
    addresses: (schema?.address.length ?? 0) > 0,
    consent: schema?.consent ?? false,
    left: leftovers(id, channels!.items, workstreams!.items, queues!.items),
  });
}
