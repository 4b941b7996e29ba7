/** Messages in words: previews, links inside a text, sizes of files. */
import type { Attachment, Conversation } from '$lib/api/client';
import { known, language, t } from '$lib/i18n/index.svelte';

type Preview = NonNullable<Conversation['last_message']> & { kind?: string };

/** preview is a message as a row shows it: its words, or what it is when it has none. */
export function preview(message: Preview | null | undefined): string {
  if (!message) return t('workspace.list.nothing-said');
  const key = `workspace.list.kind.${message.kind ?? 'text'}`;
  return message.text.trim() || (known(key) ? t(key) : t('workspace.list.kind.unsupported'));
}

/** A piece of a text: words, or an address that can be followed. */
export interface Piece {
  text: string;
  link?: string;
}

const address = /\bhttps?:\/\/[^\s<>"'«»]+/giu;

/** pieces finds the web addresses in a text. Punctuation at their end belongs to the sentence, as does a bracket that they do not open. */
export function pieces(text: string): Piece[] {
  const found: Piece[] = [];
  let from = 0;
  for (const match of text.matchAll(address)) {
    let link = match[0].replace(/[.,;:!?…”’]+$/u, '');
    if (link.endsWith(')') && !link.includes('(')) link = link.slice(0, -1);
    if (!URL.canParse(link)) continue;
    if (match.index > from) found.push({ text: text.slice(from, match.index) });
    found.push({ text: link, link });
    from = match.index + link.length;
  }
  if (from < text.length) found.push({ text: text.slice(from) });
  return found;
}

/** fileSize is "1.2 MB" or "1,2 Mo". */
export function fileSize(bytes: number, lang = language()): string {
  const large = bytes >= 1_000_000;
  const value = Math.max(bytes / (large ? 1_000_000 : 1000), 0.1);
  return new Intl.NumberFormat(lang, { style: 'unit', unit: large ? 'megabyte' : 'kilobyte', unitDisplay: 'short', maximumFractionDigits: value < 10 ? 1 : 0 }).format(value);
}

/** fileKind is what sort of file it is, in a word. */
export function fileKind(type: string): string {
  if (type.startsWith('image/')) return t('workspace.thread.file.picture');
  if (type.startsWith('video/')) return t('workspace.thread.file.video');
  if (type.startsWith('audio/')) return t('workspace.thread.file.audio');
  if (type === 'application/pdf') return 'PDF';
  return t('workspace.thread.file.file');
}

/** fileName is the name of an attachment, or what it is when it has none. */
export const fileName = (a: Pick<Attachment, 'name' | 'type'>): string => a.name || fileKind(a.type);

/** followable is an attachment's address if it is one of ours or of the web: a plugin may have passed on anything. */
export const followable = (url: string | undefined): string | undefined => (url && /^(https?:\/\/|\/(?![\/\\]))/i.test(url) ? url : undefined);
