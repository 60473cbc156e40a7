// Kernels come through Gentoo's traditional installkernel.
import { emergeWorld } from './world.ts';

emergeWorld('traditional');
