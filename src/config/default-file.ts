// The ttkmd.conf that is shipped: every setting with its default, commented out.
import { SECTIONS, SETTINGS } from './schema.ts';

/** The text of the shipped file; it sets nothing, so that a better default of a later version counts. */
export function renderDefaultFile(): string {
  const head = [
    '# Settings of ttkmd. Every line that is commented out shows its default.',
    '# Files in /etc/ttkmd/ttkmd.conf.d/*.conf are read after this one, by name, and win over it.',
    '# Durations are written as 90s, 15m or 6h, sizes as 4G.',
    '# See what holds, and why:    ttkmdctl config show',
    '# See whether all is well:    ttkmdctl config check',
  ];
  const sections = SECTIONS.flatMap(({ name, description }) => [
    '',
    `# ${description}`,
    `[${name}]`,
    ...SETTINGS.filter(({ section }) => section === name).flatMap((setting) => [
      '',
      ...wrapped(setting.description).map((line) => `# ${line}`),
      `#${`${setting.key} = ${setting.written}`.trimEnd()}`,
    ]),
  ]);
  return `${[...head, ...sections].join('\n')}\n`;
}

const FILE_WIDTH = 98;

function wrapped(text: string): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + word.length >= FILE_WIDTH) {
      lines.push(line);
      line = word;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  return [...lines, line];
}
