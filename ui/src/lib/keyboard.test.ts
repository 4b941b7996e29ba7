import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { caps, listen, register, shortcuts, type Shortcut } from './keyboard';
import { settings } from './settings.svelte';

let done: string[] = [];
let undo: (() => void)[] = [];

const shortcut = (keys: string, more: Partial<Shortcut> = {}): Shortcut => ({
  keys, text: 'common.close', group: 'everywhere', act: () => void done.push(keys), ...more,
});

function press(key: string, on: Element = document.body, more: KeyboardEventInit = {}): KeyboardEvent {
  const event = new KeyboardEvent('keydown', { key, bubbles: true, cancelable: true, ...more });
  on.dispatchEvent(event);
  return event;
}

beforeEach(() => {
  done = [];
  settings.singleKeys = true;
  document.body.innerHTML = '<input id="field"><button id="button"></button><div role="menu"><button id="item"></button></div>';
  undo = [listen()];
});
afterEach(() => undo.forEach((u) => u()));

const field = () => document.getElementById('field')!;

describe('shortcuts', () => {
  test('a letter acts outside fields and menus only', () => {
    undo.push(register([shortcut('j')]));
    press('j', field());
    press('j', document.getElementById('item')!);
    expect(done).toEqual([]);
    expect(press('j', document.getElementById('button')!).defaultPrevented).toBe(true);
    expect(done).toEqual(['j']);
  });

  test('letters can be switched off, keys with Ctrl cannot', () => {
    undo.push(register([shortcut('j'), shortcut('mod+k'), shortcut('g i')]));
    settings.singleKeys = false;
    press('j');
    press('g');
    press('i');
    press('k', field(), { ctrlKey: true });
    expect(done).toEqual(['mod+k']);
  });

  test('two keys one after the other are one shortcut', () => {
    undo.push(register([shortcut('g i'), shortcut('i')]));
    press('g');
    press('i');
    press('i');
    expect(done).toEqual(['g i', 'i']);
  });

  test('a question mark is the shifted character, Enter keeps its Shift', () => {
    undo.push(register([shortcut('?'), shortcut('mod+shift+enter')]));
    press('?', document.body, { shiftKey: true });
    press('Enter', field(), { ctrlKey: true, shiftKey: true });
    expect(done).toEqual(['?', 'mod+shift+enter']);
  });

  test('Alt and a digit go by the place of the key', () => {
    undo.push(register([shortcut('alt+1')]));
    press('&', document.body, { altKey: true, code: 'Digit1' });
    expect(done).toEqual(['alt+1']);
  });

  test('the later one acts, and what does not apply lets the earlier one act', () => {
    undo.push(register([shortcut('escape', { act: () => void done.push('page') })]));
    const off = register([shortcut('escape', { act: () => void done.push('panel') })]);
    press('Escape');
    off();
    undo.push(register([shortcut('escape', { act: () => false })]), register([shortcut('escape', { when: () => false })]));
    press('Escape');
    expect(done).toEqual(['panel', 'page']);
  });

  test('what is taken back is no longer listed', () => {
    const off = register([shortcut('j')]);
    expect(shortcuts().map((s) => s.keys)).toEqual(['j']);
    off();
    expect(shortcuts()).toEqual([]);
  });

  test('caps are what is printed on the keys', () => {
    expect(caps('mod+shift+enter')).toEqual(['Ctrl', 'Shift', '↵']);
    expect(caps('g i')).toEqual(['G', 'I']);
  });
});
