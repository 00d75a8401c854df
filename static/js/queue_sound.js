// A short chime for calls, off until it is asked for; [data-sound] switches it.

const NOTES = [
  [659.25, 0],
  [523.25, 0.16],
];
const LENGTH = 0.5;
let context = null;
let isOn = false;

function show() {
  for (const button of document.querySelectorAll("[data-sound]")) {
    button.hidden = false;
    button.setAttribute("aria-pressed", String(isOn));
    button.title = isOn ? "Sound for calls is on" : "Sound for calls is off";
    const use = button.querySelector("use");
    use.setAttribute("href", use.getAttribute("href").replace(/#.*/, isOn ? "#volume-2" : "#volume-x"));
  }
}

export function chime() {
  if (!isOn) return;
  context ??= new AudioContext();
  const start = context.currentTime;
  for (const [pitch, delay] of NOTES) {
    const tone = context.createOscillator();
    const volume = context.createGain();
    tone.frequency.value = pitch;
    volume.gain.setValueAtTime(0.0001, start + delay);
    volume.gain.exponentialRampToValueAtTime(0.2, start + delay + 0.02);
    volume.gain.exponentialRampToValueAtTime(0.0001, start + delay + LENGTH);
    tone.connect(volume).connect(context.destination);
    tone.start(start + delay);
    tone.stop(start + delay + LENGTH);
  }
}

export function watchSound() {
  try {
    isOn = localStorage.getItem("queueSound") === "on";
  } catch {
    // Off, then.
  }
  show();
  document.addEventListener("click", (event) => {
    if (!event.target.closest("[data-sound]")) return;
    isOn = !isOn;
    try {
      localStorage.setItem("queueSound", isOn ? "on" : "off");
    } catch {
      // Not remembered, but applied.
    }
    show();
    chime();
  });
}
