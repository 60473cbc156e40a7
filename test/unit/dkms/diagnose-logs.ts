// What dkms prints around make's own words, in its two shapes; taken from real failed builds.

export const BUILD = '/var/lib/dkms/tenstorrent/2.9.0/build';

/** A failed build as dkms 3.0.10 tells it, its make.log behind it. */
export function log30(make: string, release: string, status = 2): string {
  return `Sign command: /usr/lib/linux-kbuild-6.1/scripts/sign-file
Signing key: /var/lib/dkms/mok.key
Public certificate (MOK): /var/lib/dkms/mok.pub

Building module:
Cleaning build area...
make -j2 KERNELRELEASE=${release} -C /lib/modules/${release}/build M=${BUILD}...(bad exit status: ${status})
Error! Bad return status for module build on kernel: ${release} (x86_64)
Consult ${BUILD}/make.log for more information.
DKMS make.log for tenstorrent-2.9.0 for kernel ${release} (x86_64)
Sat Nov 21 03:34:23 UTC 2026
make: Entering directory '/usr/src/linux-headers-${release}'
${make}
make: Leaving directory '/usr/src/linux-headers-${release}'
`;
}

/** The same as dkms 3.2.2 tells it. */
export function log32(make: string, release: string, status = 2): string {
  return `Sign command: /lib/modules/${release}/build/scripts/sign-file
Signing key: /var/lib/dkms/mok.key
Public certificate (MOK): /var/lib/dkms/mok.pub

Building module(s)...(bad exit status: ${status})
Failed command:
make -j2 KERNELRELEASE=${release} -C /lib/modules/${release}/build M=${BUILD}

Error! Bad return status for module build on kernel: ${release} (x86_64)
Consult ${BUILD}/make.log for more information.
DKMS (dkms-3.2.2) make.log for tenstorrent/2.9.0 for kernel ${release} (x86_64)
Sat Nov 21 03:34:28 UTC 2026

Building module(s)
# command: make -j2 KERNELRELEASE=${release} -C /lib/modules/${release}/build M=${BUILD}
make: Entering directory '/usr/src/linux-headers-${release}'
${make}
make: Leaving directory '/usr/src/linux-headers-${release}'

# exit code: ${status}
# elapsed time: 00:00:01
----------------------------------------------------------------
`;
}
