// What a reconcile would do, in its own words: what the steps that let one do the work go by.
import type { Bench } from './step.ts';

export interface Outlook {
  readonly steps: readonly { readonly kind: string; readonly text: string }[];
  readonly kernels: readonly {
    readonly release: string;
    readonly module: { readonly state: string; readonly reason?: string | null };
  }[];
  /** The mount of hugepages; undefined in a chroot. */
  readonly mount: { readonly path: string; readonly state: string } | undefined;
}

interface Document {
  readonly steps: Outlook['steps'];
  readonly status: {
    readonly kernels: Outlook['kernels'];
    readonly hugepages?: { readonly mount: NonNullable<Outlook['mount']> } | null;
  };
}

/** Undefined where it cannot be told. */
export async function outlook({ hands }: Bench, ...args: string[]): Promise<Outlook | undefined> {
  // It ends with 1 where nothing is to be done and kernels lack the driver all the same.
  const { stdout } = await hands.ask(['reconcile', '--dry-run', '--json', ...args]);
  try {
    const { steps, status } = JSON.parse(stdout) as Document;
    return { steps, kernels: status.kernels, mount: status.hugepages?.mount };
  } catch {
    return undefined;
  }
}

export function isOfHugepages({ kind }: Outlook['steps'][number]): boolean {
  return kind.endsWith('Hugepages');
}
