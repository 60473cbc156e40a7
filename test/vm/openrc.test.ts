// ttkmd's services through real boots, with OpenRC.

import { lifeWith } from './life.ts';

lifeWith('openrc');
