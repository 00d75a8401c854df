// Which calls a screen has still to announce: each once, in their order, across reloads.

const KEY = `calls ${location.pathname}`;
const REMEMBERED = 300;
const TOO_OLD_MS = 10 * 60 * 1000;

function stored() {
  try {
    return JSON.parse(sessionStorage.getItem(KEY));
  } catch {
    return null;
  }
}

export class Calls {
  // The calls that were made before a screen is first switched on are nobody's news.
  constructor(past) {
    const { told, pending } = stored() ?? { told: past.map((call) => call.call_id), pending: [] };
    this.told = new Set(told);
    this.pending = pending;
    this.keep();
  }

  keep() {
    const told = [...this.told].slice(-REMEMBERED);
    this.told = new Set(told);
    try {
      sessionStorage.setItem(KEY, JSON.stringify({ told, pending: this.pending }));
    } catch {
      // Not remembered across a reload, but announced once until then.
    }
  }

  hear(call) {
    if (this.told.has(call.call_id)) return false;
    this.told.add(call.call_id);
    this.pending.push(call);
    this.keep();
    return true;
  }

  next(now) {
    const call = this.pending.shift();
    this.keep();
    return call && now - Date.parse(call.called_at) > TOO_OLD_MS ? this.next(now) : call;
  }
}
