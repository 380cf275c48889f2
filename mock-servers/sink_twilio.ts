/**
 * Twilio's "Create a Message" as published: checks the account, the numbers and the body, answers with Twilio's error codes.
 * Sources: twilio.com/docs/messaging/api/message-resource, "Magic input" numbers of the test credentials, error dictionary.
 */
import { type Schema, z } from "../src/base/schema.ts";
import { checkForm } from "./sink_check.ts";
import { json, type Sink, type SinkOptions, startSink } from "./sink_faults.ts";

export interface TwilioSink extends Sink {
  readonly accountSid: string;
  readonly authToken: string;
  readonly messages: readonly TwilioMessage[];
}

const MESSAGE = z.strictObject({
  To: z.string(),
  From: z.string().optional(),
  MessagingServiceSid: z.string().regex(/^MG[0-9a-fA-F]{32}$/).optional(),
  Body: z.string(),
});

export type TwilioMessage = z.output<typeof MESSAGE>;

const ACCOUNT = "AC0000000000000000000000000000dead";
const AUTH_TOKEN = "T0KENtwilio";

export async function startTwilioSink(options: SinkOptions = {}): Promise<TwilioSink> {
  const messages: TwilioMessage[] = [];
  const sink = await startSink(options, (request) => {
    const credentials = Buffer.from(`${ACCOUNT}:${AUTH_TOKEN}`).toString("base64");
    if (request.headers["authorization"] !== `Basic ${credentials}`) {
      return fault(401, 20_003, "Authenticate");
    }
    if (request.path !== `/2010-04-01/Accounts/${ACCOUNT}/Messages.json`) {
      return fault(404, 20_404, `The requested resource ${request.path} was not found`);
    }
    if (request.method !== "POST") return fault(405, 20_004, "Method not allowed");
    const checked = checkForm<TwilioMessage>(MESSAGE as Schema<TwilioMessage>, request.body);
    if ("fault" in checked) return fault(400, 20_001, `${checked.field} ${checked.fault}`);
    const wrong = messageFault(checked.value);
    if (wrong !== undefined) return fault(400, ...wrong);
    messages.push(checked.value);
    return json(201, {
      sid: `SM${"0".repeat(32)}`,
      status: "queued",
      body: checked.value.Body,
      to: checked.value.To,
    });
  });
  return { ...sink, accountSid: ACCOUNT, authToken: AUTH_TOKEN, messages };
}

function messageFault({ To, From, MessagingServiceSid, Body }: TwilioMessage): [number, string] | undefined {
  if (!/^\+[1-9]\d{6,14}$/.test(To)) return [21_211, `Invalid 'To' Phone Number: ${To}`];
  if (To === "+15005550001") return [21_211, `The 'To' number ${To} is not a valid phone number.`];
  if (To === "+15005550004") return [21_610, "Attempt to send to unsubscribed recipient"];
  if (From === undefined && MessagingServiceSid === undefined) {
    return [21_603, "A 'From' phone number is required."];
  }
  if (From === "+15005550001") return [21_212, `The 'From' number ${From} is not a valid phone number.`];
  if (Body === "") return [21_602, "Message body is required."];
  if (Body.length > 1600) return [21_617, "The concatenated message body exceeds the 1600 character limit."];
  return undefined;
}

function fault(status: number, code: number, message: string) {
  return json(status, { code, message, "more_info": `https://www.twilio.com/docs/errors/${code}`, status });
}
