import { mount } from 'svelte';
import '$lib/styles/tokens.css';
import '../panel.css';
import Panel from './Panel.svelte';
import { speak } from './texts.svelte';

// The page greets once, as soon as the frame is there. A language may take longer to come: what is said until then is
// heard afterwards.
const early: MessageEvent[] = [];
const hear = (event: MessageEvent) => void early.push(event);
addEventListener('message', hear);
await speak(document.documentElement.lang);
removeEventListener('message', hear);
mount(Panel, { target: document.body, props: { channel: document.documentElement.dataset.channel ?? '' } });
for (const { data, origin, source } of early) dispatchEvent(new MessageEvent('message', { data, origin, source }));
