/** What the interface knows about the kinds of channels: which glyph and ground each plugin has, and its name. */
import type { IconName } from './components/drawings';
import { known, t } from './i18n/index.svelte';

interface Look {
  ground: 'web' | 'line' | 'whatsapp' | 'telegram' | 'email' | 'google' | 'botframework' | 'custom';
  drawing: IconName;
}

const looks: Record<string, Look> = {
  webchat: { ground: 'web', drawing: 'c-web' },
  directline: { ground: 'web', drawing: 'c-web' },
  line: { ground: 'line', drawing: 'c-line' },
  whatsapp: { ground: 'whatsapp', drawing: 'c-whatsapp' },
  telegram: { ground: 'telegram', drawing: 'c-telegram' },
  email: { ground: 'email', drawing: 'c-email' },
  'google-business-messages': { ground: 'google', drawing: 'c-google' },
  rcs: { ground: 'google', drawing: 'c-google' },
  botframework: { ground: 'botframework', drawing: 'bot' },
};

/** lookOf is the glyph of a plugin; one that we do not know gets the plug. */
export const lookOf = (plugin: string): Look => looks[plugin] ?? { ground: 'custom', drawing: 'plug' };

/** channelName is the name of a kind of channel for people: "Web chat"; of one that we do not know, its own id. */
export function channelName(plugin: string): string {
  const key = `common.channel.${plugin}`;
  return known(key) ? t(key) : plugin;
}
