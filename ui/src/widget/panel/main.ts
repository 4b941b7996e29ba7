import { mount } from 'svelte';
import '$lib/styles/tokens.css';
import '../panel.css';
import Panel from './Panel.svelte';
import { speak } from './texts.svelte';

await speak(document.documentElement.lang);
mount(Panel, { target: document.body, props: { channel: document.documentElement.dataset.channel ?? '' } });
