/**
 * The sounds of the interface, made by the browser itself: no file is loaded. Browsers keep a page silent until somebody
 * has touched it; what could not be heard is not made up for later.
 */
import { settings } from './settings.svelte';

/** `offer`: a conversation rings. `message`: a customer wrote. `ending`: an offer has ten seconds left. */
export type Sound = 'offer' | 'message' | 'ending';

/** Notes as [frequency in Hz, start in s, length in s]. */
const tunes: Record<Sound, [number, number, number][]> = {
  offer: [[659, 0, 0.16], [880, 0.17, 0.3]],
  message: [[740, 0, 0.14]],
  ending: [[523, 0, 0.12], [523, 0.18, 0.12]],
};

let context: AudioContext | undefined;

/**
 * play makes a sound unless the settings say no (`always` overrules them, for a test). It tells whether it could be
 * heard: false means that the browser still keeps the page silent, or has no sound at all.
 */
export async function play(sound: Sound, { always = false } = {}): Promise<boolean> {
  if (!always && !settings.sound) return false;
  if (!context && navigator.userActivation?.hasBeenActive === false) return false;
  try {
    context ??= new AudioContext();
    // A page that nobody has touched may wait for ever to be resumed.
    if (context.state !== 'running') await Promise.race([context.resume(), new Promise((done) => setTimeout(done, 300))]);
    if (context.state !== 'running') return false;
  } catch {
    return false;
  }
  const now = context.currentTime;
  for (const [frequency, start, length] of tunes[sound]) {
    const tone = context.createOscillator();
    const volume = context.createGain();
    tone.type = 'sine';
    tone.frequency.value = frequency;
    volume.gain.setValueAtTime(0, now + start);
    volume.gain.linearRampToValueAtTime(0.16, now + start + 0.015);
    volume.gain.exponentialRampToValueAtTime(0.0005, now + start + length);
    tone.connect(volume).connect(context.destination);
    tone.start(now + start);
    tone.stop(now + start + length + 0.02);
  }
  return true;
}
