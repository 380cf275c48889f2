/** Every channel an alert can go to. A new one is a file beside this and a line here. */
import type { Notifier } from "../model/plugin.ts";
import { CONSOLE } from "./console.ts";
import { LOG } from "./log.ts";
import { PAGERDUTY } from "./pagerduty.ts";
import { SLACK } from "./slack.ts";
import { WEBHOOK } from "./webhook.ts";

export const NOTIFIERS: readonly Notifier[] = [LOG, CONSOLE, WEBHOOK, PAGERDUTY, SLACK];
