/** Every kind of check. A new one is a file beside this and a line here. */
import type { AnyProbe, JudgedProbe, Probe } from "../model/plugin.ts";
import { DNS } from "./dns.ts";
import { DOCKER } from "./docker.ts";
import { GROUP } from "./group.ts";
import { HTTP } from "./http.ts";
import { ICMP } from "./icmp.ts";
import { IMAP } from "./imap.ts";
import { GRPC } from "./grpc.ts";
import { KAFKA } from "./kafka.ts";
import { MONGODB } from "./mongodb.ts";
import { MQTT } from "./mqtt.ts";
import { MYSQL } from "./mysql.ts";
import { POSTGRES } from "./postgres.ts";
import { RABBITMQ } from "./rabbitmq.ts";
import { REDIS } from "./redis.ts";
import { KUBERNETES } from "./kubernetes.ts";
import { PUSH } from "./push.ts";
import { SCRIPT } from "./script.ts";
import { SMTP } from "./smtp.ts";
import { SSH } from "./ssh.ts";
import { SYSTEMD } from "./systemd.ts";
import { TCP } from "./tcp.ts";
import { TLS } from "./tls.ts";
import { UDP } from "./udp.ts";
import { WEBSOCKET } from "./websocket.ts";

// A registry forgets the configurations' types: what comes out of a schema goes only into the same plug-in's split.
export const PROBES: readonly AnyProbe[] = [
  HTTP as Probe,
  TCP as Probe,
  ICMP as Probe,
  SCRIPT as Probe,
  DOCKER as Probe,
  DNS as Probe,
  TLS as Probe,
  UDP as Probe,
  WEBSOCKET as Probe,
  GRPC,
  REDIS,
  POSTGRES,
  MYSQL,
  MONGODB,
  KAFKA,
  RABBITMQ,
  MQTT,
  SMTP,
  IMAP,
  SSH,
  SYSTEMD as Probe,
  KUBERNETES as Probe,
  GROUP as JudgedProbe,
  PUSH as JudgedProbe,
];
