// The command: says so where Node is too old, then hands over to the command line.

import { keepCompiled } from './host/compile-cache.ts';

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
if (major < 22 || (major === 22 && minor < 22)) {
  process.stderr.write(
    `ttkmdctl: this Node.js is ${process.versions.node}, and 22.22 or later is needed.\n  → install a newer one (emerge net-libs/nodejs), or ttkmd from its release archive, which brings its own\n`,
  );
  // A kernel installation never fails because of us.
  process.exit(process.argv[2] === 'kernel-event' ? 0 : 127);
}

// What is installed for everybody is readable for everybody, whatever the caller's umask.
process.umask(0o022);

const words = process.argv.slice(2);

// Half of what a look costs beyond Node's own start is the compiler: what it made is kept for the next one. Only for
// what is run at every kernel event, and never by a run that is to change nothing, or nothing here.
if (
  (words[0] === 'reconcile' || words[0] === 'kernel-event') &&
  process.geteuid?.() === 0 &&
  !words.some((word) => /^--(?:dry-run|root)\b/.test(word))
) {
  keepCompiled();
}

const { main } = await import('./cli/main.ts');
const { WAYS } = await import('./kernel-events/way.ts');
process.exitCode = await main(words, {
  daemon: {
    async run(root) {
      const { startDaemon } = await import('./daemon/start.ts');
      return startDaemon(root);
    },
  },
  kernelEvent: {
    ways: WAYS,
    async run(way, args) {
      const { kernelEvent } = await import('./kernel-events/kernel-event.ts');
      return kernelEvent(way as (typeof WAYS)[number], args, process.env);
    },
  },
});
