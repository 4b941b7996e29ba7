const alphabet = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
let lastTime = 0;
let lastRandom: number[] = [];

/** newId makes a ULID: 26 characters, in the order in which they were made in this browser. */
export function newId(now = Date.now()): string {
  if (now > lastTime) {
    lastTime = now;
    lastRandom = Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte & 31);
  } else {
    for (let i = 15; i >= 0; i--) {
      if (lastRandom[i] === 31) lastRandom[i] = 0;
      else {
        lastRandom[i]!++;
        break;
      }
    }
  }
  let time = '';
  for (let rest = lastTime, i = 0; i < 10; i++, rest = Math.floor(rest / 32)) time = alphabet[rest % 32] + time;
  return time + lastRandom.map((n) => alphabet[n]).join('');
}
