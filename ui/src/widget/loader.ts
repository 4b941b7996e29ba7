/**
 * /widget.js: what a shop's page loads. It draws the arch, opens the panel's frame when somebody wants it, and keeps
 * the frame over a change of page while a conversation goes on. At most 3 KB gzip; nothing of anybody else's is loaded.
 */
import type { FromPage, ToPage } from './panel/shop';

interface Config {
  language: string;
  color: string;
  position: string;
  hidden: boolean;
  title: string;
  organization: string;
}
type Provider = () => Record<string, unknown>;
type Listener = (event: Event) => void;

const texts = {
  en: ['Open the chat', 'unread', 'Minimise the chat', 'Chat', 'Close'],
  fr: ['Ouvrir la discussion', 'non lus', 'Réduire la discussion', 'Discussion', 'Fermer'],
};

(() => {
  const tag = (document.getElementById('guichet-chat') ?? document.currentScript) as HTMLScriptElement | null;
  const page = window as typeof window & { Guichet?: unknown; Microsoft?: unknown };
  if (!tag || page.Guichet) return;
  const data = tag.dataset;
  const on = (name: string) => data[name] !== undefined && data[name] !== 'false';
  const channel = data.appId ?? '';
  const base = new URL(data.orgUrl || tag.src, location.href).origin;
  const chat = `${base}/chat/${encodeURIComponent(channel)}`;
  const key = `guichet.${channel}`;

  let provider: Provider | undefined;
  let custom: Record<string, unknown> | undefined;
  let frame: HTMLIFrameElement | undefined;
  let ready = false;
  let open = false;
  let asked = false;
  let started = false;
  let config: Config | undefined;
  let words = texts.en;
  let unread = 0;

  const fire = (name: string, detail?: unknown) => dispatchEvent(new CustomEvent(name, { detail }));

  // Storage may be blocked; then a change of page closes the chat.
  const kept = (store: 'localStorage' | 'sessionStorage', value?: string): string | null => {
    try {
      if (value !== undefined) window[store][value ? 'setItem' : 'removeItem'](key, value);
      return window[store].getItem(key);
    } catch {
      return null;
    }
  };

  const host = document.createElement('div');
  const root = host.attachShadow({ mode: 'open' });
  const button = document.createElement('button');
  button.innerHTML =
    '<svg viewBox="0 0 32 32" aria-hidden="true"><g fill="none" stroke="currentColor" stroke-width="2.6" stroke-linecap="round"><path d="M5 28V14.5a11 11 0 0 1 22 0V28M2.5 28h27"/></g><path d="M10 22.6V14.8a6 6 0 0 1 12 0v7.8z" fill="currentColor"/></svg><b></b>';
  button.className = 'a';
  const badge = button.lastChild as HTMLElement;

  const context = () => {
    try {
      // What cannot be cloned (functions, a framework's proxies) would stop every word to the frame.
      return JSON.parse(JSON.stringify(custom ?? provider?.() ?? {}));
    } catch {
      fire('lcw:error', { errorCode: 1 });
      return undefined;
    }
  };
  const here = () => ({ url: location.href, title: document.title, referrer: document.referrer });
  const post = (word: FromPage) => ready && frame?.contentWindow?.postMessage(word, base);

  /** load puts the frame into the page, unseen, once. */
  const load = () => {
    if (frame || !config) return;
    frame = document.createElement('iframe');
    frame.title = `${words[3]}, ${config.title || config.organization}`;
    frame.allow = 'autoplay';
    frame.src = chat;
    frame.hidden = true;
    frame.onload = () => {
      ready = true;
      post({ guichet: 'hello', open, focus: asked, page: here(), context: context(), color: data.colorOverride, font: data.fontFamilyOverride, close: data.customCloseButtonText, bare: on('renderMobile') });
    };
    root.prepend(frame);
  };

  const draw = () => {
    host.className = open ? 'o' : '';
    if (frame) frame.hidden = !open;
    const count = unread > 99 ? '99+' : `${unread}`;
    button.ariaLabel = open ? words[2]! : unread ? `${words[0]}, ${count} ${words[1]}` : words[0]!;
    button.ariaExpanded = `${open}`;
    badge.textContent = unread && !open ? count : '';
    const title = document.title.replace(/^\(\d+\+?\) /, '');
    const next = unread ? `(${count}) ${title}` : title;
    if (next !== document.title) document.title = next;
  };

  const show = (focus = true) => {
    if (!config) return;
    if (on('openInWindow')) {
      window.open(chat, key, 'popup,width=400,height=680');
      return;
    }
    load();
    if (open) return;
    open = true;
    root.querySelector('p')?.remove();
    asked = focus;
    kept('sessionStorage', '1');
    draw();
    post({ guichet: 'open', focus, page: here(), context: context() });
    if (focus) frame!.focus();
    fire(started || !focus ? 'lcw:onMaximize' : 'lcw:startChat');
    started = true;
  };

  const shut = () => {
    if (!open) return;
    const inside = document.activeElement === host;
    open = false;
    kept('sessionStorage', '');
    draw();
    post({ guichet: 'shut' });
    if (inside) button.focus();
    fire('lcw:onMinimize');
  };

  addEventListener('message', (event: MessageEvent<ToPage>) => {
    if (!frame || event.source !== frame.contentWindow || event.origin !== base) return;
    const word = event.data;
    if (word.guichet === 'unread') {
      unread = word.count;
      draw();
    } else if (word.guichet === 'going') kept('localStorage', word.on ? '1' : '');
    else if (word.guichet === 'shut') shut();
    else if (/^lcw:/.test(word.name)) fire(word.name, word.detail);
  });

  /** invite shows a word beside the button for a minute, as long as the chat was not opened. */
  const invite = (message: string) => {
    root.querySelector('p')?.remove();
    if (open || !config) return;
    const paper = document.createElement('p');
    const [say, close] = [document.createElement('button'), document.createElement('button')];
    say.textContent = message;
    say.dir = 'auto';
    close.textContent = '×';
    close.ariaLabel = words[4]!;
    say.onclick = () => show();
    close.onclick = () => paper.remove();
    paper.append(say, close);
    paper.role = 'status';
    root.append(paper);
    setTimeout(close.onclick, 60_000);
  };

  const sdk = {
    startChat: (options?: { customContext?: Record<string, unknown>; inNewWindow?: boolean }) => {
      custom = options?.customContext;
      if (options?.inNewWindow) data.openInWindow = '';
      show();
    },
    startProactiveChat: (options: { message: string }) => invite(options.message),
    closeChat: () => {
      post({ guichet: 'end' });
      shut();
      fire('lcw:onClose');
    },
    minimize: shut,
    setContextProvider: (give: Provider) => (provider = give),
    getContextProvider: () => provider,
    removeContextProvider: () => (provider = undefined),
    on: (name: string, listener: Listener) => addEventListener(name, listener),
    off: (name: string, listener: Listener) => removeEventListener(name, listener),
  };
  // Under its other name sites find it that were made for the SDK whose names it keeps.
  page.Guichet = sdk;
  page.Microsoft ??= { Omnichannel: { LiveChatWidget: { SDK: sdk } } };

  const begin = (found: Config) => {
    config = found;
    words = /^fr/.test(found.language) ? texts.fr : texts.en;
    const side = /left/.test(found.position) ? 'left' : 'right';
    const color = /^#[0-9a-f]{3,8}$/i.test(data.colorOverride ?? '') ? data.colorOverride! : found.color;
    // White or black, whichever can be read.
    const [r = 0, g = 0, b = 0] = [1, 3, 5].map((i) => ((parseInt(color.length > 6 ? color.slice(i, i + 2) : color[(i + 1) / 2]! + color[(i + 1) / 2], 16) / 255 + 0.055) / 1.055) ** 2.4);
    const ink = 0.2126 * r + 0.7152 * g + 0.0722 * b > 0.183 ? '#000' : '#fff';
    const sheet = new CSSStyleSheet();
    const full = 'inset:0;width:100%;height:100%;height:100dvh;max-height:none;border-radius:0;border:0';
    sheet.replaceSync(
      `:host{all:initial}[hidden]{display:none!important}` +
        `.a{position:fixed;z-index:2147483000;bottom:18px;${side}:18px;width:60px;height:64px;border:0;padding:0;border-radius:30px 30px 12px 12px;background:${color};color:${ink};display:grid;place-items:center;cursor:pointer;box-shadow:0 8px 24px -6px rgb(7 48 52/.5)}` +
        `.a:hover{filter:brightness(1.08)}button:focus-visible{outline:2px solid ${color};outline-offset:3px;box-shadow:0 0 0 3px #fff}svg{width:32px}` +
        `b{position:absolute;top:-3px;right:-3px;min-width:21px;box-sizing:border-box;padding:0 4px;border-radius:11px;background:#ac312a;color:#fff;font:700 12px/21px system-ui,sans-serif;box-shadow:0 0 0 2px #fff}b:empty{display:none}` +
        `p{position:fixed;z-index:2147483000;bottom:96px;${side}:18px;width:264px;margin:0;box-sizing:border-box;display:flex;border-radius:16px;background:#fff;color:#2c2722;box-shadow:0 12px 32px -8px rgb(40 32 20/.4);font:14px/1.45 system-ui,sans-serif}p button{border:0;padding:12px 14px;background:none;color:inherit;font:inherit;text-align:start;cursor:pointer;border-radius:16px}p button:first-child{flex:1}` +
        `iframe{position:fixed;z-index:2147483001;bottom:${on('hideChatButton') || found.hidden ? 18 : 94}px;${side}:18px;width:380px;height:600px;max-height:calc(100vh - 112px);border:1px solid #0002;border-radius:22px 22px 10px 10px;background:Canvas;color-scheme:light dark;box-shadow:0 18px 44px -12px rgb(40 32 20/.4)}` +
        `@media(max-width:640px),(max-height:420px){iframe{${full}}:host(.o) .a{display:none}}` +
        (on('enableLcwAutofill') || on('renderMobile') ? `iframe{${full}}` : ''),
    );
    root.adoptedStyleSheets = [sheet];
    if (!on('hideChatButton') && !found.hidden) root.append(button);
    button.onclick = () => (open ? shut() : show());
    button.onpointerenter = button.onfocus = load;
    button.onkeydown = (event) => {
      if (event.key === 'Escape') shut(); // and nothing is returned: false would keep every other key from the button
    };
    const stay = () => host.isConnected || document.body?.append(host);
    stay();
    // A page may change all of itself without being loaded again.
    new MutationObserver(stay).observe(document, { childList: true, subtree: true });
    draw();
    fire('lcw:ready');
    // A conversation goes on: the frame comes by itself, open where it was open.
    if (kept('sessionStorage') && !on('openInWindow')) show(false);
    else if (kept('localStorage')) load();
  };

  fetch(`${chat}/config`)
    .then((answer) => (answer.ok ? answer.json() : Promise.reject(new Error(`${answer.status}`))))
    .then((found: Config) => (document.body ? begin(found) : addEventListener('DOMContentLoaded', () => begin(found))))
    .catch((error: Error) => fire('lcw:error', { message: error.message }));
})();
