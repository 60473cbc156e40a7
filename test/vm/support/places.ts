// Where the vm tests keep what they make, and where they find what they are made of.

import { join } from 'node:path';
import { CACHE } from '../../system/support/project.ts';

/** Everything of this tier; kept between runs. */
export const FOLDER = join(CACHE, 'vm');

/** The disks of guests that live; what a killed run left here is removed by the next one. */
export const GUESTS = join(FOLDER, 'guests');

/** The scripts that make root file systems and disks. */
export const IMAGE_SCRIPTS = join(import.meta.dirname, 'image');

/** What is put into every guest, and what by its init system; laid out as on disk. */
export const ROOTFS = join(import.meta.dirname, 'rootfs');

/** The init systems that guests boot with. */
export const INITS = ['systemd', 'openrc'] as const;

export type Init = (typeof INITS)[number];
