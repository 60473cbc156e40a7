// `ttkmdctl devices`: each card, what drives it, and who holds it.
import { observeCards } from '../driver/device-details.ts';
import { observeDevices, PCI_DEVICES } from '../driver/devices.ts';
import { observeLoaded } from '../driver/loaded.ts';
import { EXIT } from '../host/errors.ts';
import { deviceEntry, holderEntry } from '../reconcile/device-entries.ts';
import { type GlobalOptions, openContext } from './context.ts';
import { renderDevice } from './render-devices.ts';

export async function devices(options: GlobalOptions & { readonly json?: boolean }): Promise<number> {
  const { host, config, configWarnings, terminal } = openContext(options);
  // A card that only the configuration makes one would be missed without a word.
  for (const { place, message } of configWarnings) terminal.raw(`${place}: ${message}\n`);
  const cards = observeCards(host, observeDevices(host.fs, config.devices.extra));
  if (options.json) {
    const document = {
      schema: 1,
      devices: cards.devices.map((device) => deviceEntry(device, cards)),
      holders: cards.holders.map(holderEntry),
      holdersComplete: cards.complete,
    };
    terminal.line(JSON.stringify(document, undefined, 2));
    return EXIT.ok;
  }
  if (cards.devices.length === 0) {
    terminal.line(
      host.fs.exists(PCI_DEVICES)
        ? 'no Tenstorrent device is here'
        : `no device can be seen: there is no ${PCI_DEVICES}`,
    );
  }
  const loaded = observeLoaded(host.fs);
  for (const [index, device] of cards.devices.entries()) {
    if (index > 0) terminal.line();
    for (const line of renderDevice(device, cards, loaded, terminal)) terminal.line(line);
  }
  return EXIT.ok;
}
