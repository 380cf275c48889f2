/** An alert as one readable line, for terminals and logs of others. */
import { oneLine } from "../base/log.ts";
import type { AlertMessage } from "../model/message.ts";
import { failingFor } from "./alert_parts.ts";

/** Title, summary and facts. Everything that came from outside is escaped: a target cannot forge a line or move the cursor. */
export function alertLine(message: AlertMessage): string {
  const facts = [`target ${message.kind} ${message.target}`];
  if (message.error !== "") facts.push(`error ${message.error}`);
  if (message.since !== "") facts.push(`since ${message.since} (${failingFor(message)})`);
  for (const tried of message.tried) facts.push(`tried ${tried}`);
  if (message.incident !== "") facts.push(`incident ${message.incident}`);
  return oneLine(`${message.title}: ${message.summary} [${facts.join("; ")}]`);
}
