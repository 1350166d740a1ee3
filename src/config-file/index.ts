export { createHandlerFrom } from './create.js';
export type { HostOptions } from './create.js';
export { ConfigFileError } from './problem.js';
export type { ConfigProblem } from './problem.js';
export type { Place } from './parse-json.js';
export { parseConfig, readConfig, readConfigFile } from './read.js';
export type { ReadConfigOptions } from './read.js';
export type { AccessSettings, GatewaySection, LogLevel, Settings, VerificationSettings } from './settings.js';
export type { Environment } from './schema/text.js';
