// What opens a key is nobody's business who reads a log.

/**
 * A text without the PINs in it: a PKCS#11 URI may hold one, or the file that has it (RFC 7512), and so may what the
 * kernel's sign-file is told by its environment. What may stand in a PIN is taken with it, and rather too much than too
 * little.
 */
export function withoutPin(text: string): string {
  return text.replace(/(pin-(?:value|source)=|KBUILD_SIGN_PIN=)[^;&\n]*/gi, '$1…');
}
