// dkms's framework settings, read as bash reads them: each readable case is given to bash too.

import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readFramework } from '../../../src/dkms/framework.ts';
import { type MemoryHost, memoryHost } from '../support/memory-host.ts';

const MAIN = '/etc/dkms/framework.conf';
const DROP = '/etc/dkms/framework.conf.d';

function hostWith(files: Readonly<Record<string, string>>): MemoryHost {
  return memoryHost({ files });
}

/** What dkms would come to: its defaults, then each file sourced in a shell of its own that tells the two values. */
function bash(files: Readonly<Record<string, string>>): string[] {
  const root = mkdtempSync(join(tmpdir(), 'ttkmd-framework-'));
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
  const script = `
    dkms_tree=/var/lib/dkms source_tree=/usr/src install_tree=/lib/modules
    for i in "$1${MAIN}" "$1${DROP}"/*.conf; do
      [[ -e $i ]] || continue
      said=$(. "$i" >/dev/null; printf '%s\\n' "$dkms_tree" "$source_tree")
      { read -r dkms_tree; read -r source_tree; } <<< "$said"
    done
    printf '%s\\n' "$dkms_tree" "$source_tree"`;
  const env = { PATH: process.env.PATH ?? '', LC_ALL: 'C' };
  const output = execFileSync('bash', ['-c', script, 'bash', root], { encoding: 'utf8', env });
  return output.split('\n').slice(0, 2);
}

describe('settings that can be read', () => {
  it.each<[string, Readonly<Record<string, string>>, string, string?]>([
    ['no file', {}, '/var/lib/dkms'],
    ['only comments', { [MAIN]: '# dkms_tree="/srv/a"\n  # dkms_tree=/srv/b\n' }, '/var/lib/dkms'],
    ['double quotes', { [MAIN]: 'dkms_tree="/srv/dkms"\n' }, '/srv/dkms'],
    ['single quotes', { [MAIN]: "dkms_tree='/srv/dkms'\n" }, '/srv/dkms'],
    ['no quotes and no last newline', { [MAIN]: 'dkms_tree=/srv/dkms' }, '/srv/dkms'],
    ['spaces in quotes', { [MAIN]: 'dkms_tree="/srv/my tree/dkms"\n' }, '/srv/my tree/dkms'],
    ['an escaped space', { [MAIN]: 'dkms_tree=/srv/my\\ tree\n' }, '/srv/my tree'],
    ['a number sign in quotes', { [MAIN]: 'dkms_tree="/srv/#1" # moved\n' }, '/srv/#1'],
    ['a number sign in a word', { [MAIN]: 'dkms_tree=/srv/a#1\n' }, '/srv/a#1'],
    ['a comment behind it', { [MAIN]: 'dkms_tree=/srv/dkms   # moved\n' }, '/srv/dkms'],
    ['a semicolon behind it', { [MAIN]: 'dkms_tree=/srv/a; source_tree=/srv/b;\n' }, '/srv/a', '/srv/b'],
    ['an indented one', { [MAIN]: '\t dkms_tree=/srv/dkms\n' }, '/srv/dkms'],
    ['export', { [MAIN]: 'export dkms_tree=/srv/dkms\n' }, '/srv/dkms'],
    ['the last of two', { [MAIN]: 'dkms_tree=/srv/a\ndkms_tree=/srv/b\n' }, '/srv/b'],
    ['quotes in pieces', { [MAIN]: `dkms_tree=/srv/"a b"'c d'/e\n` }, '/srv/a bc d/e'],
    ['a variable', { [MAIN]: 'base=/srv\ndkms_tree=$base/dkms\n' }, '/srv/dkms'],
    ['a variable in braces', { [MAIN]: `base="/srv/x"\ndkms_tree="\${base}y"\n` }, '/srv/xy'],
    ['a default', { [MAIN]: `dkms_tree="\${TTKMD_UNSET_BASE:-/srv}/dkms"\n` }, '/srv/dkms'],
    ['its own default', { [MAIN]: 'dkms_tree="$dkms_tree/own"\n' }, '/var/lib/dkms/own'],
    ['both', { [MAIN]: 'source_tree=/opt/src\ndkms_tree=$source_tree/tree\n' }, '/opt/src/tree', '/opt/src'],
    ['other settings beside', { [MAIN]: 'verbose=""\nsign_file="/lib/$kernelver/x"\n' }, '/var/lib/dkms'],
    [
      'a name that only begins so',
      { [MAIN]: 'dkms_tree_old=/srv/a\nmy_dkms_tree=/srv/b\n' },
      '/var/lib/dkms',
    ],
    [
      'a later file wins',
      { [MAIN]: 'dkms_tree=/srv/a\n', [`${DROP}/10.conf`]: 'dkms_tree=/srv/b\n', [`${DROP}/20.conf`]: '' },
      '/srv/b',
    ],
    [
      'a file that builds on the one before',
      { [MAIN]: 'dkms_tree=/srv/a\n', [`${DROP}/10.conf`]: 'dkms_tree+=/b\ndkms_tree=$dkms_tree/c\n' },
      '/srv/a/b/c',
    ],
    [
      'files of other names are none',
      { [`${DROP}/a.conf.bak`]: 'dkms_tree=/srv/a\n', [`${DROP}/.b.conf`]: 'dkms_tree=/srv/b\n' },
      '/var/lib/dkms',
    ],
    [
      'what is decided elsewhere in the file',
      { [MAIN]: 'if true; then\n  verbose=1\nfi\ndkms_tree=/srv/a\n' },
      '/srv/a',
    ],
    ['what is set anew after a riddle', { [MAIN]: 'dkms_tree=$(pwd)\ndkms_tree=/srv/a\n' }, '/srv/a'],
    ['lines that go on', { [MAIN]: 'dkms_tree=/srv/\\\ndkms\n' }, '/srv/dkms'],
  ])('%s', (_, files, tree, sourceTree = '/usr/src') => {
    expect(bash(files)).toEqual([tree, sourceTree]);
    expect(readFramework(hostWith(files).fs)).toEqual({ tree, sourceTree, unreadable: undefined });
  });

  it('a carriage return at the end, which dkms takes off from 3.2 on', () => {
    expect(readFramework(hostWith({ [MAIN]: 'dkms_tree="/srv/a"\r\n' }).fs).tree).toBe('/srv/a');
  });
});

describe('a tree that only bash could tell', () => {
  it.each<[string, string, number]>([
    ['a command', 'dkms_tree=$(readlink /srv/x)\n', 1],
    ['backquotes', '\ndkms_tree="`pwd`"\n', 2],
    ['a variable that is not set here', 'dkms_tree="/srv/$HOSTNAME/dkms"\n', 1],
    ['what depends', 'if [ -d /srv ]; then\n  dkms_tree=/srv/dkms\nfi\n', 2],
    ['what depends, in a line', '[ -d /srv ] && dkms_tree=/srv/dkms\n', 1],
    ['what depends, by cases', 'case $x in\n  a) dkms_tree=/srv/dkms;;\nesac\n', 2],
    ['a function', 'f() {\n dkms_tree=/srv/dkms\n}\nf\n', 2],
    ['another file', '. /etc/site.conf\n', 1],
    ['another file, by its long name', 'source /etc/site.conf\n', 1],
    ['an expansion with a pattern', `a=/srv/x\ndkms_tree=\${a%/x}/dkms\n`, 2],
    ['an assignment by an expansion', `: \${dkms_tree:=/srv/dkms}\n`, 1],
    ['declare', 'declare dkms_tree=/srv/dkms\n', 1],
    ['a home', 'dkms_tree=~/dkms\n', 1],
    ['an array', 'dkms_tree=(/srv/a /srv/b)\n', 1],
    ['quotes that do not end', 'dkms_tree="/srv/dkms\n', 1],
    ['a dollar that dkms would fill in after all', "dkms_tree='/srv/$x'\n", 1],
    ['nothing', 'dkms_tree=\n', 1],
    ['no absolute path', 'dkms_tree="dkms"\n', 1],
    ['an assignment for one command', 'dkms_tree=/srv/a true\n', 1],
  ])('%s', (_, text, line) => {
    expect(readFramework(hostWith({ [MAIN]: text }).fs)).toEqual({
      tree: '/var/lib/dkms',
      sourceTree: '/usr/src',
      unreadable: { place: `${MAIN}:${line}`, text: text.split('\n')[line - 1]?.trim() },
    });
  });
});
