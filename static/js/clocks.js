// Running clocks: data-since, data-amber and data-red are instants in seconds since 1970.
// data-seconds counts them too during the first hour.

const pad = (number) => String(number).padStart(2, "0");

function words(seconds, precise) {
  const whole = Math.max(0, Math.floor(seconds));
  const minutes = Math.floor(whole / 60);
  if (precise && minutes < 60) return `${minutes}:${pad(whole % 60)}`;
  if (minutes < 60) return `${minutes} min`;
  return `${Math.floor(minutes / 60)} h ${pad(minutes % 60)}`;
}

export function tickClocks(scope) {
  const now = Date.now() / 1000;
  for (const timer of scope.querySelectorAll("[data-since]")) {
    const { since, amber, red } = timer.dataset;
    const text = words(now - since, "seconds" in timer.dataset);
    const clock = timer.querySelector("[data-clock]");
    if (clock.textContent !== text) clock.textContent = text;
    timer.classList.toggle("timer-hot", now >= amber);
    timer.classList.toggle("hue-amber", now >= amber && now < red);
    timer.classList.toggle("hue-vermilion", now >= red);
  }
}
