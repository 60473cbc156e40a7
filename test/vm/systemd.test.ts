// ttkmd's services through real boots, with systemd.

import { lifeWith } from './life.ts';

lifeWith('systemd');
