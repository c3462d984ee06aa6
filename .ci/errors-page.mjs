// Writes src/base/ERRORS.md from the error table (`npm run fix`); a test compares the two.
import { writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const { errorTable } = await import(process.argv[2] ?? join(root, "dist/src/base/errors.js"));
const rows = Object.entries(errorTable).map(([code, row]) => `| \`${code}\` | ${row.grpcStatus} | ${row.retry} | ${row.hint} |`);
const page = `# Errors

Every error has a code that never changes its meaning; it travels in the gRPC error detail (\`bigmap.v1.ErrorDetail\`) and stands
in \`BigMapError.code\`. Programs decide by the code and by the advice, never by the text:

- *permanent*: the same call will fail again;
- *transient*: nothing was done; the same call may succeed later;
- *outcome unknown*: an update may or may not have been applied; read before deciding.

| code | gRPC status | advice | what to do |
|---|---|---|---|
${rows.join("\n")}
`;
writeFileSync(join(root, "src/base/ERRORS.md"), page);
