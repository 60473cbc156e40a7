// What a hook leaves for Portage's elog, and where it leaves nothing.
import { describe, expect, it } from 'vitest';
import { leaveForElog, type PhaseEnvironment } from '../../../src/kernel-events/elog.ts';
import type { Message } from '../../../src/kernel-events/messages.ts';
import { memoryHost } from '../support/memory-host.ts';

const T = '/var/tmp/portage/sys-kernel/gentoo-kernel-6.12.60/temp';
const LOGGING = `${T}/logging`;
const MESSAGE: Message = { tone: 'bad', text: 'no driver', hint: 'ttkmdctl status' };

function left(env: PhaseEnvironment, message = MESSAGE, files: Record<string, string> = {}) {
  const { fs } = memoryHost({ files: { [`${LOGGING}/other`]: '', ...files } });
  leaveForElog(fs, env, message);
  return fs.readText(`${LOGGING}/postinst`);
}

describe('a message for elog', () => {
  it('is left for the phase that runs, after what is there', () => {
    expect(left({ T, EBUILD_PHASE: 'postinst' })).toBe(
      'WARN ttkmd: no driver\nWARN ttkmd:   ttkmdctl status\n',
    );
    expect(
      left(
        { T, EBUILD_PHASE: 'postinst' },
        { tone: 'bad', text: 'two\nlines' },
        { [`${LOGGING}/postinst`]: 'LOG x\n' },
      ),
    ).toBe('LOG x\nWARN ttkmd: two lines\n');
  });

  it.each<[string, PhaseEnvironment]>([
    ['outside of Portage', {}],
    ['without a phase', { T }],
    ['in a phase that is none', { T, EBUILD_PHASE: '../../postinst' }],
    ['in a folder that is not named from the root', { T: T.slice(1), EBUILD_PHASE: 'postinst' }],
    ['in a folder that is not there', { T: '/elsewhere', EBUILD_PHASE: 'postinst' }],
  ])('is not left %s', (_, env) => {
    expect(left(env)).toBeUndefined();
  });
});
