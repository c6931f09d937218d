// SPDX-License-Identifier: MIT
// Says what is wrong with an OpenAPI description: node test/pages/validate.js FILE
import { Validator } from "@seriousme/openapi-schema-validator";

const validator = new Validator();
const result = await validator.validate(process.argv[2]);
if (!result.valid) console.error(JSON.stringify(result.errors, null, 2));
console.log(`OpenAPI ${validator.version}`);
process.exitCode = result.valid ? 0 : 1;
