/** Every channel an alert can go to. A new one is a file beside this and a line here. */
import type { Notifier } from "../model/plugin.ts";
import { ALERTMANAGER } from "./alertmanager.ts";
import { CONSOLE } from "./console.ts";
import { DISCORD } from "./discord.ts";
import { EMAIL } from "./email.ts";
import { EXEC } from "./exec.ts";
import { GOOGLECHAT } from "./googlechat.ts";
import { GOTIFY } from "./gotify.ts";
import { LOG } from "./log.ts";
import { MATRIX } from "./matrix.ts";
import { MATTERMOST } from "./mattermost.ts";
import { NTFY } from "./ntfy.ts";
import { OPSGENIE } from "./opsgenie.ts";
import { PAGERDUTY } from "./pagerduty.ts";
import { PUSHOVER } from "./pushover.ts";
import { SLACK } from "./slack.ts";
import { SMS } from "./sms.ts";
import { SYSLOG } from "./syslog.ts";
import { TEAMS } from "./teams.ts";
import { TELEGRAM } from "./telegram.ts";
import { WEBHOOK } from "./webhook.ts";

export const NOTIFIERS: readonly Notifier[] = [
  LOG,
  CONSOLE,
  WEBHOOK,
  EMAIL,
  PAGERDUTY,
  OPSGENIE,
  SLACK,
  DISCORD,
  TEAMS,
  TELEGRAM,
  MATTERMOST,
  MATRIX,
  GOOGLECHAT,
  PUSHOVER,
  NTFY,
  GOTIFY,
  SMS,
  ALERTMANAGER,
  SYSLOG,
  EXEC,
];
