/**
 * The demo shop: a shop's site with the chat on it, as any shop would have it. Its pages are real pages
 * (?piece=, ?bag), so that a conversation can be seen to go on from one to the next.
 */
import './demo.css';
import { pieces, type Piece } from './pieces';
import { catalogues, type Key } from './texts';

type Language = keyof typeof catalogues;

interface Chat {
  startChat(options?: { customContext?: Record<string, unknown> }): void;
  setContextProvider(give: () => Record<string, unknown>): void;
}

const query = new URLSearchParams(location.search);

function remembered(name: string): string | null {
  try {
    return localStorage.getItem(`atelier.${name}`);
  } catch {
    return null;
  }
}

function remember(name: string, value: string): void {
  try {
    localStorage.setItem(`atelier.${name}`, value);
  } catch {
    // The shop forgets where storage is blocked.
  }
}

const wish = remembered('language') ?? navigator.language;
const language: Language = wish.toLowerCase().startsWith('fr') ? 'fr' : 'en';
const t = (key: Key, name = ''): string => catalogues[language][key].replace('{name}', name);
const price = (cents: number): string => new Intl.NumberFormat(language === 'fr' ? 'fr-FR' : 'en-IE', { style: 'currency', currency: 'EUR' }).format(cents / 100);
const drawing = (piece: Piece): string => `<div class="pic"><svg viewBox="0 0 120 90" aria-hidden="true">${piece.drawing}</svg></div>`;

const shelf = query.get('shelf');
const piece = pieces.find((p) => p.id === query.get('piece'));
const inBag = (remembered('bag') ?? '').split(',').flatMap((id) => pieces.find((p) => p.id === id) ?? []);
const bagShown = query.has('bag');

const link = (to: string, text: string, here: boolean): string => `<a href="${to}"${here ? ' aria-current="page"' : ''}>${text}</a>`;

function header(): string {
  return `
    <aside class="note" aria-label="${t('demonstration')}">${t('note')} <a href="/app/">${t('workspace')}</a></aside>
    <header>
      <a class="name" href="?" aria-label="${t('home')}">Atelier Nour</a>
      <nav aria-label="${t('nav')}">
        ${(['table', 'kitchen', 'house'] as const).map((s) => link(`?shelf=${s}`, t(s), shelf === s)).join('')}
      </nav>
      <div class="lang" role="group" aria-label="${t('language')}">
        <button data-language="en" lang="en" aria-pressed="${language === 'en'}" aria-label="EN, English">EN</button><button data-language="fr" lang="fr" aria-pressed="${language === 'fr'}" aria-label="FR, français">FR</button>
      </div>
      <a class="bag" href="?bag"${bagShown ? ' aria-current="page"' : ''}>${t('bag')} ${inBag.length}</a>
    </header>`;
}

function shop(): string {
  const shown = pieces.filter((p) => !shelf || p.shelf === shelf);
  return `
    <section class="hero"><h1>${t('title')}</h1><p>${t('lead')}</p></section>
    <ul class="grid">${shown
      .map((p) => `<li><a href="?piece=${p.id}">${drawing(p)}<b>${t(p.id)}</b></a><span>${price(p.price)}</span></li>`)
      .join('')}</ul>`;
}

function pieceShown(p: Piece): string {
  return `
    <p class="way"><a href="?">${t('back')}</a></p>
    <section class="one">
      ${drawing(p)}
      <div>
        <h1>${t(p.id)}</h1>
        <p class="cost">${price(p.price)}</p>
        <p>${t(`${p.id}About`)}</p>
        <ul><li>${t('made')}</li><li>${t('care')}</li><li>${t('delivery')}</li></ul>
        <button class="do" data-add="${p.id}">${t('add')}</button>
        <button class="ask" data-ask>${t('askAbout')}</button>
        <p class="said" role="status"></p>
      </div>
    </section>`;
}

function bag(): string {
  const rows = inBag.map((p, i) => `<li>${drawing(p)}<a href="?piece=${p.id}">${t(p.id)}</a><span>${price(p.price)}</span><button data-remove="${i}" aria-label="${t('remove', t(p.id))}">×</button></li>`);
  return `
    <section class="basket">
      <h1>${t('bagTitle')}</h1>
      ${rows.length === 0 ? `<p>${t('bagEmpty')}</p><p class="way"><a href="?">${t('back')}</a></p>` : `<ul>${rows.join('')}</ul><p class="sum"><b>${t('total')}</b><span>${price(inBag.reduce((sum, p) => sum + p.price, 0))}</span></p><button class="do" data-order>${t('order')}</button>`}
      <button class="ask" data-ask>${t('ask')}</button>
      <p class="said" role="status"></p>
    </section>`;
}

function draw(): void {
  document.documentElement.lang = language;
  document.title = piece ? `${t(piece.id)} – Atelier Nour` : bagShown ? `${t('bagTitle')} – Atelier Nour` : 'Atelier Nour';
  const root = document.getElementById('shop');
  if (root) root.innerHTML = `<a class="skip" href="#main">${t('skip')}</a>${header()}<main id="main">${piece ? pieceShown(piece) : bagShown ? bag() : shop()}</main><footer>${t('foot')}</footer>`;
}

function act(event: MouseEvent): void {
  const { dataset } = (event.target as Element).closest<HTMLElement>('button') ?? {};
  if (!dataset) return;
  const said = document.querySelector('.said');
  if (dataset.language) {
    remember('language', dataset.language);
    location.reload();
  } else if (dataset.add) {
    remember('bag', [...inBag.map((p) => p.id), dataset.add].join(','));
    if (piece) inBag.push(piece);
    draw();
    const now = document.querySelector('.said');
    if (now && piece) now.textContent = t('added', t(piece.id));
    document.querySelector<HTMLElement>('[data-add]')?.focus();
  } else if (dataset.remove) {
    inBag.splice(Number(dataset.remove), 1);
    remember('bag', inBag.map((p) => p.id).join(','));
    draw();
  } else if ('order' in dataset && said) said.textContent = t('ordered');
  else if ('ask' in dataset) (window as { Guichet?: Chat }).Guichet?.startChat();
}

draw();
document.addEventListener('click', act);
// What the visitor looks at reaches the agent with the first message.
addEventListener('lcw:ready', () =>
  (window as { Guichet?: Chat }).Guichet?.setContextProvider(() => ({
    ...(piece ? { piece: { value: t(piece.id), isDisplayable: true } } : {}),
    bag: { value: inBag.map((p) => t(p.id)).join(', ') || '–', isDisplayable: true },
  })),
);
