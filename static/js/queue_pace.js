// Keys pressed faster than the server answers wait for their turn: what is on the page meanwhile is
// old, and a step taken from it would be refused.

const PATIENCE_MS = 4000;
const MOST_WAITING = 8;

let step = null; // the form that sent one, until its outcome is drawn
let answeredAt = Infinity;
let guard = null;
const waiting = [];

function end() {
  clearTimeout(guard);
  step = null;
  while (!step && waiting.length) waiting.shift()();
}

export function sent(form) {
  step = form;
  answeredAt = Infinity;
  clearTimeout(guard);
  guard = setTimeout(end, PATIENCE_MS);
}

export function answered() {
  answeredAt = performance.now();
}

// A board was drawn from what was asked for at that moment; before the answer, it is old.
export function drawn(board, askedAt) {
  if (step?.contains(board) && askedAt >= answeredAt) setTimeout(end); // htmx gives focus back first
}

// Do it now, or when what was done before is drawn.
export function inTurn(act) {
  if (!step) act();
  else if (waiting.length < MOST_WAITING) waiting.push(act);
}
