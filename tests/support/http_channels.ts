/** For every notifier that speaks HTTP: a configuration that sends to `url` and holds the secret T0KEN wherever it has one. */
const SID = `${"0".repeat(28)}dead`;

export const HTTP_CHANNELS: Readonly<Record<string, (url: string) => Readonly<Record<string, unknown>>>> = {
  webhook: (url) => ({
    url: `${url.replace("//", "//u:T0KEN@")}/T0KEN`,
    secret: "T0KEN",
    headers: { "X-Key": "T0KEN" },
  }),
  pagerduty: (url) => ({ url: `${url}/v2/enqueue`, routing_key: "T0KEN" }),
  opsgenie: (url) => ({ url: `${url}/v2/alerts`, api_key: "T0KEN" }),
  slack: (url) => ({ hook: `${url}/T0KEN` }),
  discord: (url) => ({ url: `${url}/api/webhooks/123456789012345678/T0KEN` }),
  teams: (url) => ({ url: `${url}/workflows/T0KEN/invoke?sig=T0KEN` }),
  telegram: (url) => ({ url, token: "123456:T0KEN", chat_id: 7 }),
  mattermost: (url) => ({ url: `${url}/hooks/T0KEN` }),
  matrix: (url) => ({ url, token: "T0KEN", room: "!abc:example.org" }),
  googlechat: (url) => ({ url: `${url}/v1/spaces/T0KEN/messages?key=T0KEN&token=T0KEN` }),
  pushover: (url) => ({ url, token: `aT0KEN${"a".repeat(24)}`, user: `uT0KEN${"u".repeat(24)}` }),
  ntfy: (url) => ({ url, topic: "T0KEN", token: "tk_T0KEN" }),
  gotify: (url) => ({ url, token: "T0KEN" }),
  alertmanager: (url) => ({ url: `${url.replace("//", "//u:T0KEN@")}/T0KEN`, token: "T0KEN" }),
  sms: (url) => ({
    to: "+491701234567",
    twilio: { account_sid: `AC${SID}`, auth_token: "T0KEN", from: "cpra", url },
  }),
};
