import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

interface Sdk {
  startChat(options?: object): void;
  closeChat(): void;
  startProactiveChat(options: { message: string }): void;
  setContextProvider(give: () => object): void;
}
const home = 'https://desk.example';
const config = { language: 'en', color: '#0c6971', position: 'bottom-right', hidden: false, title: 'Atelier', organization: 'Nour' };
const page = window as typeof window & { Guichet?: Sdk; Microsoft?: unknown };
let events: string[] = [];
let sources: string[] = [];
let listened: [string, EventListener][] = [];

/** begin runs the script as a page's tag does. */
async function begin(attributes: Record<string, string> = {}, answer: object = config): Promise<ShadowRoot | undefined> {
  const tag = document.createElement('script');
  tag.id = 'guichet-chat';
  Object.assign(tag.dataset, { appId: 'site', orgId: 'o', orgUrl: home }, attributes);
  document.head.append(tag);
  vi.stubGlobal('fetch', vi.fn(() => Promise.resolve(new Response(JSON.stringify(answer)))));
  vi.resetModules();
  await import('./loader');
  await vi.waitFor(() => expect(events.length).toBeGreaterThan(0));
  return [...document.body.children].find((e) => e.shadowRoot)?.shadowRoot ?? undefined;
}

const frameOf = (root: ShadowRoot) => root.querySelector('iframe');
const launcher = (root: ShadowRoot) => root.querySelector<HTMLButtonElement>('.a');

/** panel answers as the panel in the frame would, or as somebody else. */
function panel(root: ShadowRoot, data: object, origin = home, source: unknown = frameOf(root)?.contentWindow): void {
  dispatchEvent(Object.assign(new Event('message'), { data, origin, source }));
}

beforeEach(() => {
  // happy-dom holds what observers call by nothing but a WeakRef, so that they would end with the next collection.
  vi.stubGlobal('WeakRef', class<T> { constructor(private readonly held: T) {} deref = () => this.held; }); // prettier-ignore
  // What the frame would load is another test's.
  vi.spyOn(HTMLIFrameElement.prototype, 'src', 'set').mockImplementation((address) => void sources.push(address));
  sources = [];
  events = [];
  document.title = 'Cups';
  const add = window.addEventListener.bind(window);
  listened = [];
  vi.stubGlobal('addEventListener', (name: string, act: EventListener) => {
    listened.push([name, act]);
    add(name, act);
  });
  for (const name of ['ready', 'error', 'startChat', 'onMinimize', 'onMaximize', 'onMessageReceived', 'onClose']) addEventListener('lcw:' + name, () => void events.push(name));
});

afterEach(() => {
  for (const [name, act] of listened) removeEventListener(name, act);
  document.body.replaceChildren();
  document.head.replaceChildren();
  localStorage.clear();
  sessionStorage.clear();
  delete page.Guichet;
  delete page.Microsoft;
  vi.unstubAllGlobals();
});

describe('a page with the script', () => {
  it('draws a button and loads nothing more until somebody wants it', async () => {
    const root = (await begin())!;
    expect(launcher(root)?.ariaLabel).toBe('Open the chat');
    expect(frameOf(root)).toBeNull();
    expect(vi.mocked(fetch).mock.calls).toEqual([[`${home}/chat/site/config`]]);
    launcher(root)!.dispatchEvent(new Event('pointerenter'));
    expect(frameOf(root)?.hidden).toBe(true);
    launcher(root)!.click();
    expect([frameOf(root)?.hidden, sources, launcher(root)?.ariaExpanded]).toEqual([false, [`${home}/chat/site`], 'true']);
    expect(events).toEqual(['ready', 'startChat']);
  });

  it('counts what is unread, in words and in the title, and believes the panel alone', async () => {
    const root = (await begin())!;
    launcher(root)!.click();
    launcher(root)!.click();
    panel(root, { guichet: 'unread', count: 7 }, 'https://evil.example');
    panel(root, { guichet: 'unread', count: 7 }, home, {});
    expect(document.title).toBe('Cups');
    panel(root, { guichet: 'unread', count: 120 });
    expect([document.title, launcher(root)?.ariaLabel, launcher(root)?.textContent]).toEqual(['(99+) Cups', 'Open the chat, 99+ unread', '99+']);
    panel(root, { guichet: 'unread', count: 0 });
    expect(document.title).toBe('Cups');
    panel(root, { guichet: 'event', name: 'lcw:onMessageReceived' });
    panel(root, { guichet: 'event', name: 'click' });
    expect(events).toEqual(['ready', 'startChat', 'onMinimize', 'onMessageReceived']);
  });

  it('comes back open after a change of page, and unseen while a conversation goes on', async () => {
    sessionStorage.setItem('guichet.site', '1');
    const root = (await begin())!;
    expect([frameOf(root)?.hidden, events]).toEqual([false, ['ready', 'onMaximize']]);
    panel(root, { guichet: 'going', on: true });
    panel(root, { guichet: 'shut' });
    expect([frameOf(root)?.hidden, sessionStorage.getItem('guichet.site'), localStorage.getItem('guichet.site')]).toEqual([true, null, '1']);
    panel(root, { guichet: 'going', on: false });
    expect(localStorage.getItem('guichet.site')).toBeNull();
  });

  it('loads the frame by itself where a conversation goes on', async () => {
    localStorage.setItem('guichet.site', '1');
    expect(frameOf((await begin())!)?.hidden).toBe(true);
  });

  it('leaves the button to the shop when asked to', async () => {
    const root = (await begin({ hideChatButton: 'true' }))!;
    expect(launcher(root)).toBeNull();
    page.Guichet!.startChat();
    expect(frameOf(root)?.hidden).toBe(false);
    page.Guichet!.closeChat();
    expect([frameOf(root)?.hidden, events.at(-1)]).toEqual([true, 'onClose']);
    expect((page.Microsoft as { Omnichannel: { LiveChatWidget: { SDK: Sdk } } }).Omnichannel.LiveChatWidget.SDK).toBe(page.Guichet);
  });

  it('draws nothing where the channel is hidden, in French where the shop speaks it', async () => {
    const root = (await begin({}, { ...config, hidden: true, language: 'fr-FR' }))!;
    expect(launcher(root)).toBeNull();
    page.Guichet!.startProactiveChat({ message: '<b>Bonjour</b>' });
    const invitation = root.querySelector('p')!;
    expect(invitation.querySelector('b')).toBeNull();
    expect([invitation.textContent, (invitation.lastChild as HTMLElement).ariaLabel]).toEqual(['<b>Bonjour</b>×', 'Fermer']);
    (invitation.firstChild as HTMLElement).click();
    expect([root.querySelector('p'), frameOf(root)?.hidden]).toEqual([null, false]);
  });

  it('stays when the page changes all of itself', async () => {
    const root = (await begin())!;
    document.body.replaceChildren(document.createElement('main'));
    await vi.waitFor(() => expect(document.body.lastElementChild).toBe(root.host));
    document.documentElement.replaceChild(document.createElement('body'), document.body);
    await vi.waitFor(() => expect(document.body.lastElementChild).toBe(root.host));
  });

  it.each([
    ['what can be said', () => ({ name: 'Ana', act: () => 1, cart: new Proxy({ value: 3 }, {}) }), { name: 'Ana', cart: { value: 3 } }],
    ['nothing', () => undefined, {}],
  ])('tells the panel of the visitor %s', async (_, give, context) => {
    const root = (await begin())!;
    page.Guichet!.setContextProvider(give as () => object);
    page.Guichet!.startChat();
    const frame = frameOf(root)!;
    const told = vi.fn((word: unknown) => structuredClone(word));
    vi.spyOn(frame, 'contentWindow', 'get').mockReturnValue({ postMessage: told } as unknown as Window);
    frame.onload!(new Event('load'));
    expect(told.mock.results[0]).toMatchObject({ type: 'return', value: { guichet: 'hello', open: true, context } });
  });

  it('tells when there is no such chat', async () => {
    vi.stubGlobal('fetch', vi.fn());
    const tag = document.createElement('script');
    tag.id = 'guichet-chat';
    Object.assign(tag.dataset, { appId: 'nope', orgUrl: home });
    document.head.append(tag);
    vi.mocked(fetch).mockResolvedValue(new Response('', { status: 404 }));
    vi.resetModules();
    await import('./loader');
    await vi.waitFor(() => expect(events).toEqual(['error']));
    expect(document.body.children).toHaveLength(0);
  });
});
