/** What the flags of `cpra run` come to: a layer of settings, and addresses to listen on. */
import type { Settings, SettingsLayer } from "../manifest/settings.ts";
import { LISTEN_FORMS, parseListenAddress } from "../server/listen_address.ts";
import type { ServerBoot } from "../server/messages.ts";
import type { RunOptions } from "./command.ts";
import { StartError } from "./start_error.ts";

/** What the command line says of the settings: the last layer of them. */
export function flagsLayer(options: RunOptions): SettingsLayer {
  const { debug, logLevel, logFormat, listen, pprof, pprofAddr, state, dryRun, freezeFile } = options;
  const remediation = {
    ...(dryRun === undefined ? {} : { dry_run: dryRun }),
    ...(freezeFile === undefined ? {} : { freeze_file: freezeFile }),
  };
  return {
    remediation,
    ...(debug === undefined ? {} : { debug }),
    ...(logLevel === undefined ? {} : { log_level: logLevel }),
    ...(logFormat === undefined ? {} : { log_format: logFormat }),
    ...(listen === undefined ? {} : { listen }),
    ...(pprof === undefined ? {} : { pprof }),
    ...(state === undefined ? {} : { state }),
    ...(pprofAddr === undefined ? {} : { pprof_addr: pprofAddr }),
  };
}

/** The profiling address answers to everything, with profiles unless they are off; `listen` is a further one without. */
export function listenAddresses({ listen, pprof, pprofAddr }: Settings): ServerBoot["listen"] {
  const parse = (text: string, option: string, withProfiles: boolean) => {
    const address = parseListenAddress(text);
    if (address === undefined) {
      throw new StartError(`${option} is ${JSON.stringify(text)}; expected ${LISTEN_FORMS}`, 2);
    }
    return { ...address, option, pprof: withProfiles };
  };
  const main = parse(pprofAddr, "--pprof.addr", pprof);
  return listen === null || listen === pprofAddr ? [main] : [main, parse(listen, "--listen", false)];
}
