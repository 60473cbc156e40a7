// Keys as they lie on disk, how a signature is taken off, and what can be enrolled.
import { describe, expect, it } from 'vitest';
import { AT_NEXT_BOOT, enrollingOf, importCommands } from '../../../src/signing/enroll.ts';
import { buildTreeKey, examineKey, shownName, splitPin } from '../../../src/signing/keys.ts';
import { listedCertificates } from '../../../src/signing/listed.ts';
import { unsignedLength } from '../../../src/signing/sign.ts';
import type { KernelSigning, SigningKey, Trust } from '../../../src/signing/signing.ts';
import { signatureList } from '../reconcile/signing-hosts.ts';
import { type FileSpec, memoryHost } from '../support/memory-host.ts';
import { OTHER_CERTIFICATE, OWN_CERTIFICATE } from './certificates.ts';

const file = (mode: number): FileSpec => ({ text: 'x', mode });

describe('a key that is named', () => {
  const token = 'pkcs11:token=my%20token;object=key';
  it.each([
    ['root alone', '/k', '/c', { '/k': file(0o600), '/c': 'x' }, undefined],
    ['a group besides', '/k', '/c', { '/k': file(0o640), '/c': 'x' }, undefined],
    ['both in one file', '/k', undefined, { '/k': file(0o400) }, undefined],
    ['everybody reads it', '/k', '/c', { '/k': file(0o644), '/c': 'x' }, 'key-exposed'],
    ['everybody writes it', '/k', '/c', { '/k': file(0o602), '/c': 'x' }, 'key-exposed'],
    ['it is not there', '/k', '/c', { '/c': 'x' }, 'key-missing'],
    ['it is a folder', '/k', '/c', { '/k': { folder: true, mode: 0o700 }, '/c': 'x' }, 'key-missing'],
    ['its certificate is not there', '/k', '/c', { '/k': file(0o600) }, 'certificate-missing'],
    ['no absolute path', 'certs/k.pem', '/c', { '/c': 'x' }, 'key-relative'],
    ['a token', token, '/c', { '/c': 'x' }, undefined],
    ['a token without a certificate', token, undefined, {}, 'certificate-missing'],
  ] as const)('%s', (_, key, certificate, files, code) => {
    const { fs } = memoryHost({ files });
    const found = examineKey(fs, { origin: 'configuration', place: 'signing.key', key, certificate });
    expect(found.flaw?.code).toBe(code);
    expect(found).toMatchObject({ key, certificate: certificate ?? key });
  });

  it('is in order as far as a mere user sees where that may not look', () => {
    const { fs } = memoryHost({ files: { '/keys': { folder: true, mode: 0 }, '/c': 'x' } });
    const naming = { origin: 'portage', place: 'make.conf', key: '/keys/k', certificate: '/c' } as const;
    expect(examineKey(fs, naming).flaw).toBeUndefined();
  });

  it('is shown without what opens a token', () => {
    const uri = 'pkcs11:token=a;object=b?pin-value=1234&module-name=c';
    expect(shownName(uri)).toBe('pkcs11:token=a;object=b?pin-value=…&module-name=c');
    expect(shownName('pkcs11:a?pin-value=12?34')).toBe('pkcs11:a?pin-value=…');
    expect(shownName('/etc/keys/k.pem')).toBe('/etc/keys/k.pem');
  });

  it.each([
    ['pkcs11:token=a;object=b?pin-value=1234', 'pkcs11:token=a;object=b', '1234'],
    ['pkcs11:token=a?pin-value=1%3B2%25&module-name=c', 'pkcs11:token=a?module-name=c', '1;2%'],
    ['pkcs11:token=a?module-name=c&pin-value=12?34', 'pkcs11:token=a?module-name=c', '12?34'],
    ['pkcs11:token=a;pin-value=1234;object=b', 'pkcs11:token=a;object=b', '1234'],
    ['pkcs11:token=a?PIN-VALUE=5%', 'pkcs11:token=a', '5%'],
    ['pkcs11:token=a?pin-source=file:/pin', 'pkcs11:token=a?pin-source=file:/pin', undefined],
    ['pkcs11:token=a', 'pkcs11:token=a', undefined],
    ['/etc/keys/k;pin-value=1.pem', '/etc/keys/k;pin-value=1.pem', undefined],
  ])('%s is told apart from what opens it', (key, uri, pin) => {
    expect(splitPin({ key })).toEqual({ uri, pin });
  });
});

describe("the build tree's own key", () => {
  const key = { '/t/certs/signing_key.pem': file(0o600) };
  const certificate = { '/t/certs/signing_key.x509': 'x' };
  const own = { key: '/t/certs/signing_key.pem', certificate: '/t/certs/signing_key.x509' };
  it.each([
    ['both', 'certs/signing_key.pem', { ...key, ...certificate }, { ...own, flaw: undefined }],
    ['the key alone', 'certs/signing_key.pem', key, { key: own.key, certificate: own.key, flaw: undefined }],
    ['the certificate alone', 'certs/signing_key.pem', certificate, { flaw: { code: 'certificate-only' } }],
    ['neither', 'certs/signing_key.pem', {}, undefined],
    ['no name', '', { ...key, ...certificate }, undefined],
    ['a folder that is gone', '/var/tmp/portage/k.pem', certificate, { flaw: { code: 'certificate-only' } }],
    [
      'one of its own',
      '/k.pem',
      { '/k.pem': file(0o600), ...certificate },
      { key: '/k.pem', certificate: own.certificate },
    ],
    ['a token', 'pkcs11:object=k', certificate, { key: 'pkcs11:object=k', certificate: own.certificate }],
  ])('%s', (_, option, files, expected) => {
    const found = buildTreeKey(memoryHost({ files }).fs, '/t', option);
    if (expected === undefined) expect(found).toBeUndefined();
    else expect(found).toMatchObject(expected);
  });
});

describe('what of a module is before its signature', () => {
  const signed = (length: number, size: number): Buffer => {
    const description = Buffer.alloc(12);
    description.writeUInt32BE(size, 8);
    return Buffer.concat([
      Buffer.alloc(length + size),
      description,
      Buffer.from('~Module signature appended~\n'),
    ]);
  };
  it.each([
    ['nothing is signed', Buffer.alloc(100), 100],
    ['it is signed', signed(100, 30), 100],
    ['it is signed twice', Buffer.concat([signed(100, 30), signed(0, 20)]), 170],
    ['its end is a lie', signed(0, 0).fill(255, 8, 12), 40],
    ['nothing but the mark', Buffer.from('~Module signature appended~\n'), 28],
    ['an empty file', Buffer.alloc(0), 0],
  ])('%s', (_, content, length) => {
    expect(unsignedLength(content)).toBe(length);
  });
});

describe('commands to be pasted', () => {
  const folder = "/etc/my ke'ys";
  const shell = "'/etc/my ke'\\''ys";

  it('name a key of which the path has blanks and quotes', () => {
    const files = { [`${folder}/k.pem`]: file(0o644), [`${folder}/k.crt`]: 'x' };
    const naming = { key: `${folder}/k.pem`, certificate: `${folder}/k.crt`, place: 'p' };
    const found = examineKey(memoryHost({ files }).fs, { origin: 'configuration', ...naming });
    expect(found.flaw?.hint).toContain(`chmod go= ${shell}/k.pem';`);
  });

  it('name such a certificate', () => {
    const key = { certificate: `${folder}/k.crt` } as SigningKey;
    expect(importCommands([{ key, releases: [] }])).toEqual([
      `openssl x509 -in ${shell}/k.crt' -outform DER -out /run/ttkmd/enroll-1.der`,
      'mokutil --import /run/ttkmd/enroll-1.der',
    ]);
  });
});

describe('what there is to enroll', () => {
  const kernel = (release: string, trust: Trust | undefined, hash = 'a'): KernelSigning => {
    const key: SigningKey = {
      ...{ origin: 'configuration', place: 'p', key: '/k', name: '/k', certificate: '/c', flaw: undefined },
      identity: { hash, serial: '1', issuer: 'I', subject: 'S' },
      verdict: { trust: trust ?? 'unknown', why: 'so' },
    };
    return {
      ...{
        release,
        builtIn: undefined,
        others: { enrolled: [], isAll: true },
        signFile: '/s',
        hash: 'sha256',
        needed: true,
        obstacle: undefined,
      },
      enforcement: { state: 'enforced', why: 'so' },
      keys: [key],
      key: trust === undefined ? undefined : key,
    };
  };
  it.each([
    ['no firmware', false, [kernel('1', 'to-enroll')], 'no-firmware'],
    ['no key', true, [kernel('1', undefined)], 'no-key'],
    ['enrolled', true, [kernel('1', 'accepted')], 'nothing'],
    ['asked for', true, [kernel('1', 'pending')], 'pending'],
    ['to enroll', true, [kernel('1', 'accepted'), kernel('2', 'to-enroll')], 'enroll'],
  ] as const)('%s', (_, efi, kernels, kind) => {
    expect(enrollingOf({ efi }, kernels).kind).toBe(kind);
  });

  it('names each certificate once, with its kernels', () => {
    const kernels = [kernel('1', 'to-enroll'), kernel('2', 'to-enroll', 'b'), kernel('3', 'to-enroll')];
    const found = enrollingOf({ efi: true }, kernels);
    expect(found.kind === 'enroll' && found.keys.map(({ releases }) => releases)).toEqual([
      ['1', '3'],
      ['2'],
    ]);
    expect(AT_NEXT_BOOT).toContain('Enroll MOK');
  });
});

describe("the firmware's lists", () => {
  const { X509Certificate } = process.getBuiltinModule('node:crypto');
  const [own, other] = [OWN_CERTIFICATE, OTHER_CERTIFICATE].map((one) =>
    signatureList(new X509Certificate(one).raw),
  ) as [Buffer, Buffer];
  const ofPrograms = Buffer.from(own);
  ofPrograms.writeUInt8(0x26, 0);
  const lists = (content: Buffer, hidden = false) => ({
    owners: [content],
    firmware: [],
    pending: [],
    hidden,
  });
  it.each([
    ['two certificates', lists(Buffer.concat([Buffer.from('attr'), own, other])), 2, true],
    ['without the attributes', lists(own), 1, true],
    ['checksums of programs', lists(Buffer.concat([ofPrograms, other])), 1, true],
    ['nothing', lists(Buffer.from('attr')), 0, true],
    ['nothing that is one', lists(Buffer.from('attr and much of what nobody can read')), 0, false],
    ['half of one', lists(own.subarray(0, 100)), 0, false],
    ['no certificate in it', lists(signatureList(Buffer.from('what is it'))), 0, false],
    ['what this user may not read', lists(own, true), 1, false],
    ['nothing, looked at from outside', undefined, 0, false],
  ] as const)('%s', (_, read, count, isAll) => {
    const { certificates, ...rest } = listedCertificates(read);
    expect(certificates).toHaveLength(count);
    expect(rest).toEqual({ isAll });
  });
});
