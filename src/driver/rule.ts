// The driver's udev rule. dkms's POST_INSTALL would copy it to /etc, owned by nobody and protected from updates.

import { dirname } from 'node:path';
import type { HostFs } from '../host/fs.ts';
import { sha256 } from '../host/hash.ts';

export const RULE_PATH = '/usr/lib/udev/rules.d/50-tenstorrent.rules';

/** The rule's name in a driver source. */
const RULE_IN_SOURCE = 'udev-50-tenstorrent.rules';

export interface ObservedRule {
  /** The text that the wanted driver source brings; undefined where it brings none. */
  readonly wanted: string | undefined;
  /** The text that is in place. */
  readonly found: string | undefined;
  /** It is not the wanted one, and was put there by us; a package's or an admin's is left alone. */
  readonly ours: boolean;
  /** It cannot be put in place: the folder lies on a read-only file system. */
  readonly readOnly: boolean;
}

/**
 * @param sourcePath the folder of the wanted driver source
 * @param remembered the hash of the rule that we put there
 */
export function observeRule(fs: HostFs, sourcePath: string, remembered: string | undefined): ObservedRule {
  const found = fs.readText(RULE_PATH);
  const brought = fs.readText(`${sourcePath}/${RULE_IN_SOURCE}`);
  const wanted =
    brought === undefined ? undefined : isSignedCopy(found, brought) ? found : signedRule(brought);
  const isNew = found !== wanted;
  return {
    wanted,
    found,
    ours: found !== undefined && isNew && isOurRule(found, remembered),
    readOnly: isNew && fs.onReadOnly(dirname(RULE_PATH)),
  };
}

/** It is in place with a last line of ours, so that nothing need be computed to see that it may stay. */
function isSignedCopy(found: string | undefined, brought: string): boolean {
  return found !== undefined && bodyOf(found) === withNewline(brought);
}

/**
 * A rule that tells by its last line that nobody has edited it: it stays where ttkmd is taken off, with all that was
 * remembered, and a ttkmd that comes back knows it again.
 */
export function signedRule(text: string): string {
  const body = withNewline(text);
  return `${body}# Put here by ttkmd, which replaces it unless it was edited: ${ruleHash(body)}\n`;
}

/** Whether a rule was put in place by us, by what is remembered of it or by its own last line. */
export function isOurRule(text: string, remembered: string | undefined): boolean {
  if (ruleHash(text) === remembered) return true;
  const body = bodyOf(text);
  return body !== undefined && signedRule(body) === text;
}

function withNewline(text: string): string {
  return text.endsWith('\n') ? text : `${text}\n`;
}

function bodyOf(signed: string): string | undefined {
  return signed.match(/^([\s\S]*\n)# Put here by ttkmd, [^\n]*\n$/)?.[1];
}

/** What is remembered of a rule that was put in place, to know it again as ours. */
export function ruleHash(text: string): string {
  return sha256().update(text).digest('hex');
}
