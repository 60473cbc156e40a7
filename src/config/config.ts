// The settings as the rest of the program sees them: typed, validated, complete.

export type OnFailure = 'warn' | 'fail';
export type ReloadPolicy = 'never' | 'when-idle' | 'boot';

/** Durations are in milliseconds, sizes in bytes. */
export interface Config {
  readonly driver: { readonly version: string; readonly keepOld: number; readonly reload: ReloadPolicy };
  readonly kernels: {
    readonly exclude: readonly string[];
    readonly archive: boolean;
    readonly archiveSize: number;
  };
  readonly build: {
    readonly jobs: number | 'auto';
    readonly nice: number;
    readonly timeLimit: number;
    readonly logsKept: number;
  };
  readonly hook: { readonly onFailure: OnFailure; readonly timeLimit: number };
  readonly watch: { readonly settle: number; readonly resync: number };
  readonly boot: { readonly timeLimit: number };
  readonly hugepages: {
    readonly mode: 'auto' | 'always' | 'off';
    readonly wormhole: number;
    readonly blackhole: number;
    readonly grayskull: number;
    readonly total: number | undefined;
    readonly extraPages: number;
    readonly keepFree: number;
    readonly mount: string;
    /** Permission bits, e.g. 0o777. */
    readonly mountMode: number;
    readonly mountGroup: string | undefined;
  };
  readonly devices: {
    readonly extra: readonly { readonly vendor: string; readonly device: string; readonly family: string }[];
  };
  readonly signing: { readonly key: string | undefined; readonly certificate: string | undefined };
  readonly control: { readonly group: string };
  readonly log: {
    readonly level: 'debug' | 'info' | 'warn' | 'error';
    readonly format: 'auto' | 'pretty' | 'json';
  };
}
