// Runs before the first paint, so that a remembered theme or rail does not flash.

const root = document.documentElement;
for (const name of ["theme", "rail"]) {
  try {
    const value = localStorage.getItem(name);
    if (value) root.dataset[name] = value;
  } catch {
    // Storage is switched off: the system's theme holds.
  }
}
if (!root.dataset.rail && window.innerWidth < 1200) root.dataset.rail = "narrow";
