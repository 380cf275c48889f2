/** All programs that are measured side by side. A further one is a file here and a line below. */
import { CLOUDPROBER } from "./cloudprober.ts";
import { CPRA } from "./cpra.ts";
import { GATUS } from "./gatus.ts";
import { HAPROXY } from "./haproxy.ts";
import { MONIT } from "./monit.ts";
import { NAGIOS } from "./nagios.ts";
import type { Peer } from "./peer.ts";
import { PROMETHEUS } from "./prometheus.ts";

export const PEERS: readonly Peer[] = [CPRA, MONIT, HAPROXY, PROMETHEUS, NAGIOS, GATUS, CLOUDPROBER];
