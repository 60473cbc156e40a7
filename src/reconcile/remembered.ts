// What is left of a kernel that belongs to ttkmd or to dkms's record of the driver. Pure.
import type { Observation } from './observation.ts';

/** Whether dkms or ttkmd remembers anything of a release. */
export function isRemembered({ archives, dkms, state }: Observation, release: string): boolean {
  return (
    archives.has(release) ||
    release in state.modules ||
    release in state.failures ||
    dkms.active.some((link) => link.release === release) ||
    dkms.versions.some((version) => version.built.some((one) => one.release === release))
  );
}

/** Whether the module that a killed installation had taken is put back before anything else is done. */
export function isPutBack({ remains }: Observation, release: string): boolean {
  return remains.some(
    ({ what, path }) => what === 'kept-module' && path.startsWith(`/lib/modules/${release}/`),
  );
}

/** Whether our module lies in the release's own folder; one that depmod's index names elsewhere is not ours to touch. */
export function leavesModule({ modules }: Observation, release: string): boolean {
  return modules.get(release)?.path.startsWith(`/lib/modules/${release}/`) ?? false;
}
