// A reconcile on a host in memory, with nobody who waits or watches.
import { loadConfig } from '../../../src/config/load.ts';
import type { Host } from '../../../src/host/host.ts';
import type { Policy } from '../../../src/reconcile/plan.ts';
import { type ReconcileOptions, type Report, reconcile } from '../../../src/reconcile/reconcile.ts';
import { POLICY } from './machines.ts';

export function runReconcile(
  host: Host,
  policy: Partial<Policy> = {},
  options: Partial<ReconcileOptions> = {},
): Promise<Report> {
  return reconcile(host, {
    config: loadConfig(host.fs).config,
    configWarnings: [],
    policy: { ...POLICY, ...policy },
    dryRun: false,
    patience: 0,
    signal: new AbortController().signal,
    makeOptions: undefined,
    onEvent() {},
    onWait() {},
    ...options,
  });
}
