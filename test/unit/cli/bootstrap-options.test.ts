// What the options of a bootstrap are taken for, and the ones that are refused before anything is done.
import { describe, expect, it } from 'vitest';
import { releasedVersions } from '../../../src/bootstrap/versions.ts';
import {
  type BootstrapOptions,
  choicesFrom,
  chosenVersions,
  insistOnValues,
} from '../../../src/cli/bootstrap-options.ts';
import { TtkmdError } from '../../../src/host/errors.ts';

const OPTIONS: BootstrapOptions = { root: '/', reboot: 'ask' };

function choose(given: Partial<BootstrapOptions>) {
  const options = { ...OPTIONS, ...given };
  insistOnValues(options);
  return choicesFrom(options, chosenVersions(options), { kind: 'installed' }, '/x');
}

function refusal(given: Partial<BootstrapOptions>): TtkmdError {
  try {
    choose(given);
  } catch (error) {
    if (error instanceof TtkmdError) return error;
    throw error;
  }
  throw new Error('it was taken');
}

describe('options', () => {
  it.each<[Partial<BootstrapOptions>, string]>([
    // A variable of a script that was not set must not become "all of it", or the folder that somebody is in.
    [{ only: '' }, '--only names nothing.'],
    [{ only: ' , ' }, '--only names nothing.'],
    [{ with: '' }, '--with names nothing.'],
    [{ without: '' }, '--without names nothing.'],
    [{ mirror: '' }, '--mirror names nothing.'],
    [{ versions: '' }, '--versions names nothing.'],
    [{ kmdSource: '' }, '--kmd-source names nothing.'],
    [{ export: '' }, '--export names nothing.'],
    [{ mirror: '/no/such/folder' }, 'There is no folder /no/such/folder, which is to be the mirror.'],
    [{ mirror: '/etc/passwd' }, 'There is no folder /etc/passwd, which is to be the mirror.'],
    [{ mirror: 'ftp://mirror/x' }, 'ftp://mirror/x is no http or https address.'],
    [{ mirror: 'http://' }, 'http:// is no http or https address.'],
    [{ kmdSource: '/no/such/kmd' }, 'There is no /no/such/kmd, which tt-kmd is to come from.'],
    [{ kmdSource: 'https://x/kmd.git' }, 'https://x/kmd.git names no tag.'],
    [{ kmdSource: 'https://x/kmd.git#' }, 'https://x/kmd.git# names no tag.'],
    [{ kmdSource: 'https://x/kmd.git#--upload-pack=x' }, 'names no tag'],
    [
      { kmdSource: 'git@github.com:t/kmd.git#ttkmd-2.10.0' },
      'git@github.com:t/kmd.git#ttkmd-2.10.0 is no address.',
    ],
    [{ versions: '/no/such/file' }, '/no/such/file cannot be read.'],
    [{ versions: '/etc' }, '/etc cannot be read.'],
    [{ versions: '/etc/passwd' }, '/etc/passwd cannot be used: it is no JSON.'],
    [{ with: 'podmann' }, 'there is no step called podmann'],
  ])('%j are refused', (given, message) => {
    const error = refusal(given);
    expect(error.message).toContain(message);
    expect([error.exitStatus, error.hint]).toEqual([2, expect.stringMatching(/\S/)]);
  });

  it.each<[Partial<BootstrapOptions>, object]>([
    [{}, { mirror: undefined, kmdSource: undefined, only: [], python: 'pipx' }],
    [{ mirror: '/tmp/' }, { mirror: '/tmp' }],
    [{ mirror: 'https://mirror.lan/tt' }, { mirror: 'https://mirror.lan/tt' }],
    [{ kmdSource: 'ebuild' }, { kmdSource: 'ebuild' }],
    [{ kmdSource: 'ssh://git@x/kmd.git#v1' }, { kmdSource: 'ssh://git@x/kmd.git#v1' }],
    [{ kmdSource: '/tmp/' }, { kmdSource: '/tmp' }],
    [{ only: 'tt-smi,,podman' }, { only: ['tt-smi', 'podman'] }],
  ])('%j are taken', (given, expected) => {
    expect(choose(given)).toMatchObject(expected);
  });

  it('leave the versions of the release where nothing else is named', () => {
    expect(chosenVersions(OPTIONS)).toEqual(releasedVersions());
  });
});
