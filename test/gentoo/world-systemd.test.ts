// Kernels come through installkernel with USE=systemd, and so systemd's kernel-install.
import { emergeWorld } from './world.ts';

emergeWorld('systemd');
