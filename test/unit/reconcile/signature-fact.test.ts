// What is shown of a module's signature: whose it is, what would sign today, and whether its kernel accepts it.
import { describe, expect, it } from 'vitest';
import { renderExplanation } from '../../../src/cli/explain.ts';
import type { Terminal } from '../../../src/cli/terminal.ts';
import { explainDocument } from '../../../src/reconcile/evidence-document.ts';
import { kernelOf } from '../../../src/reconcile/readiness.ts';
import {
  OWN_CERTIFICATE,
  SIGNED_BY_KERNEL,
  SIGNED_BY_OTHER,
  SIGNED_BY_OWN,
} from '../signing/certificates.ts';
import { type Files, judgeHost, machine } from '../support/machines.ts';
import { A } from './host-rows.ts';
import {
  CERTIFICATE_ONLY,
  config,
  EFI,
  enlist,
  FORCED,
  installed,
  kernel,
  listOf,
  MOK,
  OWN_KEY,
  PORTAGE,
  TREE_KEY,
} from './signing-hosts.ts';

const TERMINAL: Terminal = { width: 400, live: false, style: (_, text) => text, line() {}, raw() {} };
const PLAIN = 'CONFIG_MODULE_SIG=y\n';
const OWN_SERIAL = '278ee627196e0bf5c94cc3c4b53b8f6bba7a5fb3';

interface Row {
  readonly name: string;
  readonly files: Files;
  readonly equal: boolean | null;
  readonly matters?: boolean;
  /** What a person reads, from the mark on. */
  readonly text: RegExp;
}

const ROWS: readonly Row[] = [
  {
    name: 'nobody signs, and nobody asks',
    files: { ...kernel(PLAIN), ...installed('') },
    equal: true,
    text: /✓ signature +fits: this kernel takes modules without a signature, too \(CONFIG_MODULE_SIG_FORCE is off.*\n +signed +no signature\n/,
  },
  {
    name: 'nobody asks, and today it would be signed',
    files: { ...kernel(`${PLAIN}${OWN_KEY}`), ...TREE_KEY, ...installed('') },
    equal: false,
    text: /· signature +differs, and does not matter: this kernel takes .*\n +signed +no signature\n +now +by "The kernel key"/,
  },
  {
    name: 'nobody asks, and it is signed as today',
    files: { ...kernel(PLAIN), ...PORTAGE, ...installed(SIGNED_BY_OWN) },
    equal: true,
    text: /✓ signature +fits: this kernel takes modules without/,
  },
  {
    name: 'not signed where it has to be',
    files: { ...kernel(`${FORCED}${OWN_KEY}`), ...TREE_KEY, ...installed('') },
    equal: false,
    matters: true,
    text: /✗ signature +differs: it is not signed; this kernel takes signed modules only \(CONFIG_MODULE_SIG_FORCE=y\)\n +signed +no signature/,
  },
  {
    name: "signed with the kernel's own key",
    files: { ...kernel(`${FORCED}${OWN_KEY}`), ...CERTIFICATE_ONLY, ...installed(SIGNED_BY_KERNEL) },
    equal: true,
    text: /✓ signature +fits: it is signed with the kernel's own key; .*\n +signed +by "The kernel key", certificate \w{39,40}, sha256\n/,
  },
  {
    name: 'signed with a wrong key',
    files: { ...kernel(`${FORCED}${OWN_KEY}`), ...TREE_KEY, ...installed(SIGNED_BY_OTHER) },
    equal: false,
    matters: true,
    text: /✗ signature +differs: it is signed by "The other key", whose certificate is not known here/,
  },
  {
    name: 'signed with a key that may be compiled in',
    files: {
      ...kernel(`${FORCED}${OWN_KEY}CONFIG_SYSTEM_TRUSTED_KEYS="more.pem"\n`),
      ...TREE_KEY,
      ...installed(SIGNED_BY_OTHER),
    },
    equal: null,
    text: /· signature +may be refused: it is signed by "The other key", whose/,
  },
  {
    name: 'signed with a key to enroll',
    files: { ...kernel(MOK), ...PORTAGE, ...EFI, ...installed(SIGNED_BY_OWN) },
    equal: null,
    text: new RegExp(
      `· signature +refused until its certificate is enrolled: signed by "The own key": it is not enrolled .*\\n +signed +by "The own key", certificate ${OWN_SERIAL}, sha256\\n +now +by "The own key", certificate ${OWN_SERIAL}: /etc/keys/own.pem with /etc/keys/own.crt\\n +by +/etc/portage/make.conf/sign:1`,
    ),
  },
  {
    name: 'signed with a key that waits for the MOK manager',
    files: { ...kernel(MOK), ...PORTAGE, ...EFI, [listOf('MokNew')]: 'list', ...installed(SIGNED_BY_OWN) },
    equal: null,
    text: /· signature +refused until the MOK manager has enrolled its certificate: /,
  },
  {
    name: 'signed with a key in a token',
    files: {
      ...kernel(PLAIN),
      '/k.crt': OWN_CERTIFICATE,
      ...config('key = "pkcs11:object=k?pin-value=for-no-eyes"\ncertificate = /k.crt\n'),
      ...installed(SIGNED_BY_OWN),
    },
    equal: true,
    text: /now +by "The own key", certificate \w+: pkcs11:object=k\?pin-value=… with \/k\.crt/,
  },
  {
    name: 'another key than it was built with',
    files: { ...kernel(FORCED), ...PORTAGE, ...installed('sig_id=PKCS#7\0', 'another') },
    equal: false,
    matters: true,
    text: /✗ signature +differs: modinfo cannot tell who signed it; .*\n +signed +signed\n/,
  },
  {
    name: 'a kernel that knows no signatures',
    files: { ...kernel('CONFIG_MODULES=y\n'), ...PORTAGE, ...installed('') },
    equal: true,
    text: /✓ signature +fits: this kernel takes modules without a signature, too \(CONFIG_MODULE_SIG is off/,
  },
];

describe("the evidence of a module's signature", () => {
  it.each(ROWS)('$name', async ({ files, equal, matters = false, text }) => {
    const host = machine(files);
    enlist(host, 'MokNew');
    const judgement = await judgeHost(host);
    const judged = kernelOf(judgement, A);
    const document = JSON.parse(JSON.stringify(explainDocument(judgement, judged)));
    const fact = document.facts.find((one: { fact: string }) => one.fact === 'signature');
    expect(fact).toMatchObject({ equal, matters });
    const isSigned = judged.module?.signature !== undefined;
    const keys = ['signer', 'serial', 'hash', 'trust', 'why'];
    expect(document.module.signature && Object.keys(document.module.signature)).toEqual(
      isSigned ? keys : null,
    );
    const shown = renderExplanation(judgement, judged, TERMINAL).join('\n');
    expect(shown).toMatch(text);
    expect(`${shown}${JSON.stringify(document)}`).not.toContain('for-no-eyes');
    // A state that follows from a signature has the same evidence, and the other way round.
    expect(judged.state).toBe(matters ? 'drifted' : 'current');
  });
});
