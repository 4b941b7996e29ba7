/** play makes two soft tones. Browsers allow it once the visitor has touched the panel. */
export function play(): void {
  try {
    context ??= new AudioContext();
    const start = context.currentTime;
    [660, 880].forEach((pitch, i) => {
      const tone = context!.createOscillator();
      const loudness = context!.createGain();
      tone.frequency.value = pitch;
      loudness.gain.setValueAtTime(0.0001, start + i * 0.11);
      loudness.gain.exponentialRampToValueAtTime(0.08, start + i * 0.11 + 0.02);
      loudness.gain.exponentialRampToValueAtTime(0.0001, start + i * 0.11 + 0.24);
      tone.connect(loudness).connect(context!.destination);
      tone.start(start + i * 0.11);
      tone.stop(start + i * 0.11 + 0.25);
    });
  } catch {
    // A browser without sound stays silent.
  }
}

let context: AudioContext | undefined;
