// The cards' firmware, by tt-flash: only when asked for, only a bundle whose checksum is known, never with a card in use.
import { observeLoaded } from '../../driver/loaded.ts';
import { fileName } from '../mirror.ts';
import type { Bench, BootstrapStep, Work, Wrong } from '../step.ts';
import { CACHE } from './source.ts';
import { environmentOf } from './tools.ts';

/** The last bundle that was written by us; a card does not tell. */
export const FLASHED_PATH = '/var/lib/ttkmd/firmware.json';

const LIMIT = 60 * 60_000;

export const firmware: BootstrapStep = {
  name: 'firmware',
  title: "the cards' firmware",
  async check({ host, versions }) {
    const version = versions.firmware?.version;
    const done = version !== undefined && host.fs.readText(FLASHED_PATH) === noteOf(version);
    return {
      done,
      why: done ? `${version} was written before` : `${version ?? 'a bundle'} was not written yet`,
    };
  },
  async obstacle(bench) {
    if (bench.versions.firmware === undefined) return NO_BUNDLE;
    if (bench.selected.includes('tt-flash') || bench.host.fs.exists(flashCommand(bench))) return undefined;
    return {
      message: `The step firmware needs ${flashCommand(bench)}, which is not here, and the step tt-flash is left out, which brings it.`,
      hint: 'Let that step be done, too (--only tt-flash,firmware --update-firmware); --python says how it was installed.',
    };
  },
  async plan(bench) {
    const { firmware: bundle } = bench.versions;
    if (bundle === undefined) return [noBundle()];
    const file = `${CACHE}/${fileName(bundle.url)}`;
    const flash = flashCommand(bench);
    return [
      { kind: 'download', download: bundle, to: file },
      unused(bench),
      {
        kind: 'run',
        argv: [flash, 'flash', file],
        shown: true,
        timeLimit: LIMIT,
        hint: 'What tt-flash says above is what counts; do not switch the machine off before tt-smi shows the card again.',
      },
      { kind: 'write', path: FLASHED_PATH, text: noteOf(bundle.version) },
    ];
  },
};

function flashCommand(bench: Bench): string {
  return `${environmentOf(bench, 'tt-flash')}/bin/tt-flash`;
}

function noteOf(version: string): string {
  return `${JSON.stringify({ version })}\n`;
}

function unused({ host }: Bench): Work {
  return {
    kind: 'insist',
    text: 'a card is there, and nobody uses one',
    async wrong() {
      const loaded = observeLoaded(host.fs);
      if (loaded === undefined) {
        return {
          message: 'The driver is not loaded, so no firmware can be written.',
          hint: 'ttkmdctl status tells why; where it asks for a reboot, do that first.',
        };
      }
      if (loaded.users === 0) return undefined;
      return {
        message: `The driver is used ${loaded.users} times, and no firmware is written under anybody's work.`,
        hint: 'Who it is: fuser -v /dev/tenstorrent/*. End that, then run the same command again.',
      };
    },
  };
}

const NO_BUNDLE: Wrong = {
  message: 'This release names no firmware bundle whose checksum it knows.',
  hint: 'Add "firmware": {"version", "url", "sha256"} to a file of versions, which ttkmdctl bootstrap --export FILE writes, and give it by --versions FILE. Bundles are the releases of tenstorrent/tt-system-firmware.',
};

function noBundle(): Work {
  return {
    kind: 'insist',
    text: 'a bundle with a known checksum is named',
    wrong: async () => NO_BUNDLE,
  };
}
