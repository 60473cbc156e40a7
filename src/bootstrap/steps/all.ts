// All steps by their names.
import type { BootstrapStep, StepName } from '../step.ts';
import { driver } from './driver.ts';
import { metalium, podman, sfpi } from './extras.ts';
import { firmware } from './firmware.ts';
import { hugepages } from './hugepages.ts';
import { inferenceServer } from './inference.ts';
import { kernelOptions } from './kernel-options.ts';
import { hooks, program, service } from './own.ts';
import { packages } from './packages.ts';
import { source } from './source.ts';
import { tool } from './tools.ts';

export const STEPS: Readonly<Record<StepName, BootstrapStep>> = {
  program,
  packages,
  'kernel-options': kernelOptions,
  source,
  hugepages,
  driver,
  hooks,
  service,
  'tt-smi': tool('tt-smi'),
  'tt-flash': tool('tt-flash'),
  'tt-topology': tool('tt-topology'),
  firmware,
  sfpi,
  podman,
  'tt-metalium': metalium,
  'tt-inference-server': inferenceServer,
};
