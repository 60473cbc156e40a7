// Does a module's vermagic fit a kernel.
import { describe, expect, it } from 'vitest';
import { vermagicMismatch } from '../../../src/driver/vermagic.ts';
import { readConfiguration } from '../../../src/kernels/configuration.ts';

const R = '6.1.0-40-amd64';

describe('vermagicMismatch', () => {
  it.each<[string, string, Record<string, string> | undefined, string | undefined]>([
    [
      'fits',
      `${R} SMP preempt mod_unload modversions `,
      { SMP: 'y', PREEMPT_BUILD: 'y', MODULE_UNLOAD: 'y', MODVERSIONS: 'y' },
      undefined,
    ],
    [
      'fits a real-time kernel',
      `${R} SMP preempt_rt mod_unload `,
      { SMP: 'y', PREEMPT_RT: 'y', PREEMPT_BUILD: 'y', MODULE_UNLOAD: 'y' },
      undefined,
    ],
    [
      'fits a real-time kernel that says preempt',
      `${R} SMP preempt `,
      { SMP: 'y', PREEMPT_RT: 'y', PREEMPT_BUILD: 'y' },
      undefined,
    ],
    [
      'fits a preemptible kernel from before 5.16, which knows no PREEMPT_BUILD',
      `${R} SMP preempt mod_unload `,
      { SMP: 'y', PREEMPT: 'y', MODULE_UNLOAD: 'y' },
      undefined,
    ],
    [
      'lacks the preemption of a kernel from before 5.16',
      `${R} SMP `,
      { SMP: 'y', PREEMPT: 'y' },
      'its vermagic lacks preempt, unlike this kernel',
    ],
    [
      'fits a kernel that chooses its preemption at boot',
      `${R} SMP preempt `,
      { SMP: 'y', PREEMPT_BUILD: 'y', PREEMPT_VOLUNTARY: 'y', PREEMPT_DYNAMIC: 'y' },
      undefined,
    ],
    [
      'is preemptible, its kernel real-time',
      `${R} SMP preempt `,
      { SMP: 'y', PREEMPT_RT: 'y' },
      'its vermagic lacks preempt_rt and has preempt, unlike this kernel',
    ],
    [
      'may say more than is judged',
      `${R} SMP mod_unload aarch64 RANDSTRUCT_0123`,
      { SMP: 'y', MODULE_UNLOAD: 'y' },
      undefined,
    ],
    [
      'has the layout of structures that its kernel has',
      `${R} SMP RANDSTRUCT_0123 `,
      { SMP: 'y', RANDSTRUCT: 'y', RANDSTRUCT_HASHED_SEED: '0123' },
      undefined,
    ],
    [
      'has that of a kernel from before 5.19',
      `${R} SMP RANDSTRUCT_PLUGIN_0123 `,
      { SMP: 'y', RANDSTRUCT_HASHED_SEED: '0123' },
      undefined,
    ],
    [
      'has another layout of structures',
      `${R} SMP RANDSTRUCT_0123 `,
      { SMP: 'y', RANDSTRUCT: 'y', RANDSTRUCT_HASHED_SEED: '4567' },
      'its vermagic has another RANDSTRUCT seed, unlike this kernel',
    ],
    [
      'has no such layout',
      `${R} SMP `,
      { SMP: 'y', RANDSTRUCT: 'y', RANDSTRUCT_HASHED_SEED: '4567' },
      'its vermagic has another RANDSTRUCT seed, unlike this kernel',
    ],
    ['counts by its release alone where the tree is gone', `${R} SMP preempt `, undefined, undefined],
    ['is of another release', '6.1.0-41-amd64 SMP ', { SMP: 'y' }, 'it was built for 6.1.0-41-amd64'],
    ['is empty', '', undefined, 'it was built for no kernel'],
    [
      'lacks symbol versions',
      `${R} SMP `,
      { SMP: 'y', MODVERSIONS: 'y' },
      'its vermagic lacks modversions, unlike this kernel',
    ],
    ['has preemption', `${R} SMP preempt `, { SMP: 'y' }, 'its vermagic has preempt, unlike this kernel'],
    [
      'differs twice',
      `${R} preempt `,
      { SMP: 'y' },
      'its vermagic lacks SMP and has preempt, unlike this kernel',
    ],
  ])('%s', (_, vermagic, configuration, expected) => {
    expect(vermagicMismatch({ vermagic }, R, configuration)).toBe(expected);
  });

  it('knows the preemption of each age of kernels from the text of their configuration', () => {
    const old = 'CONFIG_SMP=y\nCONFIG_PREEMPT=y\nCONFIG_PREEMPT_COUNT=y\nCONFIG_PREEMPTION=y\n';
    const young = `${old}CONFIG_PREEMPT_BUILD=y\nCONFIG_PREEMPT_DYNAMIC=y\n`;
    for (const text of [old, young]) {
      expect(vermagicMismatch({ vermagic: `${R} SMP preempt ` }, R, readConfiguration(text))).toBeUndefined();
    }
  });
});
