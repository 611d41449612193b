/** Imported first by every benchmark: a failure ends it with one line, as on the command line, without a stack trace. */
import { endWithOutput, reportFailure } from '../src/cli/failure.ts';

endWithOutput();
process.on('uncaughtException', (error) => {
  reportFailure(error);
  process.exit();
});
