// SPDX-License-Identifier: Apache-2.0
// Preloaded (NODE_OPTIONS=--require) beside an SDK that nobody changes: its HTTP client then takes HTTPS_PROXY from the environment.
const { createRequire } = require('node:module');
const { setGlobalDispatcher, EnvHttpProxyAgent } = createRequire(`${__dirname}/../../node/package.json`)('undici');

setGlobalDispatcher(new EnvHttpProxyAgent());
