// `ttkmdctl service`: whether the services are enabled and running, and enabling and disabling them.
import { EXIT, TtkmdError } from '../host/errors.ts';
import type { Host } from '../host/host.ts';
import { localHost } from '../host/local-host.ts';
import { enabledUpstreamUnits } from '../hugepages/upstream.ts';
import { openInit } from '../init/detect.ts';
import type { Deed, Init, ServiceState } from '../init/services.ts';
import { upstreamText } from '../reconcile/hugepage-problems.ts';
import { type Context, type GlobalOptions, openContext } from './context.ts';
import type { Terminal } from './terminal.ts';

const WITHOUT_INIT = {
  message: 'Neither systemd nor OpenRC was found here.',
  hint: 'Let your own init run `ttkmdctl hugepages apply --boot` early and `ttkmdctl boot` late at boot, and `ttkmdctl daemon` from then on.',
};

export interface ServiceOptions extends GlobalOptions {
  readonly now?: boolean;
}

/** Exit status 0 where every service is enabled and none that should run is down, 1 where one is, or no init is. */
export async function serviceStatus(options: GlobalOptions & { readonly json?: boolean }): Promise<number> {
  const { host, config, terminal } = openContext(options);
  const init = openInit(host, outerExec());
  if (init === undefined) return statusWithoutInit(terminal, options.json ?? false);
  const services = await init.states();
  const advice = adviseOn(init, services, host.root);
  const beside =
    init.kind === 'systemd' && config.hugepages.mode !== 'off' ? enabledUpstreamUnits(host.fs) : [];
  const notes = beside.length === 0 ? [] : [upstreamText(beside)].map(({ text, hint }) => `${text}: ${hint}`);
  if (options.json) {
    const plain = services.map((one) => ({ ...one, running: one.running ?? null }));
    const document = { schema: 1, init: init.kind, live: init.live, services: plain, advice, notes };
    terminal.line(JSON.stringify(document, undefined, 2));
  } else {
    render(init, services, advice, terminal);
    for (const text of notes) terminal.line(`  ${terminal.style('dim', '·')} ${text}`);
  }
  return advice.length === 0 ? EXIT.ok : EXIT.unhealthy;
}

/** To look is no step that could fail: nothing is enabled here, and nothing could be. */
function statusWithoutInit(terminal: Terminal, json: boolean): number {
  if (json) {
    const document = { schema: 1, init: null, live: false, services: [], advice: [WITHOUT_INIT.hint] };
    terminal.line(JSON.stringify(document, undefined, 2));
  } else {
    terminal.line(`${terminal.style('yellow', '●')} no services: ${WITHOUT_INIT.message}`);
    terminal.line(`  ${terminal.style('cyan', '→')} ${WITHOUT_INIT.hint}`);
  }
  return EXIT.unhealthy;
}

export async function enableServices(options: ServiceOptions): Promise<number> {
  const context = openContext(options);
  const init = requireInit(context.host);
  requireRoot(context.host);
  const missing = (await init.states()).filter(({ installed }) => !installed);
  if (missing.length > 0) {
    throw new TtkmdError(
      'service-missing',
      `${missing.map(({ name }) => name).join(' and ')} ${missing.length === 1 ? 'is' : 'are'} not installed for ${init.kind}.`,
      'Install ttkmd again from its release: it brings what belongs to the init that is there.',
      EXIT.stepFailed,
    );
  }
  const deeds = await init.enable();
  if (options.now && init.live && deeds.every(({ done }) => done)) {
    context.terminal.raw(
      'starting the services; where the driver has to be built first, that takes minutes\n',
    );
    deeds.push(...(await init.start()));
  }
  return tell(
    context,
    init,
    deeds,
    options,
    'they start at the next boot; at once: ttkmdctl service enable --now',
  );
}

export async function disableServices(options: ServiceOptions): Promise<number> {
  const context = openContext(options);
  const init = requireInit(context.host);
  requireRoot(context.host);
  const deeds = await init.disable();
  if (options.now && init.live) deeds.push(...(await init.stop()));
  return tell(
    context,
    init,
    deeds,
    options,
    'what runs goes on until the next boot; at once: ttkmdctl service disable --now',
  );
}

/** Before the program goes: its services are not to start, or run on, without it. Problems end nothing. */
export async function withdrawServices({ host, terminal }: Context): Promise<void> {
  const init = host.machine.effectiveUser === 0 ? openInit(host, outerExec()) : undefined;
  if (init === undefined || (await init.states()).every(({ installed }) => !installed)) return;
  const deeds = [...(init.live ? await init.stop() : []), ...(await init.disable())];
  for (const { done, text } of deeds) if (!done) terminal.raw(`${text}\n`);
}

/** After files of the services came, changed or went: what runs is to be what is there. */
export async function refreshServices({ host, terminal }: Context): Promise<void> {
  const init = openInit(host, outerExec());
  for (const { text } of (await init?.refresh()) ?? []) terminal.raw(`${text}\n`);
}

function tell(
  { terminal }: Context,
  init: Init,
  deeds: readonly Deed[],
  { now, root }: ServiceOptions,
  later: string,
): number {
  for (const { done, text } of deeds) {
    if (done) terminal.line(text);
    else terminal.raw(`${text}\n`);
  }
  if (deeds.length === 0) terminal.line('nothing to do');
  const failed = deeds.some(({ done }) => !done);
  if (failed) terminal.raw(`  → see: ${journalOf(init, 'ttkmd')}\n`);
  else if (now && !init.live) terminal.line(`nothing was started or stopped: ${whyNotLive(root)}`);
  else if (!now && init.live && deeds.length > 0) terminal.line(later);
  return failed ? EXIT.stepFailed : EXIT.ok;
}

/** What the admin should do, if anything. */
function adviseOn(init: Init, services: readonly ServiceState[], root: string): string[] {
  const inside = root === '/' ? '' : ` --root ${root}`;
  const advice: string[] = [];
  if (services.some(({ installed }) => !installed)) {
    return ['not all services are installed: install ttkmd again from its release'];
  }
  for (const { name } of services.filter(({ masked }) => masked)) {
    advice.push(`${name} is masked; if that was not meant, as root: systemctl unmask ${name}`);
  }
  if (services.some(({ enabled, masked }) => !enabled && !masked)) {
    advice.push(
      `start them at each boot, as root: ttkmdctl${inside} service enable${init.live ? ' --now' : ''}`,
    );
  } else if (services.some(({ running }) => running === 'stopped')) {
    advice.push('start them, as root: ttkmdctl service enable --now');
  }
  for (const { name } of services.filter(({ running }) => running === 'failed')) {
    advice.push(`${name} has failed: ${journalOf(init, name)}; then ttkmdctl status tells what to do`);
  }
  return advice;
}

function journalOf(init: Init, name: string): string {
  return init.kind === 'systemd'
    ? `journalctl -b -u ${name}`
    : `rc-service ${name} status, and the system's log`;
}

function render(
  init: Init,
  services: readonly ServiceState[],
  advice: readonly string[],
  terminal: Terminal,
): void {
  const mark = terminal.style(advice.length === 0 ? 'green' : 'yellow', '●');
  const name = init.kind === 'systemd' ? 'systemd' : 'OpenRC';
  terminal.line(`${mark} services under ${name}${init.live ? '' : ', which does not run here now'}`);
  const width = Math.max(...services.map((one) => one.name.length));
  for (const one of services) {
    const at = one.masked ? 'masked' : one.enabled ? 'enabled' : 'not enabled';
    const words = one.installed
      ? [at, ...(one.running === undefined ? [] : [wordFor(one)])]
      : ['not installed'];
    terminal.line(`  ${one.name.padEnd(width)}  ${words.join(', ')}`);
  }
  for (const text of advice) terminal.line(`  ${terminal.style('cyan', '→')} ${text}`);
}

/** A oneshot that has ended well and a target do not run: they are done and reached. */
function wordFor({ role, running }: ServiceState): string {
  if (running === 'skipped') return 'skipped: not for this machine, as in a container';
  if (running !== 'running') return running ?? '';
  switch (role) {
    case 'daemon':
      return 'running';
    case 'boot':
      return 'driver loaded or not needed';
    case 'hugepages':
      return 'hugepages in place or not needed';
    case 'target':
      return 'reached';
  }
}

function requireInit(host: Host): Init {
  const init = openInit(host, outerExec());
  if (init !== undefined) return init;
  throw new TtkmdError('init-missing', WITHOUT_INIT.message, WITHOUT_INIT.hint, EXIT.stepFailed);
}

function requireRoot({ machine }: Host): void {
  if (machine.effectiveUser === 0) return;
  throw new TtkmdError(
    'not-root',
    'Enabling and disabling services needs root.',
    'Run it again as root; ttkmdctl service status needs none.',
    EXIT.rights,
  );
}

function whyNotLive(root: string): string {
  return root === '/' ? 'no init runs here, as in a chroot' : `${root} is another system`;
}

function outerExec() {
  return localHost('/').exec;
}
