// Where things are in this repository, for the system tests.

import { dirname, join } from 'node:path';

export const PROJECT = dirname(dirname(dirname(import.meta.dirname)));
export const CACHE = join(PROJECT, '.cache');
export const FIXTURES = join(PROJECT, 'test/fixtures');
export const NODE = join(PROJECT, 'node_modules/.bin/node');
export const DIST = join(PROJECT, 'dist');
