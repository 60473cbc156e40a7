// Gives memory back that a burst of work took: V8 collects when it needs room, and who is idle never does.

/** What Node.js has under `--expose-gc`; without it, nothing is given back and nothing else is different. */
const { gc } = globalThis as { readonly gc?: (options: object) => void };

/** Milliseconds after which a burst of work is over. */
const AFTER = 2000;

let timer: NodeJS.Timeout | undefined;

/** Collects what is not needed any more, a little later and once. */
export function giveBackSoon(): void {
  if (gc === undefined) return;
  clearTimeout(timer);
  timer = setTimeout(() => gc({ type: 'major', execution: 'sync', flavor: 'last-resort' }), AFTER);
  timer.unref();
}
