// Prints how many milliseconds of a look go into the modules' checks; runs inside a sandbox.

import { observeDkms } from '../src/dkms/tree.ts';
import { observeInstalled } from '../src/driver/installed.ts';
import { PACKAGE } from '../src/driver/sources.ts';
import { localHost } from '../src/host/local-host.ts';
import { observeKernels } from '../src/kernels/inventory.ts';
import { observeChecks } from '../src/reconcile/check-modules.ts';
import { loadChecks } from '../src/state/checks.ts';

const ROUNDS = 15;

const host = localHost();
const kernels = observeKernels(host);
const dkms = observeDkms(host.fs, PACKAGE, host.machine.arch);
const installed = await observeInstalled(
  host,
  kernels.map(({ release }) => release),
);
const modules = new Map(
  [...installed].map(([release, module]) => [release, { ...module, mismatch: undefined }]),
);

const times: number[] = [];
let isKnown = true;
for (let round = 0; round < ROUNDS; round += 1) {
  const start = performance.now();
  const { changed } = await observeChecks(host, kernels, modules, dkms, loadChecks(host.fs));
  times.push(performance.now() - start);
  isKnown &&= !changed;
}
times.sort((a, b) => a - b);
console.log(
  JSON.stringify({ isKnown, modules: modules.size, first: times.at(-1), median: times[ROUNDS >> 1] }),
);
