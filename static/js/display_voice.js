// The chime and the spoken calls of a waiting-room screen.

const CHIME = [
  { hertz: 659.25, at: 0 },
  { hertz: 523.25, at: 0.45 },
];
const CHIME_MS = 1300;
const LONGEST_MS = 12000;

let audio = null;

export const isUnlocked = () => audio?.state === "running";

// Browsers stay silent until somebody has touched the page, unless they were started otherwise.
export function prepare(button) {
  const Context = window.AudioContext ?? window.webkitAudioContext;
  if (!Context) return;
  audio = new Context();
  window.speechSynthesis?.getVoices(); // they are loaded on first asking
  const show = () => {
    button.hidden = isUnlocked();
  };
  audio.addEventListener("statechange", show);
  setTimeout(show, 500);
  for (const touch of ["pointerdown", "keydown"]) {
    document.addEventListener(touch, () => {
      if (!isUnlocked()) audio.resume().then(chime);
    });
  }
}

const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

async function chime() {
  for (const { hertz, at } of CHIME) {
    const tone = audio.createOscillator();
    const volume = audio.createGain();
    const start = audio.currentTime + at;
    tone.frequency.value = hertz;
    volume.gain.setValueAtTime(0.0001, start);
    volume.gain.exponentialRampToValueAtTime(0.5, start + 0.02);
    volume.gain.exponentialRampToValueAtTime(0.0001, start + 0.8);
    tone.connect(volume).connect(audio.destination);
    tone.start(start);
    tone.stop(start + 0.85);
  }
  await wait(CHIME_MS);
}

// "A-014" is read "A, 0, 1, 4": as it is printed, and without mistaking 14 for 40.
export const spelled = (ticket) => [...ticket].filter((sign) => /[\p{L}\p{N}]/u.test(sign)).join(", ");

export function sentence({ call, alone }, ticket, room) {
  const words = { ticket: spelled(ticket), room };
  return (room ? call : alone).replace(/{(ticket|room)}/g, (_, name) => words[name]);
}

function say(text, language) {
  const voices = speechSynthesis.getVoices();
  const voice = voices.find((each) => each.lang.toLowerCase().startsWith(language));
  if (voices.length && !voice) return null; // read in another language nobody would understand it
  return new Promise((resolve) => {
    const spoken = new SpeechSynthesisUtterance(text);
    spoken.lang = language;
    if (voice) spoken.voice = voice;
    spoken.rate = 0.9;
    spoken.onend = spoken.onerror = resolve;
    // Some engines never say that they are done.
    setTimeout(resolve, voices.length ? LONGEST_MS : 0);
    speechSynthesis.speak(spoken);
  });
}

// Resolves when all of it was said; at once where the page may make no sound.
export async function announceAloud(speech, ticket, room) {
  if (!isUnlocked()) return;
  await chime();
  if (!window.speechSynthesis) return;
  speechSynthesis.cancel();
  for (const each of speech) await say(sentence(each, ticket, room), each.language);
}
