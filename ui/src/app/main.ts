import { mount } from 'svelte';
import App from './App.svelte';
import './app.css';
import { language } from '$lib/i18n/index.svelte';
import { show } from '$lib/settings.svelte';

document.documentElement.lang = language();
show();
mount(App, { target: document.getElementById('app')! });
