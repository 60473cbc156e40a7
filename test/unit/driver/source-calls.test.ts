// What a driver source's text proves of what it calls, and what it does not prove.
import { describe, expect, it } from 'vitest';
import { findCalls, type SourceCalls } from '../../../src/driver/source-calls.ts';

const CALL = '\thwmon = hwmon_device_register_with_info(dev, "tt", tt, &chip, NULL);\n';
const SURELY: SourceCalls = { surely: { hwmon_device_register_with_info: '0' }, maybe: [] };
const MAYBE: SourceCalls = { surely: {}, maybe: ['hwmon_device_register_with_info'] };
const NEVER: SourceCalls = { surely: {}, maybe: [] };

const wrapped = (condition: string): string => `#${condition}\n${CALL}#endif\n`;

describe('what a driver source calls', () => {
  it.each<[string, string, SourceCalls]>([
    ['whatever it is built for', `int probe(void) {\n${CALL}}\n`, SURELY],
    ['after a condition that has ended', `#ifdef A\n#else\n#endif\n${CALL}`, SURELY],
    ['beside a stand-in of another name', `#if !IS_ENABLED(CONFIG_HWMON)\nint x;\n#endif\n${CALL}`, SURELY],
    ['under a condition of its own', wrapped('ifdef WITH_HWMON'), MAYBE],
    [
      'in the other branch',
      `#if LINUX_VERSION_CODE >= KERNEL_VERSION(5, 8, 0)\n#else\n${CALL}#endif\n`,
      MAYBE,
    ],
    ['where the kernel has it', wrapped('if IS_ENABLED(CONFIG_HWMON)'), MAYBE],
    ['in code that the compiler drops', `if (IS_ENABLED(CONFIG_HWMON))\n${CALL}`, MAYBE],
    ['and a stand-in', `#define hwmon_device_register_with_info(a, b, c, d, e) NULL\n${CALL}`, MAYBE],
    ['in a comment', `/* ${CALL} */\n// ${CALL}`, NEVER],
    ['in a comment of many lines', `/*\n${CALL}*/ int x;\n`, NEVER],
    ['in a text', 'printk("hwmon_device_register_with_info failed");\n', NEVER],
    ['something alike', 'devm_hwmon_device_register_with_info(dev);\n', NEVER],
    [
      'from a kernel version on',
      wrapped('if LINUX_VERSION_CODE >= KERNEL_VERSION(5, 8, 0)'),
      {
        surely: { hwmon_device_register_with_info: '5.8.0' },
        maybe: [],
      },
    ],
    [
      'from the stricter of two versions on',
      `#if LINUX_VERSION_CODE >= KERNEL_VERSION(5,10,0)\n${wrapped('if LINUX_VERSION_CODE >= KERNEL_VERSION(5, 8, 0)')}#endif\n`,
      { surely: { hwmon_device_register_with_info: '5.10.0' }, maybe: [] },
    ],
  ])('%s', (_, text, expected) => {
    expect(findCalls(new Map([['/tenstorrent.c', text]]), ['obj-m := tenstorrent.o\n'])).toEqual(expected);
  });

  it.each<[string, string, SourceCalls]>([
    ['a part of the module', 'obj-m += tenstorrent.o\ntenstorrent-y := module.o \\\n  wormhole.o\n', SURELY],
    ['a file that nothing is built from', 'obj-m := tenstorrent.o\n', MAYBE],
    ['a part under a condition', 'ifdef WITH\ntenstorrent-y += wormhole.o\nendif\n', MAYBE],
  ])('%s', (_, makefile, expected) => {
    expect(findCalls(new Map([['/wormhole.c', CALL]]), [makefile])).toEqual(expected);
  });
});
