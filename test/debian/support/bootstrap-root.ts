// A fresh root with an unpacked release, and a server on loopback that has whatever a bootstrap downloads.

import {
  type Archive,
  DRIVER_ARCHIVE,
  packDriver,
  packScripts,
  packSfpi,
} from '../../system/support/archives.ts';
import { DownloadServer } from '../../system/support/download-server.ts';
import { FreshRoot, unpackedRelease } from '../../system/support/fresh-root.ts';
import type { RunResult } from '../../system/support/sandbox-options.ts';

export const SFPI = 'sfpi_1.0.0_x86_64_debian.txz';
export const INFERENCE = 'tt-inference-server-0.0.1.tar.gz';
export const BUNDLE = 'fw_pack-0.0.1.fwbundle';

/** What downloads of Python packages need of this machine, where it has certificates of its own. */
export const WEB = {
  SSL_CERT_FILE: '/etc/ssl/certs/ca-certificates.crt',
  TTKMD_DOWNLOAD_PATIENCE: '2000',
};

const VERSIONS = '/root/versions.json';

/** What begins every call: the file of versions is there. */
export const BOOTSTRAP = ['/mnt/bootstrap.sh', '--versions', VERSIONS];

type Name = typeof DRIVER_ARCHIVE | typeof SFPI | typeof INFERENCE | typeof BUNDLE;

export class BootstrapRoot implements AsyncDisposable {
  readonly root: FreshRoot;
  readonly server: DownloadServer;
  readonly archives: Readonly<Record<Name, Archive>>;

  private constructor(root: FreshRoot, server: DownloadServer, archives: Record<Name, Archive>) {
    this.root = root;
    this.server = server;
    this.archives = archives;
  }

  /**
   * @param slow seconds that the driver's build takes longer, and files that SFPI has more, so that they can be
   * interrupted
   */
  static async create(slow: { driver?: number; sfpi?: number } = {}): Promise<BootstrapRoot> {
    const [root, driver, sfpi, inference, bundle] = await Promise.all([
      unpackedRelease().then(FreshRoot.create),
      packDriver(slow.driver),
      packSfpi(SFPI, slow.sfpi),
      packScripts(INFERENCE, 'tt-inference-server-0.0.1', {
        'run.py': 'import os, sys\nprint(os.getcwd(), sys.argv[1:])\n',
      }),
      packScripts('bundle.tar.gz', 'bundle', { manifest: '{}' }),
    ]);
    const archives = { [DRIVER_ARCHIVE]: driver, [SFPI]: sfpi, [INFERENCE]: inference, [BUNDLE]: bundle };
    const made = new BootstrapRoot(root, await DownloadServer.create(archives), archives);
    await root.write(VERSIONS, JSON.stringify(made.versions()));
    return made;
  }

  /** As a file of them has it. */
  versions() {
    const from = (name: Name) => ({ url: this.server.address(name), sha256: this.archives[name].sha256 });
    return {
      schema: 1,
      driver: { version: '1.0.0-sample', ...from(DRIVER_ARCHIVE) },
      tools: { 'tt-smi': '6.1.0', 'tt-flash': '3.10.0', 'tt-topology': '1.2.20' },
      firmware: { version: '0.0.1', ...from(BUNDLE) },
      sfpi: { version: '1.0.0', x86_64: from(SFPI) },
      metalium: { image: 'localhost/tt-metalium', tag: 'v0.0.1' },
      inference: { version: '0.0.1', ...from(INFERENCE) },
    };
  }

  run(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<RunResult> {
    return this.root.run([...BOOTSTRAP, ...args], { env: { ...WEB, ...env } });
  }

  shell(script: string): Promise<RunResult> {
    return this.root.run(['sh', '-c', script]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.server[Symbol.dispose]();
    await this.root[Symbol.asyncDispose]();
  }
}
