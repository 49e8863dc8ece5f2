// SPDX-License-Identifier: MIT
/* The page at /: the connection, the detector, what is mounted now, and the events as they come. */

import { showConnection } from './connection.js';
import { showDetector } from './detector.js';
import { showEvents } from './events.js';
import { showMounts } from './mounts.js';

const hostcast = await window.App.ws.ready;

showConnection(hostcast);
showDetector(hostcast);
showMounts(hostcast);
showEvents(hostcast);
