// Lines of compilers and of make, made fit for one line of a message.

const LONGEST = 160;

/** The line without the build folder, typographic quotes and control characters, cut where it is very long. */
export function tidyLine(line: string): string {
  const text = withoutBuildFolder(line)
    .replace(/[‘’`]/g, "'")
    .replace(/\p{Cc}+/gu, ' ')
    .trim()
    .replace(/^(?:Error! +|ERROR: (?:modpost: )?|make(?:\[\d+\])?: \*\*\* )/, '')
    .replace(/\s*\bStop\.$/, '')
    .replace(/\.$/, '');
  return text.length > LONGEST ? `${text.slice(0, LONGEST - 1).trimEnd()}…` : text;
}

/** Whether a line names a file of the driver as it is being built. */
export function isInBuildFolder(line: string): boolean {
  return /\/tenstorrent\/[^/\s]+\/build\//.test(line);
}

/** Every build happens in `…/tenstorrent/<version>/build`; a file in it is known by its own name. */
function withoutBuildFolder(line: string): string {
  return line.replace(/[^\s'"‘`[(=]*\/tenstorrent\/[^/\s]+\/build\/(?=[^\s'"])/g, '');
}
