import { assertion } from './assertion.js';
import { check } from './check.js';
import { compare } from './compare.js';
import type { Command } from './command.js';
import { gateway } from './gateway.js';
import { explore } from './explore.js';
import { inspect } from './inspect.js';
import { jwks } from './jwks.js';
import { keygen } from './keygen.js';
import { register } from './register.js';
import { token } from './token.js';

/** Every command, in the order in which somebody new to it all needs them. */
export const COMMANDS: readonly Command[] = [
  gateway,
  keygen,
  jwks,
  register,
  assertion,
  token,
  inspect,
  check,
  compare,
  explore,
];
