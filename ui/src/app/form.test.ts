import { expect, test } from 'vitest';
import { ApiError } from '$lib/api/client';
import { setLanguage, t } from '$lib/i18n/index.svelte';
import { emailFault, Form, needed } from './form.svelte';

setLanguage('en');

function made(): HTMLFormElement {
  document.body.innerHTML = '<form><input name="email"><input name="password"></form>';
  return document.querySelector('form')!;
}

test('what is missing is said at its field, which gets the focus, and nothing is sent', async () => {
  const form = new Form(['email', 'password']);
  let sent = false;
  await form.submit(made(), () => ({ email: emailFault('ines@x'), password: needed(' ') }), async () => void (sent = true));
  expect(sent).toBe(false);
  expect(form.errors).toMatchObject({ password: t('common.required') });
  expect(form.errors.email).toBeUndefined();
  expect(document.activeElement?.getAttribute('name')).toBe('password');
});

test('what the server says of a field stands at the field, anything else above the button', async () => {
  const form = new Form(['email', 'password']);
  await form.submit(made(), () => ({}), () => Promise.reject(new ApiError(400, 'invalid', 'too short', 'password')));
  expect(form.errors.password).toBe(t('problem.invalid.password'));
  const failure = new ApiError(503, 'unavailable', '');
  await form.submit(made(), () => ({}), () => Promise.reject(failure));
  expect([form.problem, form.errors.password, form.busy]).toEqual([failure, undefined, false]);
});

test('a second click while it is sent does nothing', async () => {
  const form = new Form(['email']);
  let times = 0;
  let done = () => {};
  const first = form.submit(made(), () => ({}), () => new Promise<void>((resolve) => ((times++, (done = resolve)))));
  await form.submit(made(), () => ({}), async () => void times++);
  done();
  await first;
  expect(times).toBe(1);
});

test('an address needs its at sign and two sides', () => {
  expect([emailFault(''), emailFault('ines'), emailFault('ines@'), emailFault(' ines@atelier.example ')]).toEqual([t('common.required'), t('common.bad-email'), t('common.bad-email'), undefined]);
});
