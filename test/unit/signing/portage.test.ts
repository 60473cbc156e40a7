// make.conf as people write it: a file, a folder, quoted, continued, with other variables in it.
import { describe, expect, it } from 'vitest';
import { portageSigning } from '../../../src/signing/portage.ts';
import { type FileSpec, memoryHost } from '../support/memory-host.ts';

const CONF = '/etc/portage/make.conf';

interface Row {
  readonly name: string;
  readonly files: Readonly<Record<string, FileSpec>>;
  readonly key: object | undefined;
}

const ROWS: readonly Row[] = [
  { name: 'no make.conf', files: {}, key: undefined },
  { name: 'no key in it', files: { [CONF]: 'USE="modules-sign"\n' }, key: undefined },
  { name: 'an empty key', files: { [CONF]: 'MODULES_SIGN_KEY=""\n' }, key: undefined },
  { name: 'a comment', files: { [CONF]: '# MODULES_SIGN_KEY="/k.pem"\n' }, key: undefined },
  {
    name: 'a file',
    files: { [CONF]: 'USE="a"\nMODULES_SIGN_KEY="/k.pem"\nMODULES_SIGN_CERT=/c.pem\n' },
    key: { key: '/k.pem', certificate: '/c.pem', place: `${CONF}:2` },
  },
  {
    name: 'a key alone, behind a value of many lines',
    files: { [CONF]: 'USE="a\n  b\n"\nexport MODULES_SIGN_KEY=\'/my keys/k.pem\' # mine\n' },
    key: { key: '/my keys/k.pem', certificate: undefined, place: `${CONF}:4` },
  },
  {
    name: 'a path made of other variables',
    files: { [CONF]: 'KEYS=/etc/keys\nMODULES_SIGN_KEY="$KEYS/k.pem"\n' },
    key: { key: '/etc/keys/k.pem', certificate: undefined, place: `${CONF}:2` },
  },
  {
    name: 'a token',
    files: { [CONF]: 'MODULES_SIGN_KEY="pkcs11:token=foo;object=bar"\nMODULES_SIGN_CERT=/c.pem\n' },
    key: { key: 'pkcs11:token=foo;object=bar', certificate: '/c.pem', place: `${CONF}:1` },
  },
  {
    name: 'a folder, whose files count by name, and those below them',
    files: {
      [`${CONF}/10-key`]: 'MODULES_SIGN_KEY=/first.pem\n',
      [`${CONF}/20-more/key`]: 'MODULES_SIGN_KEY=/second.pem\n',
      [`${CONF}/30-key~`]: 'MODULES_SIGN_KEY=/backup.pem\n',
      [`${CONF}/.hidden`]: 'MODULES_SIGN_KEY=/hidden.pem\n',
    },
    key: { key: '/second.pem', certificate: undefined, place: `${CONF}/20-more/key:1` },
  },
  {
    name: 'the older place counts less',
    files: { '/etc/make.conf': 'MODULES_SIGN_KEY=/old.pem\n', [CONF]: 'MODULES_SIGN_KEY=/new.pem\n' },
    key: { key: '/new.pem', certificate: undefined, place: `${CONF}:1` },
  },
  {
    name: 'a file that another one sources',
    files: { [CONF]: 'source /etc/portage/signing\n', '/etc/portage/signing': '\nMODULES_SIGN_KEY=/k.pem\n' },
    key: { key: '/k.pem', certificate: undefined, place: '/etc/portage/signing:2' },
  },
  {
    name: 'a file that sources itself',
    files: { [CONF]: `source ${CONF}\nMODULES_SIGN_KEY=/k.pem\n` },
    key: { key: '/k.pem', certificate: undefined, place: `${CONF}:2` },
  },
  {
    name: 'a key that takes bash to tell',
    files: { [CONF]: 'MODULES_SIGN_KEY=$(pass key)\n' },
    key: undefined,
  },
];

describe('the key that Portage signs with', () => {
  it.each(ROWS)('$name', ({ files, key }) => {
    expect(portageSigning(memoryHost({ files }).fs).key).toEqual(key);
  });
});
